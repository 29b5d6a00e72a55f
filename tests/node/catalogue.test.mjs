// @ts-check
/** Every scenario of the simulator's catalogue, as a client with default options meets it: each ends as it says, and in silence. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VideoError } from "./package.mjs";
import { recorder } from "./settling.mjs";
import { client, createVideo, logOf, scenarios, staysQuiet } from "./virtual-simulator.mjs";

/** The default bound of a pause. */
const MIN_INTERVAL_MS = 2_000;
/** What never ends is given up by then, for the default deadline is only a longer course of the same. */
const ENDLESS = { timeoutMs: 120_000 };
/** Scenarios whose "timeout" comes from the server's wish, long before any deadline. */
const ASKS_FOR_TOO_LONG = /^retry-after-month/;

const catalogue = await scenarios();
assert.ok(catalogue.length > 60, "the catalogue is there");

describe("the scenario", () => {
  for (const { name, expect } of catalogue) {
    it(`${name} ends with "${expect}"`, async () => {
      const id = await createVideo({ scenario: name, seed: 7 });
      const { updates, listener } = recorder();
      const isEndless = expect === "timeout" && !ASKS_FOR_TOO_LONG.test(name);
      const poll = client().waitForVideo(id, { onUpdate: listener, ...(isEndless && ENDLESS) });
      const [settled] = await Promise.allSettled([poll]);
      const atTheEnd = (await logOf(id)).requests.length;

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

      const { requests, maxInFlight, key } = await staysQuiet(id, 2 * 3_600_000);
      assert.deepEqual([maxInFlight, key], [1, true]);
      const pauses = requests.slice(1).map(({ atMs }, at) => atMs - (requests[at]?.atMs ?? NaN));
      assert.ok(
        pauses.every((pause) => pause >= MIN_INTERVAL_MS),
        `${pauses}`,
      );
      assert.ok(atTheEnd > 0);
      assert.equal(requests.length, atTheEnd, "a request followed");
    });
  }
});
