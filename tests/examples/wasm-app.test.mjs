// @ts-check
// The Rust wasm app of examples/ in Chromium, as its README entry tells to build and serve it: beside a proxy that
// adds the key. WASM_APP names the folder with the generated glue.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { KEY, createVideo, logOf, logWhen, url as simulator } from "../node/simulator.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { startServer } from "../support/server.mjs";

const page = fileURLToPath(new URL("../../examples/wasm-app/index.html", import.meta.url));
const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const { WASM_APP } = process.env;
assert.ok(WASM_APP, "run these tests with `cargo xtask test --only examples`");

/** How often the page itself sent a key to its proxy. */
let sentKeys = 0;
/** The last part of a path, as it stands in the address. @param {string} path */
const lastPart = (path) => path.slice(path.lastIndexOf("/") + 1);
/** What the proxy says of some videos without asking: the first at the first question, the last for ever. @type {Map<string, string[]>} */
const scripts = new Map();

/** @type {import("node:http").RequestListener} */
const respond = async (request, response) => {
  try {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname.startsWith("/video-proxy/")) {
      if (request.headers["x-api-key"]) sentKeys += 1;
      const script = scripts.get(lastPart(pathname));
      if (script) {
        response.end(script.length > 1 ? script.shift() : script[0]);
        return;
      }
      const asked = await fetch(simulator + pathname.slice("/video-proxy".length), { headers: { "x-api-key": KEY }, redirect: "manual" });
      response.writeHead(asked.status, { "content-type": asked.headers.get("content-type") ?? "text/plain" });
      response.end(await asked.text());
      return;
    }
    const file = pathname === "/" ? page : join(WASM_APP, lastPart(pathname));
    const body = await readFile(file);
    response.writeHead(200, { "content-type": types[/** @type {keyof typeof types} */ (extname(file))] ?? "text/plain" });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
};

describe("the Rust wasm app", { timeout: 120_000 }, () => {
  it("exports no class of the npm package", async () => {
    const glue = await readFile(join(WASM_APP, "iacrea_video_wasm_app.js"), "utf8");
    const exported = [...glue.matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
    assert.deepEqual(exported, ["start"]);
  });

  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof startServer>>} */
  let server;
  /** @type {string} */
  let address;
  /** @type {string[]} */
  const complaints = [];

  before(async () => {
    server = await startServer(respond);
    address = `${server.origin}/`;
    browser = await launchChromium();
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** @param {string} query */
  async function open(query) {
    const context = await browser.newContext();
    const tab = await context.newPage();
    tab.on("pageerror", (error) => complaints.push(String(error)));
    await tab.goto(address + query);
    return { tab, status: tab.locator("#status"), bar: tab.locator("#bar"), close: () => context.close() };
  }

  it("draws a video's progress up to its end", async () => {
    const id = await createVideo({ speed: 25, seed: 7 });
    const { tab, status, bar, close } = await open(`?id=${id}`);
    await status.filter({ hasText: /^([1-9]|\d\d) % / }).waitFor();
    const reached = await bar.evaluate((element) => /** @type {HTMLProgressElement} */ (element).value);
    assert.ok(reached > 0 && reached < 1, `${reached}`);
    await status.filter({ hasText: /^100 % DONE/ }).waitFor({ timeout: 90_000 });
    assert.match((await tab.locator("#player").getAttribute("src")) ?? "", /^http.+\/media\//);

    const log = await logWhen(id, ({ inFlight }) => inFlight === 0);
    assert.deepEqual([log.key, log.maxInFlight], [true, 1]);
    assert.equal(sentKeys, 0, "there is no key in the page");
    assert.deepEqual(complaints, []);
    await close();
  });

  it("goes on after a reload where it was", async () => {
    const rendering = JSON.stringify({ status: "RENDERING_VIDEO", progress: 0.5 });
    scripts.set("reloaded", [rendering]);
    const { tab, status, close } = await open("?id=reloaded");
    await status.filter({ hasText: "83 % RENDERING_VIDEO" }).waitFor();
    // Of itself this says nothing about how far the video is.
    scripts.set("reloaded", [JSON.stringify({ status: "PENDING" }), JSON.stringify({ status: "DONE", url: "https://cdn.test/v.mp4" })]);
    await tab.reload();
    await status.filter({ hasText: "83 % PENDING" }).waitFor();
    await status.filter({ hasText: "100 % DONE" }).waitFor();
    await close();
  });

  it("says how it ended where there is no video", async () => {
    const { status, close } = await open("?id=nobody-knows-it");
    await status.and(status.page().locator("[data-code=not_found]")).waitFor();
    assert.match((await status.textContent()) ?? "", /\(HTTP 404\) knows no video of this id\./);
    await close();
  });

  it("asks no more once its page is closed", async () => {
    const id = await createVideo({ speed: 1, seed: 7 });
    const { status, close } = await open(`?id=${id}`);
    await status.filter({ hasText: / % / }).waitFor();
    await close();
    const before = await logWhen(id, ({ inFlight }) => inFlight === 0);
    await new Promise((resolve) => setTimeout(resolve, 6_000)); // longer than its longest pause
    assert.equal((await logOf(id)).requests.length, before.requests.length);
  });
});
