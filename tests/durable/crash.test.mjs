// @ts-check
/**
 * Watches in a process that is killed and begun again while its requests are under way: real time, a real disk and the
 * host's own alarms. There are no visitors meanwhile: what goes on goes on by itself. In the full run it dies oftener
 * and at any moment; how soon a request may follow one of a process that died is said in the laboratory (corners).
 */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE, KEY } from "../edge/upstream.mjs";
import { done, generating } from "../node/scripted-server.mjs";
import { startCallback } from "./callback.mjs";
import { requests, scripts, until, upstream } from "./visit.mjs";
import { Host } from "./workerd.mjs";

const [KILLS, VIDEOS] = [5, 16];
const SEED = Number(process.env.SEED ?? 1);

describe(`while the process is killed ${KILLS} times (seed ${SEED})`, { timeout: 280_000 }, () => {
  it("no video is lost, each comes to its end, and its hook is called", async () => {
    const refusedOnce = new Set();
    // Some ends are delivered when they are not taken.
    const callback = await startCallback(({ id }) => {
      if (refusedOnce.has(id) || random(id) < 0.7) return 204;
      refusedOnce.add(id);
      return 503;
    });
    const environment = { KEY, UPSTREAM: upstream.url, CALLBACK: callback.url, POLL: JSON.stringify({ minIntervalMs: 50, maxIntervalMs: 150 }) };
    const host = await new Host(environment).start();
    after(() => host.end());

    let kills = 0;
    const ids = Array.from({ length: VIDEOS }, (_, at) => `mortal-${at}`);
    /** When each may end: some between the deaths, most after the last, and one of them in any case. @param {string} id */
    const endsAfter = (id) => (id === ids[0] ? KILLS : Math.min(Math.floor(random(`end of ${id}`) * 2 * KILLS) + 1, KILLS));
    for (const id of ids) scripts.set(id, (number) => (kills >= endsAfter(id) ? done : { ...generating(1), creditsTotal: number }));
    const all = () => ids.reduce((sum, id) => sum + requests(id), 0);
    // Half of them before the first death, the rest in between.
    const begin = (/** @type {string} */ id) => watch(host, id);
    const begun = ids.slice(0, VIDEOS / 2).map(begin);
    await Promise.all(begun);
    while (kills < KILLS) {
      begun.push(...ids.slice(VIDEOS / 2).filter((_, at) => at % KILLS === kills).map(begin));
      // In the middle of some request or answer.
      const moment = all() + 1 + Math.floor(random(`kill ${kills}`) * 2 * VIDEOS);
      await until(() => all() >= moment);
      await host.kill();
      kills += 1;
      await host.start();
    }
    await Promise.all(begun);

    for (const id of ids) {
      const messages = await callback.about(id, refusedOnce.has(id) ? 2 : 1);
      assert.equal(new Set(messages.map(({ deliveryId, type }) => `${type} ${deliveryId}`)).size, 1, JSON.stringify(messages));
      assert.deepEqual([messages[0]?.type, messages[0]?.video.status, messages[0]?.video.videoId], ["done", "DONE", id]);
      const { ended } = await (await fetch(`${host.origin}${BASE}/${id}/update`)).json();
      assert.deepEqual(ended, { type: "done" });
    }
    assert.ok(upstream.arrivals.every(({ headers }) => headers["x-api-key"] === KEY));
    assert.ok(!host.log.includes("the watch of"), host.log.slice(0, 3_000));
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
      await sleep(20);
    }
  }
}

/** From 0 to 1, the same for the same seed and name. @param {string} name */
function random(name) {
  return createHash("sha256").update(`${SEED} ${name}`).digest().readUInt32BE() / 2 ** 32;
}
