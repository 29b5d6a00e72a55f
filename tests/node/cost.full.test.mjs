// @ts-check
/** What a poll takes of the processor, as a multiple of what the loop takes that everybody writes by hand. In real time, for it is measured. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { open as openLoop } from "../../benches/peers/clients/hand-written.mjs";
import { baseUrl, intervalMs, ours, wait } from "./waiting.mjs";

/** Twice what it is, for a busy machine. */
const TIMES_THE_LOOP = 4;

/** @type {import("./waiting.mjs").Open} */
const openHandWritten = (fetch) => openLoop({ baseUrl, fetch, intervalMs });

describe("a poll", () => {
  it(`takes at most ${TIMES_THE_LOOP} times the processor of the hand-written loop`, async (test) => {
    const openOurs = await ours();
    const took = async (/** @type {import("./waiting.mjs").Open} */ open) => {
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
