// @ts-check
/** A client that follows live streams: it asks when there is news, and polls wherever there is no stream. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoClient } from "./package.mjs";
import { done, generating, pending, rendering } from "./scripted-server.mjs";
import { deferred, failure, recorder, staysPending, within } from "./settling.mjs";

/** @typedef {import("node:http").ServerResponse} ServerResponse */
/** @typedef {import("node:http").IncomingMessage} IncomingMessage */

/** A poll by itself would ask twenty times in the time that these tests look on. */
const PACE = { minIntervalMs: 20, maxIntervalMs: 50 };
const LOOK_ON_MS = 1_000;
/** Two requests and a little: one at the start, and what was on its way when the stream was first heard. */
const FEW = 4;

// Silence and the pause after trouble are long; here they are short. All other timers are as they are.
const realSetTimeout = globalThis.setTimeout;
const SILENCE_MS = 1_500;
// @ts-expect-error -- what Node adds to it is not used
globalThis.setTimeout = (/** @type {() => void} */ act, ms = 0, /** @type {any[]} */ ...rest) =>
  realSetTimeout(act, ms === 50_000 ? SILENCE_MS : ms === 60_000 ? 2_000 : ms, ...rest);

/**
 * A server that tells of a video's state, and lets `onStream` do with each stream as it likes.
 * @param {{ after: (act: () => void) => void }} test
 * @param {(response: ServerResponse, stream: { id: string, number: number, request: IncomingMessage }) => unknown} onStream
 * @param {(asked: { id: string, number: number, response: ServerResponse }) => unknown} [onStatus] what it answers, if not the state
 */
async function watchingServer(test, onStream, onStatus) {
  /** @type {any} */
  let state = pending;
  /** @type {IncomingMessage[]} */
  const asked = [];
  /** @type {{ id: string, response: ServerResponse, closed: Promise<unknown>, request: IncomingMessage }[]} */
  const streams = [];
  const server = createServer(async (request, response) => {
    const path = /^\/api\/video-editor\/generate\/video\/([^/?]+)(\/events\?brief)?$/.exec(request.url ?? "");
    assert.ok(path, `an odd path: ${request.url}`);
    const [, id = "", isStream] = path;
    if (isStream) {
      assert.equal(request.headers.accept, "text/event-stream");
      streams.push({ id, response, request, closed: once(response, "close") });
      return onStream(response, { id, number: streams.length, request });
    }
    asked.push(request);
    const own = await onStatus?.({ id, number: asked.length, response });
    if (own !== undefined || response.headersSent) return;
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(state));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    asked,
    streams,
    /** @param {any} next */
    become(next) {
      state = next;
    },
    /** @param {number} number */
    async streamed(number) {
      while (streams.length < number) await sleep(5);
      return /** @type {(typeof streams)[number]} */ (streams[number - 1]);
    },
    /** Resolves when so many more questions have come, as they do only where it polls. */
    async polled(more = 8) {
      const enough = asked.length + more;
      while (asked.length < enough) await sleep(5);
    },
    /** How many questions come while one looks on. */
    async count(ms = LOOK_ON_MS) {
      const before = asked.length;
      await sleep(ms);
      return asked.length - before;
    },
  };
}

/** A stream with a heartbeat. @param {ServerResponse} response */
function begin(response) {
  beginSilent(response);
  const heart = setInterval(() => response.write(":\n\n"), SILENCE_MS / 5);
  response.once("close", () => clearInterval(heart));
}

/** @param {ServerResponse} response */
function beginSilent(response) {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.write(":\n\n");
}
const NEWS = 'id: x-1\nevent: update\ndata: {"id":"x-1","type":"update"}\n\n';

describe("a client that follows", { concurrency: true, timeout: 60_000 }, () => {
  it("asks when there is news, and hardly ever else", async (test) => {
    const server = await watchingServer(test, begin);
    const { updates, listener } = recorder();
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", { ...PACE, onUpdate: listener });
    const { response } = await server.streamed(1);
    assert.ok((await server.count()) < FEW);
    for (const [number, state] of [generating(1), generating(2), rendering(40)].entries()) {
      const before = server.asked.length;
      server.become(state);
      response.write(NEWS);
      while (updates.length < number + 2) await sleep(5);
      assert.equal(server.asked.length, before + 1, "one question for one piece of news");
      await sleep(50);
    }
    server.become(done);
    response.write(NEWS);
    const video = await within(500, poll.done);
    assert.deepEqual(video.raw, done);
    assert.deepEqual(
      updates.map(({ status }) => status),
      ["PENDING", "GENERATING_VIDEO", "GENERATING_VIDEO", "RENDERING_VIDEO", "DONE"],
    );
    assert.equal(video.requests, server.asked.length);
    assert.equal(server.streams.length, 1);
  });

  it("asks again after a question that was under way when the news came", async (test) => {
    const held = deferred();
    const server = await watchingServer(test, begin, async ({ number, response }) => {
      if (number !== 3) return undefined;
      // What it says was true before the news.
      await held.promise;
      return response.writeHead(200).end(JSON.stringify(pending));
    });
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const { response } = await server.streamed(1);
    while (server.asked.length < 2) {
      await sleep(30);
      response.write(NEWS);
    }
    poll.pollNow();
    while (server.asked.length < 3) await sleep(5);
    response.write(NEWS);
    await sleep(50);
    server.become(done);
    held.resolve(undefined);
    await within(500, poll.done);
    assert.equal(server.asked.length, 4);
  });

  it("hears news in whatever pieces and line ends they come, and comments are none", async (test) => {
    const server = await watchingServer(test, begin);
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const { response } = await server.streamed(1);
    await sleep(200);
    const before = server.asked.length;
    const quiet = [":data: {}\n\n", "event: data:\n\n", "metadata:\n\n", "\r\n", "da", "", "\n"];
    for (const part of quiet) {
      response.write(part);
      await sleep(30);
    }
    await sleep(100);
    assert.equal(server.asked.length, before);
    for (const parts of [["data: 1\n\n"], ["data:1\r\n\r\n"], ["data: 1\r\r"], ["d", "at", "a:", " 1", "2".repeat(100_000), "\n"], ["id: 7\ndata: \u{1f39e}\n\n"]]) {
      const before = server.asked.length;
      for (const part of parts) {
        response.write(part);
        await sleep(10);
      }
      while (server.asked.length === before) await sleep(5);
      await sleep(60);
    }
    assert.equal(server.asked.length, before + 5);
    poll.cancel();
  });

  it("is not driven faster than the pace by a flood of news", async (test) => {
    const server = await watchingServer(test, (response) => {
      begin(response);
      const flood = setInterval(() => response.write(NEWS.repeat(50)), 1);
      response.once("close", () => clearInterval(flood));
    });
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", { minIntervalMs: 100, maxIntervalMs: 200 });
    await server.streamed(1);
    const count = await server.count();
    assert.ok(count <= 12, `${count} questions`);
    poll.cancel();
  });

  /** @type {Record<string, (response: ServerResponse, stream: { elsewhere: string }) => unknown>} */
  const answers = {
    "404": (response) => response.writeHead(404).end('{"error":"there is nothing at this path"}'),
    "405": (response) => response.writeHead(405).end(),
    "204": (response) => response.writeHead(204).end(),
    "401": (response) => response.writeHead(401).end(),
    "403": (response) => response.writeHead(403).end(),
    "500": (response) => response.writeHead(500).end("no"),
    "501": (response) => response.writeHead(501).end("no"),
    "429 with Retry-After": (response) => response.writeHead(429, { "retry-after": "3600" }).end(),
    "a redirect": (response, { elsewhere }) => response.writeHead(302, { location: elsewhere }).end(),
    "a status": (response) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(done)),
    "a page": (response) => response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"),
    "a type that only begins alike": (response) => {
      response.writeHead(200, { "content-type": "text/event-streams" });
      response.write(":\n\n");
    },
    "a reset": (response) => response.socket?.resetAndDestroy(),
    "no answer": () => {},
    "headers and then nothing": (response) => response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders(),
    "a stream that ends at once": (response) => response.writeHead(200, { "content-type": "text/event-stream" }).end(),
    "a stream that breaks at once": (response) => {
      begin(response);
      setImmediate(() => response.socket?.resetAndDestroy());
    },
  };
  for (const [what, serve] of Object.entries(answers)) {
    it(`polls where the stream is ${what}`, async (test) => {
      /** @type {string[]} */
      const reached = [];
      const elsewhere = createServer((request, response) => {
        reached.push(request.url ?? "");
        response.end();
      }).listen(0, "127.0.0.1");
      await once(elsewhere, "listening");
      test.after(() => void elsewhere.close());
      const { port } = /** @type {import("node:net").AddressInfo} */ (elsewhere.address());
      const course = [pending, pending, pending, generating(1), generating(3), rendering(10), rendering(80), done];
      const play = async (/** @type {"events" | undefined} */ follow) => {
        const server = await watchingServer(
          test,
          (response) => serve(response, { elsewhere: `http://127.0.0.1:${port}/` }),
          ({ number, response }) => response.writeHead(200).end(JSON.stringify(course[Math.min(number, course.length) - 1])),
        );
        const { updates, listener } = recorder();
        const began = performance.now();
        const own = new VideoClient({ baseUrl: server.baseUrl, ...(follow && { follow }) });
        const { requests } = await within(5_000, own.waitForVideo("v", { ...PACE, onUpdate: listener }));
        const took = performance.now() - began;
        return { requests, took, told: updates.map(({ status, overall, raw }) => ({ status, overall, raw })), server };
      };
      const [followed, plain] = await Promise.all([play("events"), play(undefined)]);
      assert.deepEqual(followed.told, plain.told);
      assert.equal(followed.requests, plain.requests);
      assert.ok(followed.took < 3 * plain.took + 300, `${followed.took} and not ${plain.took} ms`);
      assert.equal(followed.server.streams.length, 1);
      assert.deepEqual(reached, []);
      // Nothing follows the end.
      await sleep(1_300);
      assert.equal(followed.server.streams.length, 1);
    });
  }

  it("polls on when the stream breaks, and follows again when it is back", async (test) => {
    const server = await watchingServer(test, begin);
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const first = await server.streamed(1);
    assert.ok((await server.count()) < FEW);
    first.response.socket?.resetAndDestroy();
    await within(3_000, server.polled(), "polled");
    await server.streamed(2);
    assert.ok((await server.count()) < FEW);
    poll.cancel();
  });

  for (const status of [408, 425, 429, 500, 503]) {
    it(`comes back after ${status}`, async (test) => {
      const server = await watchingServer(test, (response, { number }) => (number === 1 ? response.writeHead(status).end() : begin(response)));
      const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
      await server.streamed(2);
      await sleep(100);
      assert.ok((await server.count()) < FEW);
      poll.cancel();
    });
  }

  it("comes back less and less often", async (test) => {
    /** @type {number[]} */
    const at = [];
    const server = await watchingServer(test, (response) => {
      at.push(performance.now());
      response.writeHead(503).end();
    });
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    await server.streamed(3);
    const [first = 0, second = 0, third = 0] = at;
    assert.ok(second - first >= 999 && third - second > 1.5 * (second - first), `${at}`);
    poll.cancel();
  });

  it("comes back soon after a stream that lived for a while", async (test) => {
    /** @type {number[]} */
    const at = [];
    let endedAt = 0;
    const server = await watchingServer(test, (response, { number }) => {
      at.push(performance.now());
      if (number === 1) return response.writeHead(503).end();
      begin(response);
      if (number === 2) {
        realSetTimeout(() => {
          endedAt = performance.now();
          response.end();
        }, 2_500);
      }
    });
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    await server.streamed(3);
    const pause = (at[2] ?? 0) - endedAt;
    assert.ok(pause < 1_900, `${pause} ms, and not the 2 s of one who failed before`);
    poll.cancel();
  });

  it("takes a stream that has gone silent for broken", async (test) => {
    const server = await watchingServer(test, beginSilent);
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", PACE);
    const { response, closed } = await server.streamed(1);
    // As long as there are heartbeats, all is well.
    for (let beats = 0; beats < 8; beats += 1) {
      await sleep(SILENCE_MS / 4);
      response.write(":\n\n");
    }
    assert.equal(server.streams.length, 1);
    assert.ok(server.asked.length < FEW + 2, `${server.asked.length} questions`);
    await within(3_000, closed, "closed");
    await within(3_000, server.polled(), "polled");
    await server.streamed(2);
    poll.cancel();
  });

  it("gives its connection up when a question fails, and polls on", async (test) => {
    let isWell = true;
    const server = await watchingServer(test, begin, ({ response }) => (isWell ? undefined : response.writeHead(503).end()));
    const poll = new VideoClient({ baseUrl: server.baseUrl, follow: "events" }).poll("v", { ...PACE, maxConsecutiveFailures: Infinity });
    const { response, closed } = await server.streamed(1);
    await sleep(200);
    isWell = false;
    response.write(NEWS);
    await within(1_000, closed, "closed");
    await staysPending(poll.done, 1_400);
    assert.equal(server.streams.length, 1, "not at once again");
    isWell = true;
    server.become(done);
    await within(3_000, poll.done);
  });

  it("has one stream for all polls of a video, which ends with the last of them", async (test) => {
    const server = await watchingServer(test, begin);
    const own = new VideoClient({ baseUrl: server.baseUrl, follow: "events" });
    const polls = [1, 2, 3].map(() => own.poll("v", PACE));
    const { response, closed } = await server.streamed(1);
    await server.count(500);
    // Who comes later is followed from the start.
    polls.push(own.poll("v", PACE));
    assert.ok((await server.count()) < FEW);
    // News are asked for once, whoever hears of them.
    const before = server.asked.length;
    response.write(NEWS);
    await sleep(400);
    assert.equal(server.asked.length, before + 1);
    for (const poll of polls.slice(0, 3)) poll.cancel();
    assert.ok((await server.count(300)) < FEW);
    server.become(generating(2));
    response.write(NEWS);
    while (polls[3]?.current?.status !== "GENERATING_VIDEO") await sleep(5);
    polls[3]?.cancel();
    await within(1_000, closed, "closed");
    await sleep(1_300);
    assert.equal(server.streams.length, 1);
  });

  it("has three streams at most, and whoever waits for one gets the next", async (test) => {
    const server = await watchingServer(test, begin);
    const own = new VideoClient({ baseUrl: server.baseUrl, follow: "events" });
    const polls = ["a", "b", "c", "d", "e"].map((id) => own.poll(id, PACE));
    await server.count();
    assert.deepEqual(server.streams.map(({ id }) => id), ["a", "b", "c"]);
    polls[1]?.cancel();
    await server.streamed(4);
    assert.deepEqual(server.streams.map(({ id }) => id), ["a", "b", "c", "d"]);
    for (const poll of polls.reverse()) poll.cancel();
    await within(1_000, Promise.all(server.streams.map(({ closed }) => closed)), "closed");
    assert.equal(server.streams.length, 4);
  });

  it("looks for streams once where the server has none, and leaves out a video that has none any more", async (test) => {
    for (const [status, streams] of /** @type {const} */ ([[404, 3], [501, 3], [204, 6], [401, 6], [403, 6]])) {
      const server = await watchingServer(test, (response) => response.writeHead(status).end());
      const own = new VideoClient({ baseUrl: server.baseUrl, follow: "events" });
      const polls = ["a", "b", "c", "d", "e", "f"].map((id) => own.poll(id, PACE));
      await server.count(1_500);
      assert.equal(server.streams.length, streams);
      for (const poll of polls) poll.cancel();
    }
  });

  it("sends the stream what it sends with a question, and the key to nobody else", async (test) => {
    const server = await watchingServer(test, begin);
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
    assert.equal(request.url, "/api/video-editor/generate/video/a%2Fb%20%C3%A9/events?brief");
    assert.deepEqual([request.headers["x-api-key"], request.headers["x-session"]], [key, "mine"]);
    for (const [url, init] of calls) {
      assert.ok(!url.includes(key));
      assert.deepEqual([init.redirect, init.credentials], ["manual", "include"]);
    }
    poll.cancel();
  });

  it("leaves a fetch alone that never settles and listens to nobody", async (test) => {
    const server = await watchingServer(test, begin);
    let streams = 0;
    const own = new VideoClient({
      baseUrl: server.baseUrl,
      follow: "events",
      fetch: (url, init) => {
        if (!String(url).includes("/events")) return fetch(url, init);
        streams += 1;
        return new Promise(() => {});
      },
    });
    const poll = own.poll("v", PACE);
    await within(3_000, server.polled(), "polled");
    // It was given up, and another is tried.
    while (streams < 2) await sleep(20);
    server.become(done);
    await within(1_000, poll.done);
  });

  it("lets go of a stream whose source listens to no signal", async (test) => {
    const server = await watchingServer(test, begin);
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
    assert.ok((await server.count(SILENCE_MS / 2)) < FEW);
    poll.cancel();
    await within(1_000, released.promise, "released");
  });

  it("ends on time, and at once when it is aborted", async (test) => {
    const server = await watchingServer(test, begin);
    const own = new VideoClient({ baseUrl: server.baseUrl, follow: "events" });
    const began = performance.now();
    await failure(own.waitForVideo("v", { ...PACE, timeoutMs: 600 }), "timeout");
    const took = performance.now() - began;
    assert.ok(took >= 599 && took < 1_500, `${took} ms`);
    const controller = new AbortController();
    const poll = own.poll("w", { ...PACE, signal: controller.signal });
    const { closed } = await server.streamed(2);
    await sleep(100);
    controller.abort(new Error("enough"));
    await assert.rejects(poll.done, /enough/);
    await within(1_000, closed, "closed");
  });
});
