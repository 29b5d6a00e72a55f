// @ts-check
// One Chromium with tabs as a person has them: hidden where another is in front, throttled, frozen, kept for the way back.
// puppeteer drives it and not playwright, which has every page believe that it is in front. The pages' address has the
// package beside it and the simulator behind it, and counts what was asked for each video.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer, request as ask } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";
import { KEY, url as simulator } from "../node/simulator.mjs";

const DIST = fileURLToPath(new URL("../../pkg/dist/", import.meta.url));
const LOAD = fileURLToPath(new URL("load.js", import.meta.url));
const TYPES = /** @type {Record<string, string>} */ ({ ".js": "text/javascript", ".wasm": "application/wasm" });

/** Serves a blank page, the package, the load, and whatever the simulator answers. */
export async function serve() {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname.startsWith("/api/")) return forward(request, response);
    const file = pathname === "/load.js" ? LOAD : /^\/package\/[\w./-]+$/.test(pathname) && !pathname.includes("..") ? DIST + pathname.slice("/package/".length) : undefined;
    if (file) {
      response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
      return createReadStream(file).once("error", () => response.writeHead(404).end()).pipe(response);
    }
    response.writeHead(pathname.endsWith(".ico") ? 204 : 200, { "content-type": "text/html; charset=utf-8" });
    return response.end(pathname.endsWith(".ico") ? undefined : "<!doctype html><title>A page</title>");
  });
  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  function forward({ url = "/", method = "GET" }, response) {
    const outgoing = ask(new URL(url, simulator), { method, headers: { "x-api-key": KEY }, agent: false });
    outgoing.once("error", () => response.socket?.resetAndDestroy());
    outgoing.once("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.once("error", () => response.destroy());
      answer.pipe(response);
    });
    response.once("close", () => outgoing.destroy());
    outgoing.end();
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** What puppeteer switches off so that tests see no difference between a tab in front and one behind. */
const REAL = ["--disable-back-forward-cache", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding"];

export async function launch() {
  const { CHROME, CHROME_ARGS } = process.env;
  assert.ok(CHROME && CHROME_ARGS, "CHROME and CHROME_ARGS must name the browser and its switches");
  const args = [...JSON.parse(CHROME_ARGS), "--js-flags=--expose-gc", "--enable-precise-memory-info"];
  return puppeteer.launch({ executablePath: CHROME, args, ignoreDefaultArgs: REAL });
}

/**
 * A tab with the package loaded and one client, `own`, in a window of its own: tabs cover those of the same window only.
 * Whatever reaches nobody in it is in `complaints`.
 * @param {import("puppeteer-core").Browser} browser
 * @param {string} origin
 */
export async function openTab(browser, origin) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(origin);
  const devtools = await page.createCDPSession();
  await page.evaluate(async () => {
    const entry = "/package/index.js";
    const { VideoClient } = await import(entry);
    Object.assign(globalThis, { VideoClient, own: new VideoClient({ baseUrl: "/" }), polls: {} });
  });
  return { page, devtools, complaints, newTab: () => context.newPage(), close: () => context.close() };
}

/**
 * Starts a poll in a page, which keeps a record of it under the id.
 * @param {import("puppeteer-core").Page} page
 * @param {string} id
 * @param {import("../../pkg/dist/index.js").PollOptions} [options]
 */
export async function start(page, id, options = {}) {
  await page.evaluate(
    (/** @type {string} */ id, /** @type {any} */ options) => {
      const { own, polls } = /** @type {any} */ (globalThis);
      const poll = own.poll(id, options);
      /** @type {any} */
      const kept = (polls[id] = { poll, end: undefined, endedAt: undefined, statuses: [], startedAt: performance.now() });
      poll.subscribe((/** @type {any} */ update) => kept.statuses.push(update.retrying ? `${update.status}, ${update.retrying}` : update.status));
      const settled = (/** @type {string} */ end) => Object.assign(kept, { end, endedAt: performance.now() });
      poll.done.then(() => settled("done"), (/** @type {any} */ error) => settled(error.code ?? error.name));
    },
    id,
    /** @type {{}} */ (options),
  );
}

/**
 * What is known in the page of a poll; also a page that is frozen tells.
 * @param {import("puppeteer-core").Page} page
 * @param {string} id
 * @returns {Promise<{ end?: string, tookMs?: number, statuses: string[], requests: number, token: string }>}
 */
export function record(page, id) {
  return page.evaluate((id) => {
    const { poll, end, endedAt, startedAt, statuses } = /** @type {any} */ (globalThis).polls[id];
    return { end, tookMs: endedAt - startedAt, statuses, requests: poll.current?.requests ?? 0, token: poll.resumeToken() };
  }, id);
}

/**
 * The record of a poll, once it has ended.
 * @param {import("puppeteer-core").Page} page
 * @param {string} id
 * @param {number} [ms]
 */
export async function ended(page, id, ms = 20_000) {
  for (const giveUp = Date.now() + ms; ;) {
    const known = await record(page, id);
    if (known.end !== undefined) return known;
    assert.ok(Date.now() < giveUp, `${id} did not end within ${ms} ms: ${JSON.stringify(known)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
