// @ts-check
/**
 * A page that has a key, on an origin of its own: nothing that the browser shows, keeps, logs or sends elsewhere
 * holds it.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { launchChromium } from "../support/chromium.mjs";
import { startServer } from "../support/server.mjs";
import { createVideo, otherOrigin, scenarios, url as simulator } from "./simulator.mjs";
import { BESIDE, echoes, startEchoes, startFront } from "./echoes.mjs";
import { Evidence, KEY } from "./evidence.mjs";
import { isQuick, patienceFor, WITH_ECHOES } from "./patience.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = fileURLToPath(new URL(".", process.env.PACKAGE_ENTRY ?? new URL("../../pkg/dist/index.js", import.meta.url)));
const types = { ".html": "text/html", ".js": "text/javascript" };

describe("a page with a key", { timeout: 280_000 }, () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** All that the page's own origin was asked. @type {string[]} */
  const own = [];
  /** What the page may ask with a key: the API, wherever it is. @type {Set<string>} */
  const apis = new Set();
  let address = "";
  /** @type {Awaited<ReturnType<typeof startServer>>} */
  let server;

  /** @type {import("node:http").RequestListener} */
  async function respond(request, response) {
    own.push(`${request.method} ${request.url} ${JSON.stringify(request.rawHeaders)}`);
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    try {
      const file = path.startsWith("/dist/") ? join(dist, path.slice(6)) : join(here, path === "/" ? "page.html" : path.slice(1));
      const body = await readFile(file);
      response.writeHead(200, { "content-type": types[/** @type {keyof typeof types} */ (extname(file))] ?? "text/plain" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }

  before(async () => {
    server = await startServer(respond);
    address = `${server.origin}/`;
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /**
   * Polls in a page of its own; all that can be seen of it from within and from outside.
   * @param {string} baseUrl
   * @param {{ id: string, pace: object, limits: object }[]} videos
   */
  async function look(baseUrl, videos) {
    const evidence = new Evidence();
    apis.add(new URL(baseUrl).origin);
    const context = await browser.newContext();
    context.setDefaultTimeout(0);
    const page = await context.newPage();
    let withKey = 0;
    page.on("console", (message) => {
      // The browser's own words about an answer quote what the server wrote beside its code.
      if (message.location().url.endsWith("/reason")) return;
      evidence.add("the console", `${message.text()} ${JSON.stringify(message.location())}`);
    });
    page.on("pageerror", (error) => evidence.add("an error of the page", error));
    page.on("framenavigated", (frame) => evidence.add("an address of the page", frame.url()));
    context.on("request", (request) => {
      // It tells of where a redirect points to, though nothing is sent there.
      if (request.redirectedFrom()) return;
      const { origin } = new URL(request.url());
      const headers = { ...request.headers() };
      if (apis.has(origin)) {
        if (headers["x-api-key"] === KEY) withKey += 1;
        // There it is meant to be, and nowhere else in the request.
        delete headers["x-api-key"];
      }
      evidence.add("a request", JSON.stringify([request.method(), request.url(), headers, request.postData()]));
    });
    await page.goto(address);
    await page.waitForFunction("'run' in globalThis");
    const order = { apiKey: KEY, baseUrl, videos };
    /** By id. @type {Record<string, string>} */
    const ends = await page.evaluate((given) => /** @type {any} */ (globalThis).run(given), order);
    evidence.add("seen in the page", await page.evaluate("seen()"));
    evidence.add("the page", await page.content());
    evidence.add("what it keeps", JSON.stringify(await context.storageState()));
    evidence.add("its address", page.url());
    await context.close();
    for (const request of own) evidence.add("what its origin was asked", request);
    return { evidence, ends, withKey };
  }

  it("shows none of it in any scenario, and sends it to no other origin", async (test) => {
    const catalogue = await scenarios();
    const ids = await Promise.all(catalogue.map(({ name }) => createVideo({ scenario: name, speed: 1_000, seed: 7 })));
    const videos = catalogue.map((scenario, at) => ({ id: ids[at] ?? "", ...patienceFor(scenario) }));
    const { evidence, ends, withKey } = await look(await startFront(test, simulator), videos);
    assert.deepEqual(catalogue.filter((scenario, at) => isQuick(scenario) && ends[ids[at] ?? ""] !== "done"), []);
    assert.ok(withKey > catalogue.filter(isQuick).length, `${withKey} requests`);
    assert.ok(!Object.values(ends).includes("internal"), JSON.stringify(ends));
    const { requests } = /** @type {{ requests: unknown[] }} */ (/** @type {unknown} */ (await otherOrigin()));
    evidence.add("what the other origin was sent", requests);
    evidence.isClean();
  });

  it("shows none of it where the server repeats it", async (test) => {
    const api = await startEchoes(test);
    const names = [...echoes.keys()];
    const { evidence, ends, withKey } = await look(api.url, names.map((id) => ({ id, ...WITH_ECHOES })));
    assert.ok(withKey >= names.length && !Object.values(ends).includes("internal"), `${withKey} requests: ${JSON.stringify(ends)}`);
    assert.deepEqual(api.elsewhere, [], "nothing follows a redirect");
    assert.ok(evidence.mentions(BESIDE), "what is around the key comes through");
    assert.ok(evidence.mentions("of a listener"));
    evidence.isClean();
  });
});
