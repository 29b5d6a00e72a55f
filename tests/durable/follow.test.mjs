// @ts-check
/** The package's client before a watcher: with live streams and without, it tells the same. How much sooner, and how rarely it polls, is said in virtual time (tests/node/follow.test.mjs). */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import { after, describe, it } from "node:test";
import { KEY } from "../edge/upstream.mjs";
import { VideoClient } from "../node/package.mjs";
import { done, generating } from "../node/scripted-server.mjs";
import { HOUR_MS, inOrder, scripts, until, upstream } from "./visit.mjs";
import { Host } from "./workerd.mjs";

/** Of the watcher. */
const POLL = { minIntervalMs: 50, maxIntervalMs: 100 };
/** Of the clients: one that polls as it must, and one that would as good as not. */
const OFTEN = { minIntervalMs: 50, maxIntervalMs: 200 };
const RARE = { minIntervalMs: 50, maxIntervalMs: HOUR_MS, timeoutMs: 5 * HOUR_MS };

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

describe("a client before a watcher", { timeout: 280_000, concurrency: true }, async () => {
  const host = await new Host({ KEY, UPSTREAM: upstream.url, POLL: JSON.stringify(POLL) }).start();
  after(() => host.end());

  /** Waits for a video, and says what came. @param {string} id @param {{ follow?: "events" }} options @param {object} pace @param {(way: Awaited<ReturnType<typeof wayTo>>, credits: number) => void} [look] */
  async function watch(id, options, pace, look) {
    const way = await wayTo(host.origin);
    /** @type {import("../node/package.mjs").VideoUpdate[]} */
    const told = [];
    const poll = new VideoClient({ baseUrl: way.baseUrl, ...options }).poll(id, {
      ...pace,
      onUpdate: (update) => {
        told.push(update);
        look?.(way, update.creditsTotal ?? 0);
      },
    });
    const video = await poll.done;
    return { video, told, way };
  }

  it("learns of all changes by its stream where it follows, and the same by polling where it does not", async (test) => {
    const LAST = 6;
    // The video goes on once the client that follows knows of it: it would wait for an hour if it polled.
    let now = 1;
    scripts.set("followed", () => (now > LAST ? { ...generating(4), ...done, creditsTotal: now } : { ...generating(0), creditsTotal: now }));
    const [followed, polled] = await Promise.all([
      watch("followed", { follow: "events" }, RARE, (_, credits) => (now = Math.max(now, credits + 1))),
      watch("followed", {}, OFTEN),
    ]);
    test.diagnostic(`${followed.way.seen.status} requests for ${followed.told.length} changes; polling had ${polled.way.seen.status}`);
    const credits = followed.told.map(({ creditsTotal }) => creditsTotal);
    assert.deepEqual(credits.slice(0, LAST), Array.from({ length: LAST }, (_, at) => at + 1), "it misses nothing");
    assert.ok(followed.way.seen.status <= followed.told.length + 4, "it sends a request when there is news");
    assert.ok(followed.way.seen.events <= 2, "the first may be there before the request that begins the watch");
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
    let now = 1;
    let times = 0;
    scripts.set("broken-off", () => (times >= 3 ? done : { ...generating(0), creditsTotal: now }));
    // Each change that it is told of breaks its stream; after the third stream the video is done.
    const { video, way } = await watch("broken-off", { follow: "events" }, OFTEN, (way, credits) => {
      times = way.seen.events;
      now = credits + 1;
      way.cut();
    });
    assert.equal(video.status, "DONE");
    assert.ok(way.seen.events >= 3, "it came back");
  });

  it("ends as the watch ended, whatever that was", async () => {
    const code = (/** @type {string} */ code) => (/** @type {any} */ error) => error.code === code;
    scripts.set("failing", inOrder(generating(1), { status: "ERROR", message: "no more credits" }));
    const way = await wayTo(host.origin);
    const own = new VideoClient({ baseUrl: way.baseUrl, follow: "events" });
    await assert.rejects(own.waitForVideo("failing"), code("video_failed"));
    // Whoever comes when the watch is over is told so at once.
    await assert.rejects(own.waitForVideo("failing"), code("video_failed"));
    await assert.rejects(own.waitForVideo("no-such-video"), code("not_found"));
    await until(() => way.streams.size === 0);
  });
});
