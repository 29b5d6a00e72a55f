// @ts-check
/**
 * The engines that the package runs in, each behind the same few calls. All of them get the package as it is
 * packed, and none is told what to expect.
 */

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { closure, NEWEST_DATE, startWorkerd } from "../edge/workerd.mjs";
import { evaluate, shows } from "../engines/engine.mjs";
import { firefox } from "../engines/firefox.mjs";
import { webkit } from "../engines/webkit.mjs";
import { unpacked } from "../package/tarball.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { descendants } from "./memory.mjs";

/** @typedef {import("./play.js").Task} Task */
/** @typedef {import("./play.js").Told} Told */
/** @typedef {Omit<Parameters<typeof import("./play.js").latencies>[1], never>} Choice */

/**
 * @typedef {object} Host
 * @property {string} name
 * @property {string} version
 * @property {readonly number[]} pids of the programs it is made of
 * @property {boolean} [pushes] it passes a body on within itself as fast as it comes, read or not
 * @property {(tasks: Task[], together: number) => Promise<Told[]>} playAll
 * @property {(choice: Choice) => ReturnType<typeof import("./play.js").latencies>} latencies
 * @property {() => string} said all that was written to a console
 * @property {() => Promise<void>} end
 */

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DIST = join(unpacked, "dist");

/** What a hostile server serves as files. */
export const FOLDERS = { "/hostile/": HERE, "/package/dist/": `${DIST}/` };

/** Starts one by its name, with its page, if it has any, on this origin. @type {{ [name: string]: (origin: string) => Promise<Host> }} */
const starts = {
  async Node() {
    const entries = ["index.js", "edge.js"].map((file) => pathToFileURL(join(DIST, file)).href);
    const child = fork(join(HERE, "node-program.mjs"), entries, { stdio: ["ignore", "pipe", "pipe", "ipc"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (said += data));
    const unexpected = once(child, "exit").then(([code]) => assert.fail(`Node has ended with ${code}: ${said}`));
    unexpected.catch(() => {}); // in time it is meant to end
    await Promise.race([once(child, "message"), unexpected]);
    const ask = async (/** @type {object} */ message) => {
      const told = once(child, "message");
      child.send(message);
      return (await Promise.race([told, unexpected]))[0];
    };
    return {
      name: "Node",
      version: `Node ${process.versions.node}`,
      pids: [child.pid ?? 0],
      playAll: (tasks, together) => ask({ tasks, together }),
      latencies: (choice) => ask({ choice }),
      said: () => said,
      async end() {
        const ended = once(child, "exit");
        child.kill();
        await ended;
      },
    };
  },

  async Chromium(origin) {
    const browser = await launchChromium();
    const page = await browser.newPage();
    let said = "";
    page.on("console", (message) => (said += `${message.text()} ${message.location().url}\n`));
    page.on("pageerror", (error) => (said += `${error.stack}\n`));
    await page.goto(`${origin}/hostile/page.html`);
    await page.waitForSelector("html[data-ready]");
    return {
      name: "Chromium",
      version: `Chromium ${browser.version()}`,
      pids: [],
      playAll: (tasks, together) => page.evaluate(([tasks, together]) => /** @type {any} */ (globalThis).playAll(tasks, together), /** @type {const} */ ([tasks, together])),
      latencies: (choice) => page.evaluate((choice) => /** @type {any} */ (globalThis).latencies(choice), choice),
      said: () => said,
      end: () => browser.close(),
    };
  },

  async workerd() {
    const { origin, log } = await startWorkerd({
      modules: {
        "worker.js": join(HERE, "worker.js"),
        "play.js": join(HERE, "play.js"),
        ...closure(DIST, "index.workerd.js"),
        ...closure(DIST, "edge.workerd.js"),
      },
      compatibilityDate: NEWEST_DATE,
      environment: {},
    });
    const ask = async (/** @type {object} */ message) => {
      const response = await fetch(origin, { method: "POST", body: JSON.stringify(message) });
      assert.ok(response.ok, `${await response.clone().text()} ${log()}`);
      return /** @type {Promise<any>} */ (response.json());
    };
    return {
      name: "workerd",
      version: `workerd ${createRequire(import.meta.url)("workerd/package.json").version}`,
      pids: [],
      playAll: (tasks, together) => ask({ tasks, together }),
      latencies: (choice) => ask({ choice }),
      said: log,
      async end() {}, // with this process
    };
  },

  Firefox: (origin) => startEngine("Firefox", firefox, origin),
  WebKitGTK: async (origin) => ({ ...(await startEngine("WebKitGTK", webkit, origin)), pushes: true }),
};

/** @param {string} name @param {import("../engines/engine.mjs").Engine} engine @param {string} origin @returns {Promise<Host>} */
async function startEngine(name, engine, origin) {
  const browser = await engine.launch();
  const page = await browser.open(`${origin}/hostile/page.html`);
  await shows(page, "html[data-ready]");
  return {
    name,
    version: `${name} ${page.version}`,
    pids: [],
    // A driver waits two minutes for a script, so it gets some at a time.
    async playAll(tasks, together) {
      /** @type {Told[]} */
      const told = [];
      for (let at = 0; at < tasks.length; at += 30) {
        told.push(...(await evaluate(page, (tasks, together) => /** @type {any} */ (globalThis).playAll(tasks, together), tasks.slice(at, at + 30), together)));
      }
      return told;
    },
    latencies: (choice) => evaluate(page, (choice) => /** @type {any} */ (globalThis).latencies(choice), choice),
    said: () => page.complaints.join("\n"),
    end: () => browser.close(),
  };
}

/** One after the other, so that it can be told which processes are whose. @type {Promise<unknown>} */
let starting = Promise.resolve();

/** @param {string} name @param {string} origin @returns {Promise<Host>} */
export function startHost(name, origin) {
  const own = starting.then(async () => {
    const before = descendants([process.pid]);
    const host = await starts[name]?.(origin);
    assert.ok(host, `no engine is called ${name}`);
    if (host.pids.length > 0) return host;
    const pids = [...descendants([process.pid])].filter((pid) => !before.has(pid));
    return { ...host, pids };
  });
  starting = own.catch(() => {});
  return own;
}
