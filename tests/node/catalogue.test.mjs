// @ts-check
/** Every scenario of the simulator's catalogue, over real HTTP at high speed: each ends as it says, and in silence. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoError } from "./package.mjs";
import { recorder } from "./settling.mjs";
import { client, createVideo, logWhen, scenarios } from "./virtual-simulator.mjs";

const SPEED = 1_000;
/** Quick, since a backoff begins at the longest pause and doubles. */
const PACE = { minIntervalMs: 10, maxIntervalMs: 20 };
/** What never ends is given up by then. */
const ENDLESS = 1_500;

/** Scenarios whose "timeout" comes from the server's wish, long before the default deadline. */
const ASKS_FOR_TOO_LONG = /^retry-after-month/;

/** The addresses that were asked. A request that is aborted reaches the server late, or never. @type {string[]} */
const asked = [];
const { fetch } = globalThis;
globalThis.fetch = (input, init) => {
  asked.push(String(input));
  return fetch(input, init);
};

const catalogue = await scenarios();
assert.ok(catalogue.length > 60, "the catalogue is there");

describe("the scenario", { timeout: 55_000 }, () => {
  for (const { name, expect } of catalogue) {
    it(`${name} ends with "${expect}"`, async () => {
      const id = await createVideo({ scenario: name, speed: SPEED, seed: 7 });
      const { updates, listener } = recorder();
      const options = {
        ...PACE,
        onUpdate: listener,
        ...(expect === "timeout" && !ASKS_FOR_TOO_LONG.test(name) && { timeoutMs: ENDLESS }),
      };
      const count = () => asked.filter((url) => url.endsWith(`/video/${id}`)).length;
      const [settled] = await Promise.allSettled([client({ requestTimeoutMs: 400 }).waitForVideo(id, options)]);
      const before = count();

      if (settled.status === "fulfilled") {
        assert.equal("done", expect);
        assert.equal(settled.value.status, "DONE");
        assert.match(settled.value.url, /\/media\/tour\.webm$/);
        assert.equal(settled.value.overall, 1);
        assert.equal(updates.at(-1), settled.value);
      } else {
        const error = settled.reason;
        assert.ok(error instanceof VideoError, String(error));
        assert.equal(error.code, expect, error.message);
        assert.equal(error.last, updates.at(-1));
      }
      const overall = updates.map((update) => update.overall);
      assert.deepEqual(
        overall,
        [...overall].sort((a, b) => a - b),
      );

      const { requests, maxInFlight, key } = await logWhen(id, (log) => log.inFlight === 0);
      assert.deepEqual([maxInFlight, key], [1, true]);
      const pauses = requests.slice(1).map(({ atMs }, at) => atMs - (requests[at]?.atMs ?? NaN));
      assert.ok(
        pauses.every((pause) => pause >= PACE.minIntervalMs - 5),
        `${pauses}`,
      );
      await sleep(200); // ten times the pace
      assert.ok(before > 0);
      assert.equal(count(), before, "a request followed");
    });
  }
});
