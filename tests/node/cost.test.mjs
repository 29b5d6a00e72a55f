// @ts-check
/**
 * What a poll costs: how often it goes from JavaScript into the module and back, in virtual time, and what a waiting job
 * keeps, in a process of its own, whose memory is nobody else's. Processor time is in `cost.full.test.mjs`.
 */

import { leap } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countCrossings } from "../../benches/peers/crossings.mjs";
import { entryOf, jobs } from "../../benches/peers/field.mjs";
import { program } from "./processes.mjs";
import { ours, wait } from "./waiting.mjs";

leap();

/** Exact; whoever lowers it lowers this, and whoever raises it says in this line what for: the last, for headers that a given fetch may change. */
const CROSSINGS = 89;
/** In bytes of both heaps, with an answer of eight clips; a third more than it is. */
const EACH_JOB = 11_000;

const headers = { "content-type": "application/json" };

describe("a poll", () => {
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
});

describe("a job that is asked about seldom", () => {
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
