// @ts-check
/** Hastening, cancelling and disposing of a poll. */

import { atOnce, still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freshPackage, VideoClient } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { deferred, failure, QUICK, recorder, rejection, rejectionInOneTurn, SLOW, staysPending, within } from "./settling.mjs";
import { client, createVideo, inFlight, KEY, logOf, logWhen, staysQuiet, url } from "./virtual-simulator.mjs";

/** Between a request and one that pollNow wants, at least, unless minIntervalMs is less. */
const SHORTEST_MS = 1_000;

describe("pollNow", () => {
  it("asks at once", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, done));
    const poll = new VideoClient({ baseUrl: server.url }).poll("v", SLOW);
    await new Promise((resolve) => poll.subscribe(resolve));
    await sleep(SHORTEST_MS);
    poll.pollNow();
    assert.equal((await atOnce(poll.done)).requests, 2);
  });

  it("asks at once after a failure too", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, 500, done));
    const poll = new VideoClient({ baseUrl: server.url }).poll("v", SLOW);
    await new Promise((resolve) => poll.subscribe(resolve));
    await sleep(SHORTEST_MS);
    poll.pollNow();
    await atOnce(new Promise((resolve) => poll.subscribe(resolve)));
    await sleep(SHORTEST_MS);
    poll.pollNow();
    await atOnce(poll.done);
  });

  for (const [minIntervalMs, soonestMs] of /** @type {const} */ ([
    [60_000, SHORTEST_MS],
    [2_000, SHORTEST_MS],
    [700, 700],
  ])) {
    it(`with minIntervalMs ${minIntervalMs} is put off to ${soonestMs} ms after the last request, and not dropped`, async (test) => {
      const server = await scriptedServer(test, ({ number }) => (number < 5 ? pending : done));
      const poll = new VideoClient({ baseUrl: server.url }).poll("v", { minIntervalMs, maxIntervalMs: 60_000 });
      for (let request = 1; request < 5; request += 1) {
        await server.arrived(request);
        await sleep(50);
        // As a webhook does that anybody may call.
        for (let again = 0; again < 30; again += 1) {
          poll.pollNow();
          await sleep(10);
        }
      }
      await poll.done;
      const pauses = server.arrivals.slice(1).map(({ atMs }, at) => atMs - (server.arrivals[at]?.atMs ?? NaN));
      assert.deepEqual(pauses, [soonestMs, soonestMs, soonestMs, soonestMs]);
    });
  }

  it("called without end does not end a poll whose server is in trouble for a while", async (test) => {
    const server = await scriptedServer(test, () => (performance.now() - began < 8_000 ? 500 : done));
    const began = performance.now();
    const poll = new VideoClient({ baseUrl: server.url }).poll("v");
    const calls = setInterval(() => poll.pollNow(), 20);
    assert.equal((await poll.done).status, "DONE");
    clearInterval(calls);
    assert.ok(server.arrivals.length <= 10, `${server.arrivals.length} requests`);
  });

  it("joins a request in flight, however often it is called", async () => {
    const id = await createVideo({ scenario: "hang-for-ever" });
    const poll = client().poll(id, QUICK);
    await inFlight(id, 3);
    for (let again = 0; again < 20; again += 1) poll.pollNow();
    await staysPending(poll.done, 10_000);
    const { requests, maxInFlight } = await logOf(id);
    assert.deepEqual([requests.length, maxInFlight], [3, 1]);
    poll.cancel();
  });

  it("asks once for many calls at a time", async () => {
    const id = await createVideo();
    const poll = client().poll(id, SLOW);
    await new Promise((resolve) => poll.subscribe(resolve));
    for (let again = 0; again < 20; again += 1) poll.pollNow();
    await logWhen(id, (log) => log.requests.length === 2 && log.inFlight === 0);
    poll.cancel();
    const { requests } = await staysQuiet(id, 100_000);
    assert.equal(requests.length, 2);
  });

  it("before the module has loaded means the first request", async () => {
    const id = await createVideo();
    const fresh = await still(freshPackage());
    const poll = new fresh.VideoClient({ apiKey: KEY, baseUrl: url }).poll(id, SLOW);
    poll.pollNow();
    poll.pollNow();
    await new Promise((resolve) => poll.subscribe(resolve));
    await staysPending(poll.done, SLOW.minIntervalMs - 1);
    assert.equal((await logOf(id)).requests.length, 1);
    poll.cancel();
  });

  it("goes back to the pace afterwards", async () => {
    const id = await createVideo({ scenario: "pending-for-ever" });
    const poll = client().poll(id, SLOW);
    await new Promise((resolve) => poll.subscribe(resolve));
    poll.pollNow();
    await logWhen(id, (log) => log.requests[1]?.finished === "sent");
    await staysQuiet(id, SLOW.minIntervalMs - 1_000);
    await logWhen(id, (log) => log.requests.length === 3);
    poll.cancel();
  });

  it("after the end asks nothing", async () => {
    const id = await createVideo();
    const poll = client().poll(id, SLOW);
    await new Promise((resolve) => poll.subscribe(resolve));
    poll.cancel();
    await rejection(poll.done);
    poll.pollNow();
    await staysQuiet(id, 2 * SLOW.maxIntervalMs);
  });

  it("past the deadline that nobody has noticed yet is a timeout, and nothing worse", async (test) => {
    const server = await scriptedServer(test, ({ path, number }) =>
      path.endsWith("other") && number > 2 ? done : pending,
    );
    const own = new VideoClient({ baseUrl: server.url });
    const other = own.poll("other", { minIntervalMs: 300, maxIntervalMs: 300 });
    const poll = own.poll("v", { ...SLOW, timeoutMs: 1_500 });
    await new Promise((resolve) => poll.subscribe(resolve));
    // Time passes while the thread is busy, and no timer has rung yet.
    const { now } = performance;
    test.mock.method(performance, "now", () => now.call(performance) + 1_600);
    poll.pollNow();
    await atOnce(failure(poll.done, "timeout"));
    assert.equal((await within(1_000, other.done)).status, "DONE");
  });
});

describe("cancel", () => {
  const reasons = { "an Error": new Error("mine"), "a text": "mine", null: null, 0: 0, false: false, "an object": {} };
  for (const [name, reason] of Object.entries(reasons)) {
    it(`with ${name} rejects done with it`, async () => {
      const id = await createVideo();
      const poll = client().poll(id, SLOW);
      poll.cancel(reason);
      assert.ok(Object.is(await rejectionInOneTurn(poll.done), reason));
      const { requests } = await staysQuiet(id);
      assert.equal(requests.length, 0);
    });
  }

  for (const [name, cancel] of /** @type {const} */ ([
    ["no reason", (/** @type {any} */ poll) => poll.cancel()],
    ["undefined", (/** @type {any} */ poll) => poll.cancel(undefined)],
    ["Symbol.dispose of the poll", (/** @type {any} */ poll) => poll[Symbol.dispose]()],
    ["Symbol.dispose of the client", (/** @type {any} */ _, /** @type {any} */ own) => own[Symbol.dispose]()],
  ])) {
    it(`by ${name} rejects done with an AbortError, aborts the request and is silent`, async () => {
      const id = await createVideo({ scenario: "hang-for-ever" });
      const own = client();
      const poll = own.poll(id, QUICK);
      await inFlight(id, 3);
      cancel(poll, own);
      const reason = await rejectionInOneTurn(poll.done);
      assert.ok(reason instanceof DOMException);
      assert.equal(reason.name, "AbortError");
      const { requests } = await staysQuiet(id);
      assert.equal(requests[2]?.finished, "aborted");
    });
  }

  it("counts once: the first reason stays", async () => {
    const poll = client().poll(await createVideo(), SLOW);
    poll.cancel("first");
    poll.cancel("second");
    assert.equal(await rejection(poll.done), "first");
    poll.cancel("third");
    assert.equal(await rejection(poll.done), "first");
  });

  it("after DONE changes nothing", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const poll = new VideoClient({ baseUrl: server.url }).poll("v");
    const video = await poll.done;
    poll.cancel();
    poll[Symbol.dispose]();
    assert.equal(await poll.done, video);
    assert.equal(poll.current, video);
  });
});

describe("disposing of a client", () => {
  it("ends all its polls, however they were started, and no other client's", async () => {
    const ids = await Promise.all([1, 2, 3, 4].map(() => createVideo({ scenario: "pending-for-ever" })));
    const [polled, waited, many, others] = /** @type {[string, string, string, string]} */ (ids);
    const [own, other] = [client(), client()];
    const others1 = other.poll(others, QUICK);
    const settling = [own.poll(polled, QUICK).done, own.waitForVideo(waited, QUICK)];
    const settled = own.waitForVideos([many], QUICK);
    await Promise.all(ids.map((id) => logWhen(id, (log) => log.requests.length > 1)));
    own[Symbol.dispose]();
    for (const promise of settling) assert.equal((await rejectionInOneTurn(promise)).name, "AbortError");
    assert.deepEqual(
      (await atOnce(settled)).map(({ status }) => status),
      ["rejected"],
    );
    await Promise.all([polled, waited, many].map((id) => staysQuiet(id)));
    await staysPending(others1.done, 1_000);
    others1.cancel();
  });

  it("while the module loads sends nothing", async () => {
    const id = await createVideo();
    const fresh = await still(freshPackage());
    const own = new fresh.VideoClient({ apiKey: KEY, baseUrl: url });
    const poll = own.poll(id, QUICK);
    own[Symbol.dispose]();
    assert.equal((await rejection(poll.done)).name, "AbortError");
    assert.equal((await staysQuiet(id)).requests.length, 0);
  });

  it("twice, or without polls, is harmless", async () => {
    const own = client();
    own[Symbol.dispose]();
    own[Symbol.dispose]();
  });
});

describe("a request that a poll gives up", () => {
  it("may call back into the package while it is aborted", async (test) => {
    const server = await scriptedServer(test, ({ path }) => (path.endsWith("other") ? done : { fault: "hang" }));
    const asked = deferred();
    /** @type {import("../../pkg/dist/index.js").VideoPoller | undefined} */
    let poll;
    /** @type {any} */
    const meddling = (/** @type {string} */ target, /** @type {RequestInit} */ init) => {
      init.signal?.addEventListener("abort", () => {
        poll?.resumeToken();
        poll?.pollNow();
        poll?.cancel("second");
      });
      asked.resolve(undefined);
      return fetch(target, init);
    };
    const own = new VideoClient({ baseUrl: server.url, fetch: meddling });
    poll = own.poll("v", QUICK);
    await asked.promise;
    poll.cancel("first");
    assert.equal(await rejection(poll.done), "first");
    assert.equal((await atOnce(own.waitForVideo("other"))).status, "DONE");
  });

  it("may call back into the package while its deadline aborts it", async (test) => {
    const server = await scriptedServer(test, ({ path }) => (path.endsWith("other") ? done : { fault: "hang" }));
    /** @type {import("../../pkg/dist/index.js").VideoPoller | undefined} */
    let poll;
    /** @type {any} */
    const meddling = (/** @type {string} */ target, /** @type {RequestInit} */ init) => {
      init.signal?.addEventListener("abort", () => {
        poll?.resumeToken();
        poll?.pollNow();
      });
      return fetch(target, init);
    };
    const own = new VideoClient({ baseUrl: server.url, fetch: meddling });
    poll = own.poll("v", { ...QUICK, timeoutMs: 150 });
    await within(151, failure(poll.done, "timeout"));
    assert.equal((await atOnce(own.waitForVideo("other"))).status, "DONE");
  });
});

describe("a poller", () => {
  it("has the id that was asked for", () => {
    const poll = client().poll("my id");
    assert.equal(poll.id, "my id");
    poll.cancel();
  });

  it("starts at once, without anybody awaiting it", async () => {
    const id = await createVideo();
    const poll = client().poll(id, SLOW);
    await logWhen(id, (log) => log.requests.length === 1);
    poll.cancel();
  });

  it("goes on though its onUpdate is all that refers to it", async (test) => {
    const server = await scriptedServer(test, ({ number }) => (number < 20 ? pending : done));
    const { reached, listener } = recorder();
    new VideoClient({ baseUrl: server.url }).poll("v", { ...QUICK, onUpdate: listener });
    globalThis.gc?.();
    await within(
      20 * QUICK.maxIntervalMs,
      reached(({ status }) => status === "DONE"),
    );
  });
});
