// @ts-check
/** The package's client before a watcher: with live streams and without, it tells the same, and sooner. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoClient } from "../node/package.mjs";
import { createVideo, KEY, url } from "../node/simulator.mjs";
import { Host } from "./workerd.mjs";

const POLL = { minIntervalMs: 200, maxIntervalMs: 400 };
/** Of the clients: news may come at the watcher's pace, and polling is patient. */
const PACE = { minIntervalMs: 200, maxIntervalMs: 3_000 };

/** A way to the Worker that counts what goes over it, and can be cut. @param {string} origin */
async function wayTo(origin) {
  const seen = { status: 0, events: 0 };
  /** @type {Set<import("node:http").ServerResponse>} */
  const streams = new Set();
  const server = createServer((request, response) => {
    const isEvents = /\/events\b/.test(request.url ?? "");
    seen[isEvents ? "events" : "status"] += 1;
    const onward = send(origin + request.url, { method: request.method, headers: request.headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    onward.end();
    if (isEvents) streams.add(response);
    response.once("close", () => {
      streams.delete(response);
      onward.destroy();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    seen,
    streams,
    cut() {
      for (const response of streams) response.destroy();
    },
  };
}

describe("a client before a watcher", { timeout: 120_000, concurrency: true }, async () => {
  const host = await new Host({ KEY, UPSTREAM: url, POLL: JSON.stringify(POLL) }).start();
  after(() => host.end());

  /** Waits for a video, and says when each status was told. @param {string} id @param {{ follow?: "events" }} options @param {(update: any, way: Awaited<ReturnType<typeof wayTo>>) => void} [look] */
  async function watch(id, options, look) {
    const way = await wayTo(host.origin);
    /** @type {{ status: string, overall: number, atMs: number, raw: unknown }[]} */
    const told = [];
    const poll = new VideoClient({ baseUrl: way.baseUrl, ...options }).poll(id, {
      ...PACE,
      onUpdate: (update) => {
        told.push({ status: update.status, overall: update.overall, atMs: performance.now(), raw: update.raw });
        look?.(update, way);
      },
    });
    const video = await poll.done;
    return { video, told, way };
  }

  it("is told of the end sooner and asks less where it follows, and cannot tell the difference else", async (test) => {
    const id = await createVideo({ speed: 24, seed: 5 });
    const [followed, polled] = await Promise.all([watch(id, { follow: "events" }), watch(id, {})]);
    /** When each saw how far it was, of what both saw. @param {typeof followed} one @param {typeof followed} other */
    const seen = ({ told: one }, { told: other }) => one.filter(({ overall }) => other.some((also) => also.overall === overall)).map(({ atMs }) => atMs);
    const [mine, others] = [seen(followed, polled), seen(polled, followed)];
    const sooner = mine.reduce((sum, atMs, at) => sum + (others[at] ?? NaN) - atMs, 0) / mine.length;
    test.diagnostic(`asked ${followed.way.seen.status} times and not ${polled.way.seen.status}; told of ${followed.told.length} changes and not ${polled.told.length}, ${sooner.toFixed()} ms sooner`);
    assert.ok(mine.length > 4 && sooner > 50, `${sooner} ms sooner`);
    assert.ok(followed.way.seen.status <= followed.told.length + 4, "it asks when there is news");
    assert.equal(followed.way.seen.events, 1);
    assert.ok(followed.told.length >= polled.told.length, "it misses nothing that polling sees");
    const { elapsedMs: _a, requests: _b, remainingMs: _c, ...one } = followed.video;
    const { elapsedMs: _d, requests: _e, remainingMs: _f, ...other } = polled.video;
    assert.deepEqual(one, other);
    for (const { told } of [followed, polled]) {
      const overalls = told.map(({ overall }) => overall);
      assert.deepEqual(overalls, [...overalls].sort((a, b) => a - b));
      assert.ok(told.every(({ raw }) => typeof raw === "object" && raw !== null));
    }
  });

  it("goes on where its streams break again and again", async () => {
    const id = await createVideo({ speed: 24, seed: 6 });
    const { video, way } = await watch(id, { follow: "events" }, (_, way) => void sleep(100).then(() => way.cut()));
    assert.equal(video.status, "DONE");
    assert.ok(way.seen.events > 1, "it came back");
  });

  it("ends as the watch ended, whatever that was", async () => {
    const code = (/** @type {string} */ code) => (/** @type {any} */ error) => error.code === code;
    const id = await createVideo({ scenario: "failed", speed: 60 });
    const way = await wayTo(host.origin);
    const own = new VideoClient({ baseUrl: way.baseUrl, follow: "events" });
    await assert.rejects(own.waitForVideo(id), code("video_failed"));
    // Whoever comes when the watch is over is told so at once.
    await assert.rejects(own.waitForVideo(id), code("video_failed"));
    await assert.rejects(own.waitForVideo("no-such-video"), code("not_found"));
    await sleep(200);
    assert.equal(way.streams.size, 0, "no stream is left open");
  });
});
