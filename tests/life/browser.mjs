// @ts-check
// One Chromium with tabs as a person has them: hidden where another is in front, throttled, frozen, kept for the way back.
// puppeteer drives it and not playwright, which has every page believe that it is in front. The pages' address has the
// package beside it and videos behind it, which answer as a script says: by the number of a request and never by the
// clock, so that a busy machine changes nothing.

import { createReadStream } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";
import { findChromium } from "../support/chromium.mjs";
import { startServer } from "../support/server.mjs";

const DIST = fileURLToPath(new URL("../../pkg/dist/", import.meta.url));
const LOAD = fileURLToPath(new URL("load.js", import.meta.url));
const TYPES = /** @type {Record<string, string>} */ ({ ".js": "text/javascript", ".wasm": "application/wasm" });

export const pending = { status: "PENDING" };
/** @param {number} creditsUsed */
export const generating = (creditsUsed) => ({ status: "GENERATING_VIDEO", creditsUsed });
export const done = { status: "DONE", url: "https://media.example/video.webm" };

/**
 * @typedef {object} Arrival a request for a video
 * @property {number} number from 1
 * @property {number} atMs
 * @property {string} tab the query of the page that sent it
 * @property {boolean} isOpen whether it waits for its response
 *
 * @typedef {object} Video
 * @property {string} id
 * @property {Arrival[]} requests
 * @property {number} maxInFlight
 * @property {(holds: (video: Video) => boolean) => Promise<void>} until resolves once `holds` is true
 */

/** Serves a blank page, the package, the load, and videos. */
export async function serve() {
  /** @type {Map<string, { respond: (request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => Promise<unknown> }>} */
  const videos = new Map();

  /**
   * A video, and the body of each response for it; a promise of one holds the response back.
   * @param {(request: Arrival) => unknown} script
   * @returns {Video}
   */
  function video(script) {
    /** @type {Set<() => void>} */
    const waiting = new Set();
    const changed = () => waiting.forEach((look) => look());
    /** @type {Video} */
    const own = {
      id: `video-${videos.size}`,
      requests: [],
      maxInFlight: 0,
      until: (holds) =>
        new Promise((resolve) => {
          const look = () => {
            if (!holds(own)) return;
            waiting.delete(look);
            resolve();
          };
          waiting.add(look);
          look();
        }),
    };
    videos.set(own.id, {
      async respond({ headers }, response) {
        const tab = new URL(headers.referer ?? "http://none").search;
        const request = { number: own.requests.length + 1, atMs: performance.now(), tab, isOpen: true };
        own.requests.push(request);
        own.maxInFlight = Math.max(own.maxInFlight, own.requests.filter(({ isOpen }) => isOpen).length);
        response.once("close", () => {
          request.isOpen = false;
          changed();
        });
        changed();
        const body = await script(request);
        // Before the response is out, or a quick tab would seem to be ahead of it.
        request.isOpen = false;
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(body));
      },
    });
    return own;
  }

  const { origin, close: stop } = await startServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const asked = videos.get(pathname.split("/").at(-1) ?? "");
    if (pathname.startsWith("/api/") && asked) return void asked.respond(request, response);
    const file = pathname === "/load.js" ? LOAD : /^\/package\/[\w./-]+$/.test(pathname) && !pathname.includes("..") ? DIST + pathname.slice("/package/".length) : undefined;
    if (file) {
      response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
      return createReadStream(file).once("error", () => response.writeHead(404).end()).pipe(response);
    }
    response.writeHead(pathname.endsWith(".ico") ? 204 : 200, { "content-type": "text/html; charset=utf-8" });
    return response.end(pathname.endsWith(".ico") ? undefined : "<!doctype html><title>A page</title>");
  });
  return { origin, video, stop };
}

/** A promise, and what resolves it. */
export function gate() {
  let open = () => {};
  const opened = new Promise((resolve) => void (open = () => resolve(undefined)));
  return { opened, open };
}

/** What puppeteer switches off so that tests see no difference between a tab in front and one behind. */
const REAL = ["--disable-back-forward-cache", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding"];

export async function launch() {
  const { program, switches } = findChromium();
  const args = [...switches, "--js-flags=--expose-gc", "--enable-precise-memory-info"];
  // Whether something hangs is for the runner to say.
  return puppeteer.launch({ executablePath: program, args, ignoreDefaultArgs: REAL, protocolTimeout: 0, timeout: 0 });
}

let tabs = 0;

/**
 * A tab with the package loaded and one client, `own`, in a window of its own: tabs cover those of the same window only.
 * Whatever reaches nobody in it is in `complaints`; `name` is what requests say of it.
 * @param {import("puppeteer-core").Browser} browser
 * @param {string} origin
 * @param {{ options?: import("../../pkg/dist/index.js").ClientOptions, context?: import("puppeteer-core").BrowserContext }} [how] a client's options; whose tab it is
 */
export async function openTab(browser, origin, { options = {}, context: given } = {}) {
  const context = given ?? (await browser.createBrowserContext());
  const page = await context.newPage({ type: "window" });
  page.setDefaultTimeout(0);
  /** @type {string[]} */
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  tabs += 1;
  const name = `?tab-${tabs}`;
  await page.goto(`${origin}/${name}`);
  const devtools = await page.createCDPSession();
  await page.evaluate(
    async (options) => {
      const entry = "/package/index.js";
      const { VideoClient } = await import(entry);
      Object.assign(globalThis, { VideoClient, own: new VideoClient({ baseUrl: "/", ...options }), polls: {} });
    },
    /** @type {{}} */ (options),
  );
  return {
    page,
    name,
    devtools,
    complaints,
    newTab: () => context.newPage(),
    freeze: () => devtools.send("Page.setWebLifecycleState", { state: "frozen" }),
    thaw: () => devtools.send("Page.setWebLifecycleState", { state: "active" }),
    close: () => context.close(),
  };
}

/** Puts another tab in front. @param {Awaited<ReturnType<typeof openTab>>} tab */
export async function coverUp({ page, newTab }) {
  const other = await newTab();
  await other.bringToFront();
  await page.waitForFunction(() => document.visibilityState === "hidden", { polling: 50 });
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
      const kept = (polls[id] = { poll, end: undefined, updates: [], startedAt: performance.now() });
      poll.subscribe((/** @type {any} */ update) => void kept.updates.push(update));
      const settled = (/** @type {string} */ end) => Object.assign(kept, { end, endedAt: performance.now() });
      kept.over = poll.done.then(() => settled("done"), (/** @type {any} */ error) => settled(error.code ?? error.name));
    },
    id,
    /** @type {{}} */ (options),
  );
}

/**
 * @typedef {{ end?: string, tookMs: number, updates: any[], token: string }} Known what a page knows of a poll
 * @param {import("puppeteer-core").Page} page
 * @param {string} id
 * @returns {Promise<Known>} also from a page that is frozen
 */
export function record(page, id) {
  return page.evaluate((id) => {
    const { poll, end, endedAt, startedAt, updates } = /** @type {any} */ (globalThis).polls[id];
    return { end, tookMs: endedAt - startedAt, updates, token: poll.resumeToken() };
  }, id);
}

/**
 * The record of a poll, once it has ended.
 * @param {import("puppeteer-core").Page} page
 * @param {string} id
 */
export async function ended(page, id) {
  await page.evaluate((id) => /** @type {any} */ (globalThis).polls[id].over.then(() => {}), id);
  return record(page, id);
}

/**
 * Resolves once an update of a poll has a member of this value.
 * @param {import("puppeteer-core").Page} page
 * @param {string} id
 * @param {keyof import("../../pkg/dist/index.js").VideoUpdate} member
 * @param {unknown} value
 */
export async function updated(page, id, member, value) {
  await page.evaluate(
    (id, member, value) =>
      new Promise((resolve) => {
        const { poll, updates } = /** @type {any} */ (globalThis).polls[id];
        const look = (/** @type {any} */ update) => void (update[member] === value && resolve(undefined));
        updates.forEach(look);
        poll.subscribe(look);
      }),
    id,
    member,
    /** @type {any} */ (value),
  );
}
