// @ts-check
/** Many who watch one video: what they are told, and what the API notices of them. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE } from "../edge/upstream.mjs";
import { createVideo, KEY, logOf, url } from "../node/simulator.mjs";
import { numberOf, socket, stream } from "./viewer.mjs";
import { Host, NEWEST_DATE } from "./workerd.mjs";

const VIEWERS = 200;
const MIN_INTERVAL_MS = 200;

for (const date of ["2023-03-01", NEWEST_DATE]) {
  describe(`those who watch one video, on workerd of ${date}`, { timeout: 120_000 }, async () => {
    const host = await new Host(
      { KEY, UPSTREAM: url, POLL: JSON.stringify({ minIntervalMs: MIN_INTERVAL_MS, maxIntervalMs: 500 }) },
      date,
    ).start();
    after(() => host.end());

    it("are told of each change once and in order, for one request at a time", async (test) => {
      const id = await createVideo({ speed: 30, seed: 3 });
      const events = `${host.origin}${BASE}/${id}/events`;
      const open = (/** @type {number} */ at, /** @type {string} */ last = "") =>
        (at % 2 ? socket : stream)(events, last === "" ? undefined : last);
      // All of these are there before anything is known; a quarter of them drops again and again.
      const all = await Promise.all(
        Array.from({ length: VIEWERS }, async (_, at) => {
          const first = await open(at);
          return { at, told: at % 4 === 0 || at % 4 === 1 ? watchOn(first, at) : first.over.then(() => first.told) };
        }),
      );
      /** Who drops, and comes back for what it missed. @param {import("./viewer.mjs").Viewing} viewing @param {number} at */
      async function watchOn(viewing, at) {
        const told = [];
        for (let drops = 0; ; drops += 1) {
          if (drops < 4) await Promise.race([viewing.over, sleep(300 + ((at * 37) % 700))]);
          else await viewing.over;
          viewing.leave();
          told.push(...viewing.told);
          const last = told.at(-1);
          if (last && last.type !== "update") return told;
          await sleep((at * 53) % 800);
          viewing = await open(at, last?.id);
        }
      }
      const { told: whole } = /** @type {(typeof all)[number]} */ (all[2]);
      const changes = await whole;
      assert.equal(changes.at(-1)?.type, "done");
      assert.ok(changes.length > 8, `${changes.length} changes`);
      const first = numberOf(/** @type {any} */ (changes[0]));
      for (const { at, told } of all) {
        const numbers = (await told).map(numberOf);
        const from = numbers[0] ?? NaN;
        // Whoever comes is told of the latest change, which may have been the first or the next.
        assert.ok(from >= 1 && from <= first + 1, `viewer ${at} began with ${from}`);
        assert.deepEqual(numbers, Array.from({ length: changes.length + first - from }, (_, step) => from + step), `viewer ${at}`);
      }
      const { requests, maxInFlight } = await logOf(id);
      const times = requests.map(({ atMs }) => atMs);
      const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
      test.diagnostic(`${changes.length} changes for ${VIEWERS} viewers in ${requests.length} requests, shortest pause ${Math.min(...pauses)} ms`);
      assert.equal(maxInFlight, 1);
      assert.ok(Math.min(...pauses) >= MIN_INTERVAL_MS, `pauses of ${pauses}`);
    });

    it("have no update with the raw body in it, and finally the video", async () => {
      const id = await createVideo({ speed: 300 });
      const viewing = await stream(`${host.origin}${BASE}/${id}/events`);
      await viewing.over;
      for (const { update } of viewing.told) assert.ok(!("raw" in update));
      const { type, update } = viewing.told.at(-1) ?? assert.fail("told of nothing");
      assert.deepEqual([type, update.status, update.videoId, update.overall], ["done", "DONE", id, 1]);
      assert.match(update.url, /^http/);
    });

    it("learn of each change its id and type, and nothing of the video, who ask in brief", async () => {
      const id = await createVideo({ speed: 300 });
      const events = `${host.origin}${BASE}/${id}/events`;
      const early = await stream(`${events}?brief`);
      await early.over;
      const all = await stream(events, `${early.told[0]?.id.split("-")[0]}-0`);
      await all.over;
      const brief = all.told.map(({ id: named, type }) => ({ id: named, type }));
      assert.ok(early.told.length > 3, `${early.told.length} changes`);
      assert.deepEqual(early.told, brief.slice(-early.told.length));
      // Whoever comes is told of the latest change at once.
      const late = await stream(`${events}?brief`);
      await late.over;
      assert.deepEqual(late.told, brief.slice(-1));
    });

    it("are not kept after the end: a stream hears 204, a WebSocket is closed with 1000", async () => {
      const id = await createVideo({ speed: 600 });
      const events = `${host.origin}${BASE}/${id}/events`;
      const over = await socket(events);
      assert.equal(await over.over, 1_000);
      const last = over.told.at(-1)?.id ?? "";
      assert.equal((await fetch(events, { headers: { "last-event-id": last } })).status, 204);
      assert.equal((await fetch(`${events}?lastEventId=${last}`)).status, 204);
      const again = await socket(events, last);
      assert.deepEqual([await again.over, again.told], [1_000, []]);
      for (const open of [socket, stream]) {
        const late = await open(events);
        await late.over;
        assert.deepEqual(late.told.map(({ id: named, type }) => [named, type]), [[last, "done"]]);
        const complete = await open(events, `${last.split("-")[0]}-0`);
        await complete.over;
        assert.deepEqual(complete.told.map(numberOf), Array.from({ length: numberOf({ id: last, type: "done" }) }, (_, at) => at + 1));
      }
    });

    it("leave no heartbeat and no error behind", async () => {
      await sleep(500);
      assert.doesNotMatch(host.log, /iacrea-video:|Error/);
    });
  });
}
