// @ts-check
/** A client that follows live streams: it asks when there is news, and polls wherever there is no stream. */

import { atOnce, clock, took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { listen, openBody } from "./memory-network.mjs";
import { VideoClient } from "./package.mjs";
import { done, generating, pending, rendering } from "./scripted-fetch.mjs";
import { deferred, failure, recorder, rejectionInOneTurn } from "./settling.mjs";

/**
 * @typedef {object} Stream
 * @property {string} id
 * @property {number} number from 1
 * @property {Request} request
 * @property {number} atMs when it was asked for
 * @property {ReturnType<typeof openBody>} body
 * @property {Promise<unknown>} closed the client went away
 */

/** Of a poll by itself. */
const PACE = { minIntervalMs: 20, maxIntervalMs: 50 };
/** Where a poll by itself goes on for so long that a quicker one would only cost time. */
const CALM = { minIntervalMs: 1_000, maxIntervalMs: 1_000 };
const MINUTE = 60_000;
/** How often a client that follows looks by itself. */
const LOOK_MS = 30_000;
/** A stream that is silent for so long is broken. */
const SILENCE_MS = 50_000;
/** The first pause after a stream that broke, and the longest. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

let servers = 0;

/**
 * A server that tells of a video's state, and lets `onStream` do with each stream as it likes.
 * @param {{ after: (act: () => void) => void }} test
 * @param {(stream: Stream) => Response | Promise<Response>} onStream
 * @param {(asked: { id: string, number: number }) => Response | undefined | Promise<Response | undefined>} [onStatus] what it responds, if not the state
 */
function watchingServer(test, onStream, onStatus) {
  /** @type {any} */
  let state = pending;
  /** When the state was asked for. @type {number[]} */
  const asked = [];
  /** @type {Stream[]} */
  const streams = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const baseUrl = `https://watching-${(servers += 1)}.example`;
  const stop = listen(baseUrl, async (request) => {
    const { pathname, search } = new URL(request.url);
    const path = /^\/api\/video-editor\/generate\/video\/([^/?]+)(\/events\?brief)?$/.exec(pathname + search);
    assert.ok(path, `an odd path: ${request.url}`);
    const [, id = "", isStream] = path;
    if (isStream) {
      assert.equal(request.headers.get("accept"), "text/event-stream");
      const closed = deferred();
      const body = openBody(request.signal, () => closed.resolve(undefined));
      // Also before it has a body that could be left.
      request.signal.addEventListener("abort", () => closed.resolve(undefined));
      const stream = { id, number: streams.length + 1, request, atMs: clock.now, body, closed: closed.promise };
      streams.push(stream);
      for (const look of waiting) look();
      return onStream(stream);
    }
    asked.push(clock.now);
    for (const look of waiting) look();
    return (await onStatus?.({ id, number: asked.length })) ?? Response.json(state);
  });
  test.after(stop);
  /** @param {() => boolean} holds @returns {Promise<void>} */
  const until = (holds) =>
    new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return {
    baseUrl,
    asked,
    streams,
    until,
    /** @param {any} next */
    become(next) {
      state = next;
    },
    /** @param {number} number */
    async streamed(number) {
      await until(() => streams.length >= number);
      return /** @type {Stream} */ (streams[number - 1]);
    },
    /** Resolves when so many more requests for the state have come. */
    polled(more = 8) {
      const enough = asked.length + more;
      return until(() => asked.length >= enough);
    },
    /** How many requests for the state come while one looks on. */
    async count(ms = 10 * MINUTE) {
      const before = asked.length;
      await sleep(ms);
      return asked.length - before;
    },
  };
}

const TYPE = { "content-type": "text/event-stream; charset=utf-8" };

/** A stream with a heartbeat. @param {Stream} stream */
function begin(stream) {
  const heart = setInterval(() => stream.body.write(":\n\n"), 20_000);
  void stream.closed.then(() => clearInterval(heart));
  return beginSilent(stream);
}

/** @param {Stream} stream */
function beginSilent({ body }) {
  body.write(":\n\n");
  return new Response(body.stream, { headers: TYPE });
}
const NEWS = 'id: x-1\nevent: update\ndata: {"id":"x-1","type":"update"}\n\n';

describe("a client that follows", () => {
  it("asks when there is news, and each half minute", async (test) => {
    const server = watchingServer(test, begin);
    const { updates, listener, reached } = recorder();
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", { ...PACE, onUpdate: listener });
    const { body } = await server.streamed(1);
    await sleep(100);
    const count = await server.count(10 * MINUTE);
    // A fiftieth sooner at most.
    assert.ok(count >= 20 && count <= 21, `${count} requests`);
    for (const state of [generating(1), generating(2), rendering(40)]) {
      const before = server.asked.length;
      server.become(state);
      body.write(NEWS);
      await atOnce(reached(({ raw }) => JSON.stringify(raw) === JSON.stringify(state)));
      assert.equal(server.asked.length, before + 1, "one request for one piece of news");
      await sleep(50);
    }
    server.become(done);
    body.write(NEWS);
    const video = await atOnce(poll.done);
    assert.deepEqual(video.raw, done);
    assert.deepEqual(
      updates.map(({ status }) => status),
      ["PENDING", "GENERATING_VIDEO", "GENERATING_VIDEO", "RENDERING_VIDEO", "DONE"],
    );
    assert.equal(video.requests, server.asked.length);
    assert.equal(server.streams.length, 1);
  });

  it("asks again after a request that was under way when the news came", async (test) => {
    const held = deferred();
    const server = watchingServer(test, begin, async ({ number }) => {
      if (number !== 2) return undefined;
      // What it says was true before the news.
      await held.promise;
      return Response.json(pending);
    });
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const { body } = await server.streamed(1);
    await sleep(1_000);
    poll.pollNow();
    await atOnce(server.until(() => server.asked.length === 2));
    body.write(NEWS);
    await sleep(50);
    assert.equal(server.asked.length, 2);
    server.become(done);
    held.resolve(undefined);
    assert.equal(await took(poll.done), PACE.minIntervalMs);
    await poll.done;
    assert.equal(server.asked.length, 3);
  });

  it("hears news in whatever pieces and line ends they come, and comments are none", async (test) => {
    const server = watchingServer(test, begin);
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const { body } = await server.streamed(1);
    await sleep(200);
    const before = server.asked.length;
    const quiet = [":data: {}\n\n", "event: data:\n\n", "metadata:\n\n", "\r\n", "da", "", "\n"];
    for (const part of quiet) {
      body.write(part);
      await sleep(100);
    }
    assert.equal(server.asked.length, before);
    for (const parts of [["data: 1\n\n"], ["data:1\r\n\r\n"], ["data: 1\r\r"], ["d", "at", "a:", " 1", "2".repeat(100_000), "\n"], ["id: 7\ndata: \u{1f39e}\n\n"]]) {
      const before = server.asked.length;
      for (const part of parts) {
        body.write(part);
        await sleep(10);
      }
      await sleep(100);
      assert.equal(server.asked.length, before + 1);
    }
    poll.cancel();
  });

  it("is not driven faster than the pace by a flood of news", async (test) => {
    const server = watchingServer(test, (stream) => {
      const flood = setInterval(() => stream.body.write(NEWS.repeat(50)), 1);
      void stream.closed.then(() => clearInterval(flood));
      return begin(stream);
    });
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", { minIntervalMs: 100, maxIntervalMs: 200 });
    await server.streamed(1);
    await sleep(1_000);
    poll.cancel();
    const pauses = server.asked.slice(1).map((atMs, at) => atMs - (server.asked[at] ?? NaN));
    assert.ok(pauses.length >= 9 && pauses.every((pause) => pause === 100), `${pauses}`);
  });

  /** @type {Record<string, (stream: Stream, elsewhere: string) => Response | Promise<Response>>} */
  const answers = {
    "404": () => Response.json({ error: "there is nothing at this path" }, { status: 404 }),
    "405": () => new Response(null, { status: 405 }),
    "204": () => new Response(null, { status: 204 }),
    "401": () => new Response(null, { status: 401 }),
    "403": () => new Response(null, { status: 403 }),
    "500": () => new Response("no", { status: 500 }),
    "501": () => new Response("no", { status: 501 }),
    "429 with Retry-After": () => new Response(null, { status: 429, headers: { "retry-after": "3600" } }),
    "a redirect": (_, location) => new Response(null, { status: 302, headers: { location } }),
    "a status": () => Response.json(done),
    "a page": () => new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
    "a type that only begins alike": ({ body }) => {
      body.write(":\n\n");
      return new Response(body.stream, { headers: { "content-type": "text/event-streams" } });
    },
    "a reset": () => {
      throw new TypeError("fetch failed");
    },
    "no answer": () => new Promise(() => {}),
    "headers and then nothing": ({ body }) => new Response(body.stream, { headers: TYPE }),
    "a stream that ends at once": ({ body }) => {
      body.end();
      return new Response(body.stream, { headers: TYPE });
    },
    "a stream that breaks at once": (stream) => {
      setImmediate(stream.body.cut);
      return begin(stream);
    },
  };
  for (const [what, serve] of Object.entries(answers)) {
    it(`polls where the stream is ${what}`, async (test) => {
      let reached = 0;
      const elsewhere = `https://elsewhere-${(servers += 1)}.example`;
      test.after(
        listen(elsewhere, () => {
          reached += 1;
          return new Response();
        }),
      );
      const course = [pending, pending, pending, generating(1), generating(3), rendering(10), rendering(80), done];
      const play = async (/** @type {"events" | undefined} */ follow) => {
        const server = watchingServer(
          test,
          (stream) => serve(stream, `${elsewhere}/`),
          ({ number }) => Response.json(course[Math.min(number, course.length) - 1]),
        );
        const { updates, listener } = recorder();
        const own = new VideoClient({ baseUrl: server.baseUrl, ...(follow && { follow }) });
        await own.waitForVideo("v", { ...PACE, onUpdate: listener });
        const pauses = server.asked.slice(1).map((atMs, at) => atMs - (server.asked[at] ?? NaN));
        assert.ok(Math.min(...pauses) >= PACE.minIntervalMs && Math.max(...pauses) <= PACE.maxIntervalMs, `${pauses}`);
        return { told: updates.map(({ status, overall, raw, requests }) => ({ status, overall, raw, requests })), server };
      };
      const followed = await play("events");
      const plain = await play(undefined);
      assert.deepEqual(followed.told, plain.told);
      assert.equal(followed.server.streams.length, 1);
      assert.equal(reached, 0);
      // Nothing follows the end.
      await sleep(10 * MINUTE);
      assert.equal(followed.server.streams.length, 1);
      assert.equal(followed.server.asked.length, course.length);
    });
  }

  it("polls on when the stream breaks, and follows again when it is back", async (test) => {
    const server = watchingServer(test, begin);
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const first = await server.streamed(1);
    await sleep(10_000);
    assert.equal(server.asked.length, 1);
    first.body.cut();
    const brokeAt = clock.now;
    assert.ok((await took(server.polled(8))) <= 8 * PACE.maxIntervalMs);
    const second = await server.streamed(2);
    assert.equal(second.atMs - brokeAt, PAUSE_MS);
    await sleep(PACE.maxIntervalMs);
    assert.equal(await server.count(20_000), 0);
    poll.cancel();
  });

  for (const status of [408, 425, 429, 500, 503]) {
    it(`comes back after ${status}`, async (test) => {
      const server = watchingServer(test, (stream) => (stream.number === 1 ? new Response(null, { status }) : begin(stream)));
      const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
      const first = await server.streamed(1);
      const second = await server.streamed(2);
      assert.equal(second.atMs - first.atMs, PAUSE_MS);
      await sleep(PACE.maxIntervalMs);
      assert.equal(await server.count(20_000), 0);
      poll.cancel();
    });
  }

  it("comes back less and less often", async (test) => {
    const server = watchingServer(test, () => new Response(null, { status: 503 }));
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", CALM);
    await server.streamed(9);
    const pauses = server.streams.slice(1).map(({ atMs }, at) => atMs - (server.streams[at]?.atMs ?? NaN));
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_000));
    poll.cancel();
  });

  it("comes back soon after a stream that lived for a while", async (test) => {
    const server = watchingServer(test, (stream) => (stream.number === 1 ? new Response(null, { status: 503 }) : begin(stream)));
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const { body } = await server.streamed(2);
    await sleep(2_500);
    body.end();
    // And not the 2 s of one who failed before.
    assert.equal(await took(server.streamed(3)), PAUSE_MS);
    poll.cancel();
  });

  it("opens its stream again, and asks twice at most for that, where the server closes each after ten minutes", async (test) => {
    const server = watchingServer(test, (stream) => {
      const heart = setInterval(() => stream.body.write(":\n\n"), 20_000);
      setTimeout(() => {
        clearInterval(heart);
        stream.body.end();
      }, 10 * MINUTE);
      stream.body.write(NEWS);
      return new Response(stream.body.stream, { headers: TYPE });
    });
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", { ...CALM, timeoutMs: Infinity });
    await server.streamed(4);
    const pauses = server.streams.slice(1).map(({ atMs }, at) => atMs - (server.streams[at]?.atMs ?? NaN));
    assert.deepEqual(pauses, [1, 2, 3].map(() => 10 * MINUTE + PAUSE_MS));
    const looks = Math.ceil((clock.now - Number(server.streams[0]?.atMs)) / (0.98 * LOOK_MS));
    assert.ok(server.asked.length <= looks + 2 * 4, `${server.asked.length} requests`);
    poll.cancel();
  });

  it("takes a stream that has gone silent for broken", async (test) => {
    const server = watchingServer(test, beginSilent);
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const { body, closed } = await server.streamed(1);
    // As long as there are heartbeats, all is well.
    for (let beats = 0; beats < 8; beats += 1) {
      await sleep(SILENCE_MS - 1);
      body.write(":\n\n");
    }
    assert.equal(server.streams.length, 1);
    assert.ok(server.asked.length <= 1 + (8 * SILENCE_MS) / (0.98 * LOOK_MS), `${server.asked.length} requests`);
    assert.equal(await took(closed), SILENCE_MS);
    assert.ok((await took(server.polled(8))) <= 8 * PACE.maxIntervalMs);
    await server.streamed(2);
    poll.cancel();
  });

  it("gives its connection up when a request fails, and polls on", async (test) => {
    let isWell = true;
    const server = watchingServer(test, begin, () => (isWell ? undefined : new Response(null, { status: 503 })));
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", { ...PACE, maxConsecutiveFailures: Infinity });
    const { body, closed } = await server.streamed(1);
    await sleep(200);
    isWell = false;
    body.write(NEWS);
    await atOnce(closed);
    await server.polled(4);
    const gaveUpAt = server.asked[1] ?? NaN;
    const second = await server.streamed(2);
    assert.equal(second.atMs - gaveUpAt, LONGEST_PAUSE_MS, "not at once again");
    isWell = true;
    server.become(done);
    assert.ok((await took(poll.done)) <= LOOK_MS);
    await poll.done;
  });

  it("has one stream for all polls of a video, which ends with the last of them", async (test) => {
    const server = watchingServer(test, begin);
    const own = new VideoClient({ baseUrl: server.baseUrl, follow: "events" });
    const polls = [1, 2, 3].map(() => own.poll("v", PACE));
    const { body, closed } = await server.streamed(1);
    await sleep(500);
    // Who comes later is followed from the start.
    polls.push(own.poll("v", PACE));
    assert.equal(await server.count(20_000), 0);
    // News are asked for once, whoever hears of them.
    body.write(NEWS);
    assert.equal(await server.count(400), 1);
    for (const poll of polls.slice(0, 3)) poll.cancel();
    assert.equal(await server.count(300), 0);
    server.become(generating(2));
    body.write(NEWS);
    await sleep(PACE.minIntervalMs);
    assert.equal(polls[3]?.current?.status, "GENERATING_VIDEO");
    polls[3]?.cancel();
    await atOnce(closed);
    await sleep(10 * MINUTE);
    assert.equal(server.streams.length, 1);
  });

  it("has three streams at most, and whoever waits for one gets the next", async (test) => {
    const server = watchingServer(test, begin);
    const own = new VideoClient({ baseUrl: server.baseUrl, follow: "events" });
    const polls = ["a", "b", "c", "d", "e"].map((id) => own.poll(id, CALM));
    await server.count(MINUTE);
    assert.deepEqual(server.streams.map(({ id }) => id), ["a", "b", "c"]);
    polls[1]?.cancel();
    await atOnce(server.streamed(4));
    assert.deepEqual(server.streams.map(({ id }) => id), ["a", "b", "c", "d"]);
    for (const poll of polls.reverse()) poll.cancel();
    await atOnce(Promise.all(server.streams.map(({ closed }) => closed)));
    assert.equal(server.streams.length, 4);
  });

  it("looks for streams once where the server has none, and leaves out a video that has none any more", async (test) => {
    for (const [status, streams] of /** @type {const} */ ([[404, 3], [501, 3], [204, 6], [401, 6], [403, 6]])) {
      const server = watchingServer(test, () => new Response(null, { status }));
      const own = new VideoClient({ baseUrl: server.baseUrl, follow: "events" });
      const polls = ["a", "b", "c", "d", "e", "f"].map((id) => own.poll(id, CALM));
      await server.count(20_000);
      assert.equal(server.streams.length, streams);
      for (const poll of polls) poll.cancel();
    }
  });

  it("sends the stream what it sends with a request, and the key to nobody else", async (test) => {
    const server = watchingServer(test, begin);
    const key = "key-of-the-stream-0451";
    /** @type {[string, RequestInit][]} */
    const calls = [];
    const own = new VideoClient({
      baseUrl: server.baseUrl,
      apiKey: key,
      headers: { "x-session": "mine" },
      credentials: "include",
      follow: "events",
      fetch(url, init) {
        assert.equal(this, undefined);
        calls.push([String(url), /** @type {RequestInit} */ (init)]);
        return fetch(url, init);
      },
    });
    const poll = own.poll("a/b é", PACE);
    const { request } = await server.streamed(1);
    assert.equal(request.url, `${server.baseUrl}/api/video-editor/generate/video/a%2Fb%20%C3%A9/events?brief`);
    assert.deepEqual([request.headers.get("x-api-key"), request.headers.get("x-session")], [key, "mine"]);
    await sleep(PACE.maxIntervalMs);
    assert.ok(calls.length >= 2);
    for (const [url, init] of calls) {
      assert.ok(!url.includes(key));
      assert.deepEqual([init.redirect, init.credentials], ["manual", "include"]);
    }
    poll.cancel();
  });

  it("leaves a fetch alone that never settles and listens to nobody", async (test) => {
    const server = watchingServer(test, begin);
    /** @type {number[]} */
    const streams = [];
    const own = new VideoClient({
      baseUrl: server.baseUrl,
      follow: "events",
      fetch: (url, init) => {
        if (!String(url).includes("/events")) return fetch(url, init);
        streams.push(clock.now);
        return new Promise(() => {});
      },
    });
    const poll = own.poll("v", CALM);
    // It is given up, and another is tried, while the poll goes on.
    assert.equal(await server.count(MINUTE), MINUTE / CALM.minIntervalMs);
    assert.equal((streams[1] ?? NaN) - (streams[0] ?? NaN), SILENCE_MS + PAUSE_MS);
    server.become(done);
    assert.ok((await took(poll.done)) <= CALM.maxIntervalMs);
    await poll.done;
  });

  it("lets go of a stream whose source listens to no signal", async (test) => {
    const server = watchingServer(test, begin);
    const released = deferred();
    const own = new VideoClient({
      baseUrl: server.baseUrl,
      follow: "events",
      fetch: async (url, init) => {
        if (!String(url).includes("/events")) return fetch(url, init);
        const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from(":\n\n")), cancel: () => released.resolve(undefined) });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      },
    });
    const poll = own.poll("v", PACE);
    await sleep(PACE.maxIntervalMs);
    assert.equal(await server.count(20_000), 0);
    poll.cancel();
    await atOnce(released.promise);
  });

  it("ends on time, and at once when it is aborted", async (test) => {
    const server = watchingServer(test, begin);
    const own = new VideoClient({ baseUrl: server.baseUrl, follow: "events" });
    const late = own.waitForVideo("v", { ...PACE, timeoutMs: 600 });
    assert.equal(await took(late), 600);
    await failure(late, "timeout");
    const controller = new AbortController();
    const poll = own.poll("w", { ...PACE, signal: controller.signal });
    const { closed } = await server.streamed(2);
    await sleep(100);
    const reason = new Error("enough");
    controller.abort(reason);
    assert.equal(await rejectionInOneTurn(poll.done), reason);
    await atOnce(closed);
  });
});
