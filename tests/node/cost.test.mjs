// @ts-check
/**
 * What a poll costs, beside the loop that everybody writes by hand; how often it goes from JavaScript into the module
 * and back; and what a waiting job keeps.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { open as openLoop } from "../../benches/peers/clients/hand-written.mjs";
import { countCrossings } from "../../benches/peers/crossings.mjs";
import { entryOf, jobs } from "../../benches/peers/field.mjs";
import { freshPackage } from "./package.mjs";
import { program } from "./processes.mjs";

/** Exact; whoever lowers it lowers this, and whoever raises it says in this line what for: the last, for headers that a given fetch may change. */
const CROSSINGS = 89;
/** Twice what it is, for a busy machine. */
const TIMES_THE_LOOP = 4;
/** In bytes of both heaps, with an answer of eight clips; a third more than it is. */
const EACH_JOB = 10_000;

const baseUrl = "http://memory.example";
const intervalMs = 1;
const headers = { "content-type": "application/json" };

/** @typedef {(fetch: typeof globalThis.fetch) => (id: string) => Promise<unknown>} Open */

/** @type {Open} */
const openHandWritten = (fetch) => openLoop({ baseUrl, fetch, intervalMs });

/** Our client, in a module that nobody else uses. @returns {Promise<Open>} */
async function ours() {
  const { VideoClient } = await freshPackage();
  return (fetch) => {
    const client = new VideoClient({ baseUrl, fetch });
    return (id) => client.waitForVideo(id, { minIntervalMs: intervalMs, maxIntervalMs: intervalMs });
  };
}

/**
 * Waits for jobs that are told "not done" so many times, each time with other words.
 * @param {Open} open
 * @param {number} count
 * @param {number} pendings
 */
async function wait(open, count, pendings) {
  const { answer } = jobs(entryOf("iacrea-video"), { pendings, changing: true });
  const one = open(async (input) => new Response(answer(String(input)), { headers }));
  await Promise.all(Array.from({ length: count }, (_, at) => one(`job-${at}`)));
}

describe("a poll", { timeout: 120_000 }, () => {
  it(`crosses between JavaScript and the module ${CROSSINGS} times at most`, async (test) => {
    const crossings = countCrossings();
    test.after(crossings.end);
    const open = await ours();
    const crossed = async (/** @type {number} */ pendings) => {
      crossings.clear();
      await wait(open, 1, pendings);
      return [...crossings.into.values(), ...crossings.out.values()].reduce((sum, count) => sum + count, 0);
    };
    await crossed(10);
    // The remainder is a table that grows now and then.
    const perPoll = Math.floor(((await crossed(220)) - (await crossed(20))) / 200);
    test.diagnostic(`${perPoll} crossings for each poll`);
    assert.ok(perPoll > 0, "they are counted");
    assert.ok(perPoll <= CROSSINGS, `${perPoll} crossings`);
  });

  it(`takes at most ${TIMES_THE_LOOP} times the processor of the hand-written loop`, async (test) => {
    const openOurs = await ours();
    const took = async (/** @type {Open} */ open) => {
      const before = process.cpuUsage();
      await wait(open, 20, 50);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const ratios = [];
    for (let round = 0; round < 8; round += 1) ratios.push((await took(openOurs)) / (await took(openHandWritten)));
    const least = Math.min(...ratios);
    test.diagnostic(`${least.toFixed(1)} times`);
    assert.ok(least < TIMES_THE_LOOP, `${ratios.map((ratio) => ratio.toFixed(1))} times`);
  });
});

describe("a job that is asked about seldom", { timeout: 60_000 }, () => {
  it(`keeps at most ${EACH_JOB} bytes while it waits`, async (test) => {
    const { answer } = jobs(entryOf("iacrea-video"), { pendings: Infinity });
    const text = `
      import { setTimeout as sleep } from "node:timers/promises";
      let asked = 0;
      const fetch = async () => {
        asked += 1;
        return new Response(body, { headers });
      };
      const own = new VideoClient({ baseUrl: "http://memory.example", fetch });
      let begun = 0;
      const begin = async (count) => {
        for (let at = 0; at < count; at += 1) void own.waitForVideo("job-" + begun++, { minIntervalMs: 3_600_000, maxIntervalMs: 3_600_000 });
        while (asked < begun) await sleep(5);
      };
      const used = async () => {
        for (let round = 0; round < 4; round += 1) {
          await sleep(20);
          gc();
        }
        const { heapUsed, external } = process.memoryUsage();
        return heapUsed + external;
      };
      await begin(50);
      const before = await used();
      await begin(count);
      console.log((await used()) - before);
      process.exit();`;
    const count = 4_000;
    const { lines, errors } = await program(text, { body: answer("/job"), headers, count }, ["--expose-gc"]).ended;
    const each = Number(lines[0]) / count;
    test.diagnostic(`${each.toFixed()} bytes for each job`);
    assert.ok(each > 1_000, `they are counted: ${errors}`);
    assert.ok(each <= EACH_JOB, `${each.toFixed()} bytes`);
  });
});
