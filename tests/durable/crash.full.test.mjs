// @ts-check
/**
 * Watches in a process that is killed again and again, at moments that a seed chooses. Nobody asks about a video
 * meanwhile: what goes on goes on by itself. `SEED` chooses other moments.
 */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE } from "../edge/upstream.mjs";
import { createVideo, KEY, logOf, url } from "../node/simulator.mjs";
import { startCallback } from "./callback.mjs";
import { Host } from "./workerd.mjs";

const [KILLS, VIDEOS] = [50, 100];
const SEED = Number(process.env.SEED ?? 1);
/** What a request may be late on its way from the disk to the server: it shifts what the server sees. */
const MIN_INTERVAL_MS = 200;
/** A real video of four minutes lasts about as long as the killing. */
const SPEED = 4;

describe(`while the process is killed ${KILLS} times (seed ${SEED})`, { timeout: 280_000 }, () => {
  it("every video is asked about in its pace, comes to its end, and is told of", async (test) => {
    const random = randomFrom(SEED);
    const refusedOnce = new Set();
    // Some ends are told when nobody takes them.
    const callback = await startCallback(({ id }) => {
      if (refusedOnce.has(id) || random() < 0.7) return 204;
      refusedOnce.add(id);
      return 503;
    });
    const host = await new Host({
      KEY,
      UPSTREAM: url,
      CALLBACK: callback.url,
      POLL: JSON.stringify({ minIntervalMs: MIN_INTERVAL_MS, maxIntervalMs: 500 }),
    }).start();
    after(() => host.end());

    const ids = await Promise.all(
      Array.from({ length: VIDEOS }, (_, at) =>
        createVideo({ speed: SPEED, seed: at, scenario: at % 3 ? "happy" : "regenerate", latencyMs: at % 2 ? 0 : 40 }),
      ),
    );
    // Half of them before the first death, the rest in between.
    const begin = (/** @type {string} */ id) => watch(host, id);
    const begun = ids.slice(0, VIDEOS / 2).map(begin);
    await Promise.all(begun);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const late = ids.slice(VIDEOS / 2).filter((_, at) => at % KILLS === kill).map(begin);
      begun.push(...late);
      await sleep(100 + random() * 900);
      await host.kill();
      await host.start();
    }
    await Promise.all(begun);

    let told = 0;
    for (const id of ids) {
      const messages = await callback.about(id, refusedOnce.has(id) ? 2 : 1);
      told += messages.length;
      assert.deepEqual([...new Set(messages.map(({ deliveryId, type }) => `${type} ${deliveryId}`))].length, 1, JSON.stringify(messages));
      assert.deepEqual([messages[0]?.type, messages[0]?.video.status, messages[0]?.video.videoId], ["done", "DONE", id]);
    }
    let tightest = Infinity;
    for (const id of ids) {
      const { requests, maxInFlight, key } = await logOf(id);
      assert.equal(key, true);
      assert.ok(maxInFlight <= 1, `${maxInFlight} requests at once`);
      const times = requests.map(({ atMs }) => atMs);
      for (const [at, time] of times.entries()) if (at > 0) tightest = Math.min(tightest, time - (times[at - 1] ?? 0));
    }
    test.diagnostic(`${VIDEOS} videos, ${told} messages, shortest pause between two requests ${tightest} ms`);
    assert.ok(tightest >= MIN_INTERVAL_MS, `two requests of one video within ${tightest} ms`);
    assert.ok(!host.log.includes("the watch of"), host.log.slice(0, 3_000));
    for (const id of ids) {
      const { ended } = await (await fetch(`${host.origin}${BASE}/${id}/update`)).json();
      assert.deepEqual(ended, { type: "done" });
    }
  });
});

/** Begins a watch, however often the process dies meanwhile. @param {Host} host @param {string} id */
async function watch(host, id) {
  for (;;) {
    try {
      const response = await fetch(`${host.origin}${BASE}/${id}/watch`, { method: "POST" });
      assert.equal(response.status, 202, await response.text());
      return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await sleep(50);
    }
  }
}

/** Numbers from 0 to 1, the same for the same seed. @param {number} seed */
function randomFrom(seed) {
  let drawn = 0;
  return () => createHash("sha256").update(`${seed} ${(drawn += 1)}`).digest().readUInt32BE() / 2 ** 32;
}
