// @ts-check
// WebKitGTK's MiniBrowser, driven over WebDriver in plain HTTP. It knows no mode without a window, so it gets a
// display without a screen; both are ended by their own process ids. It must never appear on a person's display.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { unusedOrigin } from "../support/server.mjs";
import { required, WIDE } from "./engine.mjs";

/** @type {import("./engine.mjs").Engine} */
export const webkit = {
  name: "webkit",
  async launch(colorScheme = "light") {
    const display = await startDisplay();
    const driver = await startDriver(display.name, colorScheme).catch(async (error) => {
      await display.end();
      throw error;
    });
    /** @type {import("./engine.mjs").Page | undefined} */
    let latest;
    return {
      async open(url, size = WIDE) {
        // It drives one browser at a time; a test that failed has left its own behind.
        await latest?.close();
        latest = await open(driver.call, url, size);
        return latest;
      },
      async close() {
        await latest?.close();
        await driver.end();
        await display.end();
      },
    };
  },
};

/** A display on the first free number, which it picks itself. */
async function startDisplay() {
  // By default it starts anew whenever its last client leaves, and shuts out a browser that comes just then.
  const args = ["-displayfd", "3", "-screen", "0", "1600x4800x24", "-nolisten", "tcp", "-noreset"];
  const child = spawn(required("XVFB"), args, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const end = ending(child);
  const numbers = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
  const [number] = await Promise.race([once(numbers, "data"), unexpected(child, "Xvfb")]);
  return { name: `:${String(number).trim()}`, end };
}

/**
 * @param {string} display
 * @param {import("./engine.mjs").ColorScheme} colorScheme
 */
async function startDriver(display, colorScheme) {
  const port = await freePort();
  const child = spawn(required("WEBKIT_DRIVER"), [`--port=${port}`, "--host=127.0.0.1"], {
    stdio: "ignore",
    // The engine takes the person's wish from the desktop's theme.
    env: { ...process.env, DISPLAY: display, WAYLAND_DISPLAY: "", GDK_BACKEND: "x11", GTK_THEME: colorScheme === "dark" ? "Adwaita:dark" : "Adwaita" },
  });
  const end = ending(child);
  const ended = unexpected(child, "WebKitWebDriver");
  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  const call = async (method, path, body) => {
    // Longer than any script of a test: a browser that died at its start is waited for without end.
    const signal = AbortSignal.timeout(150_000);
    const answer = fetch(`http://127.0.0.1:${port}${path}`, { method, signal, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const response = await Promise.race([answer, ended]);
    const { value } = /** @type {{ value: any }} */ (await response.json());
    assert.ok(response.ok, `${method} ${path}: ${JSON.stringify(value)}`);
    return value;
  };
  // It does not say when it listens.
  for (const giveUp = Date.now() + 30_000; ; await sleep(50)) {
    const status = await call("GET", "/status").catch((error) => {
      if (child.exitCode !== null || Date.now() > giveUp) throw error;
    });
    if (status?.ready) return { call, end };
  }
}

/**
 * A browser of its own, whose leavings go with it.
 * @typedef {(method: string, path: string, body?: unknown) => Promise<any>} Call
 * @param {Call} call
 * @param {string} url
 * @param {import("./engine.mjs").Size} size
 * @returns {Promise<import("./engine.mjs").Page>}
 */
async function open(call, url, size) {
  let isOpen = true;
  const { sessionId, capabilities } = await call("POST", "/session", {
    capabilities: {
      alwaysMatch: {
        pageLoadStrategy: "eager",
        timeouts: { script: 120_000, pageLoad: 60_000 },
        "webkitgtk:browserOptions": { binary: required("WEBKIT_BROWSER"), args: ["--automation"] },
      },
    },
  });
  const session = `/session/${sessionId}`;
  /** @type {import("./engine.mjs").Page} */
  const page = {
    complaints: [],
    version: String(capabilities.browserVersion),
    async run(expression) {
      const script = `const done = arguments[0];
        (async () => ${expression})().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
      const { value, error } = await call("POST", `${session}/execute/async`, { script, args: [] });
      assert.equal(error, undefined);
      return value;
    },
    async resize({ width, height }) {
      // The window holds a toolbar too.
      await call("POST", `${session}/window/rect`, { x: 0, y: 0, width, height });
      const [innerWidth, innerHeight] = await page.run("[innerWidth, innerHeight]");
      const whole = { width: width + Math.max(0, width - innerWidth), height: height + height - innerHeight };
      await call("POST", `${session}/window/rect`, { x: 0, y: 0, ...whole });
    },
    reload: () => call("POST", `${session}/refresh`, {}),
    async screenshot(path) {
      // It shows what the window does, and no screen limits that.
      const [width, height, whole] = await page.run("[innerWidth, innerHeight, document.documentElement.scrollHeight]");
      await page.resize({ width, height: whole });
      await page.run("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn, 100))))");
      await writeFile(path, await call("GET", `${session}/screenshot`), "base64");
      await page.resize({ width, height });
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      await call("DELETE", session);
    },
  };
  await page.resize(size);
  await call("POST", `${session}/url`, { url });
  return page;
}

/** One that was free a moment ago: the driver cannot be asked which it took. */
async function freePort() {
  return new URL(await unusedOrigin()).port;
}

/**
 * Rejects when a program ends; somebody waits for more than that.
 * @param {import("node:child_process").ChildProcess} child
 * @param {string} name
 * @returns {Promise<never>}
 */
function unexpected(child, name) {
  const ended = new Promise((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`${name} has ended: ${code ?? signal}`)));
  });
  ended.catch(() => {}); // in time it is meant to end
  return /** @type {Promise<never>} */ (ended);
}

/**
 * How to end a program, which does not outlive this one either.
 * @param {import("node:child_process").ChildProcess} child
 */
function ending(child) {
  const kill = () => void child.kill();
  process.once("exit", kill);
  return async () => {
    process.off("exit", kill);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    kill();
    await ended;
  };
}
