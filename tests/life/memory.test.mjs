// @ts-check
// Memory over a long life, in a Node process of its own: polls that have ended, in whichever way, leave nothing.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { entry } from "../node/package.mjs";
import { program } from "../node/processes.mjs";
import { AT_ONCE, IN_A_ROW, leavesNothing, print } from "./figures.mjs";
import { client, createVideo, KEY, url } from "../node/simulator.mjs";

const LOAD = new URL("load.js", import.meta.url).href;

/** Runs `work` three times over and prints what is there before and after each. */
const MEASURE = `
  const { openLedger, inARow, atOnce } = await import(load);
  const ledger = openLedger();
  const { VideoClient: Watched } = await import(entry + "?ledger");
  const tick = () => new Promise((resolve) => setTimeout(resolve, 5));
  const collected = async () => {
    // The host's fetch has finalizers of its own and takes its time for them, and the last poll may be on its stack.
    const isLeft = () => ledger.read().finalizers > 8 || ledger.alive() > 0;
    for (let round = 0; round < 4 || (round < 100 && isLeft()); round += 1) { await tick(); gc(); }
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
    const each = 500;
    const figures = await measured("overHttp", [each, each, each], { ids });
    print(test, figures);
    leavesNothing(figures, each, 8, { timers: 8, listeners: 8 });
  });
});
