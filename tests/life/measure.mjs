// @ts-check
// Figures of a life in Node and in Chromium, by what each of them says of its memory once its garbage is collected.

import assert from "node:assert/strict";
import { entry } from "../node/package.mjs";
import { program } from "../node/processes.mjs";
import { FINALIZERS } from "./figures.mjs";

const LOAD = new URL("load.js", import.meta.url).href;

/** Runs `work` three times over and prints what is there before and after each. */
const MEASURE = `
  const { openLedger, inARow, atOnce } = await import(load);
  const ledger = openLedger();
  const { VideoClient: Watched } = await import(entry + "?ledger");
  const tick = () => new Promise((resolve) => setTimeout(resolve, 5));
  const collected = async () => {
    // The host's fetch has finalizers of its own and takes its time for them, and the last poll may be on its stack.
    const isLeft = () => ledger.read().finalizers > most || ledger.alive() > 0;
    for (let round = 0; round < 4 || (round < 200 && isLeft()); round += 1) { await tick(); gc(); }
    return { ...ledger.read(), alive: ledger.alive(), heap: process.memoryUsage().heapUsed };
  };
  const figures = [];
  for (const part of parts) {
    const did = await { inARow, atOnce, overHttp }[work](Watched, ledger, part);
    figures.push({ ...did, ...(await collected()) });
  }
  console.log(JSON.stringify(figures));
  async function overHttp(Client, ledger, count) {
    const own = new Client({ baseUrl, apiKey });
    const ends = {};
    for (let at = 0; at < count; at += 1) {
      const poll = own.poll(ids[at % ids.length], { minIntervalMs: 1, maxIntervalMs: 3, maxConsecutiveFailures: 1 });
      ledger.watch(poll);
      const end = await poll.done.then(({ status }) => status, ({ code }) => code);
      ends[end] = (ends[end] ?? 0) + 1;
    }
    return { ends };
  }`;

/**
 * In a Node process of its own.
 * @param {import("./figures.mjs").Work | "overHttp"} work
 * @param {number[]} parts a first one in which all is made that is made once, then two like each other
 * @param {Record<string, unknown>} [more]
 * @returns {Promise<any[]>}
 */
export async function inNode(work, parts, more = {}) {
  const parameters = { work, parts, load: LOAD, entry, most: FINALIZERS, ...more };
  const { lines, errors, code } = await program(MEASURE, parameters, ["--expose-gc", "--unhandled-rejections=strict"]).ended;
  assert.deepEqual([code, errors], [0, ""]);
  return JSON.parse(lines[0] ?? "");
}

/**
 * In a page.
 * @param {import("puppeteer-core").Browser} browser
 * @param {string} origin
 * @param {import("./figures.mjs").Work} work
 * @param {number[]} parts
 */
export async function inChromium(browser, origin, work, parts) {
  const page = await browser.newPage();
  const devtools = await page.createCDPSession();
  await page.goto(origin);
  await page.evaluate(async () => {
    const load = await import(/** @type {any} */ ("/load.js"));
    const ledger = load.openLedger();
    const { VideoClient } = await import(/** @type {any} */ ("/package/index.js"));
    Object.assign(globalThis, { load, ledger, VideoClient });
  });
  const figures = [];
  for (const part of parts) {
    const did = await page.evaluate(
      (work, part) => {
        const { load, ledger, VideoClient } = /** @type {any} */ (globalThis);
        return load[work](VideoClient, ledger, part);
      },
      work,
      part,
    );
    /** @type {any} */
    let left;
    // Finalizers take their time, and the last poll may be on the stack.
    for (let round = 0; round < 4 || (round < 200 && (left.finalizers > FINALIZERS || left.alive > 0)); round += 1) {
      await devtools.send("HeapProfiler.collectGarbage");
      left = await page.evaluate(async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        const { ledger } = /** @type {any} */ (globalThis);
        return { ...ledger.read(), alive: ledger.alive() };
      });
    }
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await devtools.send("Memory.getDOMCounters");
    figures.push({ ...did, ...left, heap: usedSize, nodes, jsEventListeners });
  }
  await page.close();
  assert.equal(figures[2].jsEventListeners, figures[1].jsEventListeners, "listeners that the browser counts");
  return figures;
}
