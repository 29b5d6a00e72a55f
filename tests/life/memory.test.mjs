// @ts-check
// Memory over a long life, in a Node process of its own: polls that have ended, in whichever way, leave nothing. Of what
// is measured, counts must be exact; bytes are held to less than any leak of one object for each poll.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { entry } from "../node/package.mjs";
import { program } from "../node/processes.mjs";
import { client, createVideo, KEY, url } from "../node/simulator.mjs";

const LOAD = new URL("load.js", import.meta.url).href;
const ALL = process.env.ALL === "1";
export const IN_A_ROW = ALL ? 10_000 : 2_000;
export const AT_ONCE = ALL ? 5_000 : 1_000;

/** Runs `work` three times over and prints what is there before and after each. */
const MEASURE = `
  const { openLedger, inARow, atOnce } = await import(load);
  const ledger = openLedger();
  const { VideoClient: Watched } = await import(entry + "?ledger");
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  const collected = async () => {
    for (let round = 0; round < 4; round += 1) { await tick(); gc(); }
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
 * @param {"inARow" | "atOnce" | "overHttp"} work
 * @param {number[]} parts a first one in which all is made that is made once, then two like each other
 * @param {Record<string, unknown>} [more]
 * @returns {Promise<any[]>}
 */
async function measured(work, parts, more = {}) {
  const parameters = { work, parts, load: LOAD, entry, baseUrl: url, apiKey: KEY, ids: [], ...more };
  const { lines, errors, code } = await program(MEASURE, parameters, ["--expose-gc", "--unhandled-rejections=strict"]).ended;
  assert.deepEqual([code, errors], [0, ""]);
  return JSON.parse(lines[0] ?? "");
}

/** @param {any[]} figures */
export function print(/** @type {import("node:test").TestContext} */ test, figures) {
  for (const { heap, pages, slots, length, timers, listeners, finalizers, alive, asked, ends } of figures) {
    test.diagnostic(
      `heap ${(heap / 1024).toFixed(0)} KiB, ${pages} wasm pages, ${slots} values in a table of ${length}; left: ${timers} timers of ${asked.timers}, ` +
        `${listeners} listeners of ${asked.listeners}, ${finalizers} finalizers, ${alive} pollers; ${JSON.stringify(ends)}`,
    );
  }
}

/**
 * @param {any[]} figures
 * @param {number} each polls in each of the last two parts
 * @param {number} finalizers, those of the clients that are still there
 * @param {{ timers: number, listeners: number }} [host] what the host's own fetch keeps
 */
export function leavesNothing([, first, last], each, finalizers, host = { timers: 0, listeners: 0 }) {
  for (const part of [first, last]) {
    assert.equal(part.timers, host.timers, "timers");
    assert.equal(part.listeners, host.listeners, "listeners");
    assert.equal(part.alive, 0, "pollers");
    assert.ok(part.finalizers <= finalizers, `${part.finalizers} finalizers`);
  }
  assert.equal(last.pages, first.pages, "wasm pages");
  assert.equal(last.slots, first.slots, "values in the module's table");
  assert.equal(last.length, first.length, "the length of the module's table");
  const grown = last.heap - first.heap;
  assert.ok(grown < 200_000 + 40 * each, `the heap grew by ${grown} bytes over ${each} polls`);
}

describe("polls leave nothing behind in Node", { timeout: 240_000 }, () => {
  it(`${IN_A_ROW} in a row, ending in every way there is`, async (test) => {
    const half = IN_A_ROW / 2;
    const figures = await measured("inARow", [240, half, half]);
    print(test, figures);
    for (const { ends } of figures) assert.deepEqual(Object.keys(ends), ["right"]);
    leavesNothing(figures, half, 8);
  });

  it(`${AT_ONCE} at once, and again`, async (test) => {
    const figures = await measured("atOnce", [AT_ONCE, AT_ONCE, AT_ONCE]);
    print(test, figures);
    for (const { ends } of figures) assert.deepEqual(ends, { AbortError: AT_ONCE / 10, done: (AT_ONCE * 9) / 10 });
    leavesNothing(figures, AT_ONCE, 8);
  });

  it("over HTTP, with the host's own fetch", async (test) => {
    const wishes = [{ scenario: "quick", speed: 600 }, { scenario: "not-found" }, { scenario: "server-error-for-ever" }];
    const ids = await Promise.all(wishes.map((wish) => createVideo(wish)));
    await client().waitForVideo(ids[0] ?? "");
    const each = ALL ? 500 : 90;
    const figures = await measured("overHttp", [each, each, each], { ids });
    print(test, figures);
    leavesNothing(figures, each, 8, figures[0]);
  });
});
