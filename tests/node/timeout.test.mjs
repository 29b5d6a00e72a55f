// @ts-check
/** Time: deadlines, the limit of one request, and what the server asks for with Retry-After; each to the millisecond. */

import { atOnce, took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoClient } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { deferred, failure, QUICK, recorder, rejection, SLOW, staysPending, within } from "./settling.mjs";
import { client, createVideo, inFlight, logOf, logWhen, staysQuiet } from "./virtual-simulator.mjs";

const DAY = 24 * 60 * 60 * 1_000;
const DAYS_30 = 30 * DAY;
/** Until the simulator answers, at most. */
const LATENCY_MS = 60;
/** Longest times, each beyond what a timer holds. */
const AGES = {
  "2^31 ms": 2 ** 31,
  "30 days": DAYS_30,
  "285,000 years": 9e15,
  "the largest number": Number.MAX_VALUE,
  Infinity,
};

describe("timeoutMs", () => {
  /** @type {Record<string, [import("./virtual-simulator.mjs").Wishes, import("./package.mjs").PollOptions]>} */
  const places = {
    asleep: [{}, SLOW],
    "asleep after a failure": [{ scenario: "html-for-ever" }, SLOW],
    "in flight": [{ scenario: "hang-for-ever" }, QUICK],
    "in the body": [{ scenario: "stall-for-ever" }, QUICK],
    "between many answers": [{ scenario: "pending-for-ever" }, QUICK],
    "while failing for ever": [{ scenario: "html-for-ever" }, { ...QUICK, maxConsecutiveFailures: Infinity }],
  };
  for (const [place, [wishes, options]] of Object.entries(places)) {
    it(`ends a poll that is ${place}, on time, and nothing follows`, async () => {
      const id = await createVideo(wishes);
      const poll = client().waitForVideo(id, { timeoutMs: 400, ...options });
      assert.equal(await took(poll), 400);
      const error = await failure(poll, "timeout");
      assert.equal(error.retryable, true);
      assert.equal(typeof error.resumeToken, "string");
      const { requests } = await staysQuiet(id);
      if (place.includes("in ")) assert.equal(requests.at(-1)?.finished, "aborted");
    });
  }

  it("gives the last update along", async () => {
    const id = await createVideo({ scenario: "pending-for-ever" });
    const { updates, listener } = recorder();
    const error = await failure(client().waitForVideo(id, { timeoutMs: 300, onUpdate: listener, ...QUICK }), "timeout");
    assert.equal(error.last?.status, "PENDING");
    assert.equal(error.last, updates.at(-1));
  });

  it("of a fraction of a millisecond is over at once", async () => {
    const id = await createVideo({ latencyMs: 60_000 });
    const poll = client().waitForVideo(id, { timeoutMs: 0.001 });
    assert.ok((await took(poll)) <= 1);
    await failure(poll, "timeout");
    await staysQuiet(id);
  });

  for (const [name, timeoutMs] of Object.entries(AGES)) {
    it(`of ${name} does not fire, neither asleep nor in flight`, async () => {
      const asleep = await createVideo();
      const hanging = await createVideo({ scenario: "hang-for-ever" });
      const controller = new AbortController();
      const { signal } = controller;
      const own = client();
      const polls = [
        own.waitForVideo(asleep, { timeoutMs, signal, ...SLOW }),
        own.waitForVideo(hanging, { timeoutMs, signal, ...QUICK }),
      ];
      await inFlight(hanging, 3);
      await staysPending(Promise.race(polls), 25_000);
      assert.equal((await logOf(asleep)).requests.length, 1);
      controller.abort("enough");
      assert.deepEqual(await Promise.all(polls.map(rejection)), ["enough", "enough"]);
    });
  }

  for (const timeoutMs of [2 ** 31, DAYS_30]) {
    it(`of ${timeoutMs} ms, which no timer holds, is kept to the millisecond`, async (test) => {
      const server = await scriptedServer(test, inOrder(pending));
      const options = { timeoutMs, minIntervalMs: DAY, maxIntervalMs: DAY };
      const poll = new VideoClient({ baseUrl: server.url }).waitForVideo("any", options);
      assert.equal(await took(poll), timeoutMs);
      await failure(poll, "timeout");
    });
  }

  it("of each poll is its own, also when they share a request that hangs", async () => {
    const id = await createVideo({ scenario: "hang-for-ever" });
    const own = client();
    const polls = [200, 400, 600].map((timeoutMs) => own.waitForVideo(id, { timeoutMs, ...QUICK }));
    assert.deepEqual(await Promise.all(polls.map(took)), [200, 400, 600]);
    await Promise.all(polls.map((poll) => failure(poll, "timeout")));
    const { requests, maxInFlight } = await staysQuiet(id);
    assert.deepEqual([requests.length, maxInFlight], [3, 1]);
  });
});

describe("intervals", () => {
  for (const [name, interval] of Object.entries(AGES)) {
    if (interval === Infinity) continue;
    it(`of ${name} sleep, and do not spin`, async () => {
      const id = await createVideo();
      const controller = new AbortController();
      const { signal } = controller;
      const options = { signal, minIntervalMs: interval, maxIntervalMs: interval, timeoutMs: Infinity };
      const settled = client().waitForVideo(id, options);
      await staysPending(settled, 20 * DAY);
      assert.equal((await logOf(id)).requests.length, 1);
      if (interval <= DAYS_30) {
        await staysPending(settled, interval - 20 * DAY + 1_000);
        const { requests } = await logOf(id);
        const pause = (requests[1]?.atMs ?? NaN) - (requests[0]?.atMs ?? NaN);
        assert.ok(pause >= interval && pause <= interval + LATENCY_MS, `${pause} ms`);
        assert.equal(requests.length, 2);
      }
      controller.abort();
      await rejection(settled);
    });
  }

  it("keep every pause within their bounds", async (test) => {
    const server = await scriptedServer(test, ({ number }) => (number < 12 ? pending : done));
    await new VideoClient({ baseUrl: server.url }).waitForVideo("any", { minIntervalMs: 60, maxIntervalMs: 90 });
    const pauses = server.arrivals.slice(1).map(({ atMs }, at) => atMs - (server.arrivals[at]?.atMs ?? NaN));
    assert.ok(Math.min(...pauses) >= 60 && Math.max(...pauses) <= 90, `${pauses}`);
  });

  it("of 0 are allowed", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, pending, done));
    const own = new VideoClient({ baseUrl: server.url });
    const video = await atOnce(own.waitForVideo("any", { minIntervalMs: 0, maxIntervalMs: 0 }));
    assert.equal(video.requests, 3);
  });

  it("default to 2 to 5 s, the server's own advice, from a response to the next request and through a whole video", async () => {
    const id = await createVideo();
    /** @type {number[]} */
    const pauses = [];
    let answeredAt = NaN;
    /** @type {typeof fetch} */
    const timed = async (...call) => {
      pauses.push(performance.now() - answeredAt);
      const response = await fetch(...call);
      answeredAt = performance.now();
      return response;
    };
    const { elapsedMs, requests } = await client({ fetch: timed }).waitForVideo(id);
    pauses.shift();
    assert.ok(elapsedMs > 60_000 && requests > 20 && pauses.length === requests - 1, `${requests} requests in ${elapsedMs} ms`);
    assert.ok(Math.min(...pauses) >= 2_000 && Math.max(...pauses) <= 5_000, `${pauses}`);
  });
});

describe("requestTimeoutMs", () => {
  it("makes an end of one request, of which the next hears nothing", async () => {
    let calls = 0;
    /** The first body breaks when it is aborted; the second answer takes its time. @type {typeof globalThis.fetch} */
    const fetch = async (_, init) => {
      calls += 1;
      if (calls > 1) {
        await sleep(30);
        return Response.json({ status: "DONE", url: "https://cdn.test/v.mp4" });
      }
      const start = (/** @type {ReadableStreamDefaultController} */ body) => init?.signal?.addEventListener("abort", () => body.error(new Error("broken off")));
      return new Response(new ReadableStream({ start }), { status: 200 });
    };
    const impatient = new VideoClient({ baseUrl: "http://memory.test", fetch, requestTimeoutMs: 100 });
    const update = await impatient.waitForVideo("v", { minIntervalMs: 10, maxIntervalMs: 20 });
    assert.deepEqual([update.requests, calls], [2, 2]);
  });

  it("ends a request without a head, which is asked again", async () => {
    const id = await createVideo({ scenario: "hang", speed: 600 });
    const video = await client({ requestTimeoutMs: 150 }).waitForVideo(id, QUICK);
    assert.equal(video.status, "DONE");
    const { requests } = await staysQuiet(id);
    assert.deepEqual(
      requests.filter((one) => one.finished === "aborted").map((one) => one.fault),
      ["hang", "hang"],
    );
  });

  it("covers head and body together, also a body that trickles without end", async (test) => {
    const server = await scriptedServer(test, () => ({ fault: "stall", body: pending }));
    const own = new VideoClient({ baseUrl: server.url, requestTimeoutMs: 200 });
    const asked = own.getStatus("any");
    assert.equal(await took(asked), 200);
    const error = await failure(asked, "network");
    assert.equal(error.retryable, true);
    await (
      await server.arrived(1)
    ).left;
  });

  it("is not put off by bytes that go on coming", async () => {
    /** @type {any} */
    const trickling = async (/** @type {string} */ _, /** @type {RequestInit} */ { signal }) => {
      const body = new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          if (signal?.aborted) controller.error(signal.reason);
          else controller.enqueue(new TextEncoder().encode(" "));
        },
      });
      return new Response(body);
    };
    const own = client({ fetch: trickling, requestTimeoutMs: 200 });
    const asked = own.getStatus("any");
    assert.equal(await took(asked), 200);
    await failure(asked, "network");
  });

  it("that ends within the words of an error leaves its code, and what it asks for", async (test) => {
    const refusing = await scriptedServer(test, () => ({ fault: "stall", status: 404, body: "no such video" }));
    const error = await failure(new VideoClient({ baseUrl: refusing.url, requestTimeoutMs: 200 }).waitForVideo("any"), "not_found");
    assert.deepEqual([error.httpStatus, error.detail], [404, undefined]);
    await (
      await refusing.arrived(1)
    ).left;
    const busy = await scriptedServer(test, () => ({ fault: "stall", status: 503, body: "busy", headers: { "retry-after": "60" } }));
    const settled = new VideoClient({ baseUrl: busy.url, requestTimeoutMs: 200 }).waitForVideo("any", { ...QUICK, timeoutMs: 30_000 });
    assert.equal(await took(settled), 200);
    await failure(settled, "timeout");
    assert.deepEqual([refusing.arrivals.length, busy.arrivals.length], [1, 1]);
  });

  for (const [name, requestTimeoutMs] of Object.entries(AGES)) {
    it(`of ${name} does not fire`, async () => {
      const id = await createVideo({ latencyMs: DAY });
      const controller = new AbortController();
      const settled = client({ requestTimeoutMs }).getStatus(id, { signal: controller.signal });
      await inFlight(id, 1);
      await staysPending(settled, DAY - 1_000);
      controller.abort();
      await rejection(settled);
    });
  }
});

describe("Retry-After", () => {
  for (const scenario of ["retry-after-month", "retry-after-month-date"]) {
    it(`beyond the deadline ends the poll at once with "timeout" (${scenario})`, async () => {
      const id = await createVideo({ scenario });
      const poll = client().waitForVideo(id, QUICK);
      assert.ok((await took(poll)) <= 3 * LATENCY_MS + 2 * QUICK.maxIntervalMs);
      const error = await failure(poll, "timeout");
      assert.deepEqual([error.retryable, typeof error.resumeToken], [true, "string"]);
      const { requests } = await staysQuiet(id);
      assert.equal(requests.length, 3);
    });

    it(`of 30 days sleeps where the poll may wait for ever, and does not spin (${scenario})`, async () => {
      const id = await createVideo({ scenario });
      const poll = client().poll(id, { ...QUICK, timeoutMs: Infinity });
      await logWhen(id, (log) => log.requests.length === 3);
      await staysPending(poll.done, DAY);
      poll.pollNow();
      await staysQuiet(id, 15 * DAY);
      await staysQuiet(id, 14 * DAY - 1_000);
      const { requests } = await logWhen(id, (log) => log.requests.length === 4);
      const pause = (requests[3]?.atMs ?? NaN) - (requests[2]?.atMs ?? NaN);
      // A date is told in whole seconds.
      assert.ok(pause >= DAYS_30 && pause <= DAYS_30 + LATENCY_MS + 1_000, `${pause} ms`);
      poll.cancel();
    });
  }

  it("of more seconds than any number holds sleeps likewise", async (test) => {
    const headers = { "retry-after": "9".repeat(40) };
    const server = await scriptedServer(test, inOrder(pending, { status: 503, headers }));
    const poll = new VideoClient({ baseUrl: server.url }).poll("any", { ...QUICK, timeoutMs: Infinity });
    await server.arrived(2);
    await staysPending(poll.done, DAYS_30);
    assert.equal(server.arrivals.length, 2);
    poll.cancel();
  });

  const inTwoSeconds = () => new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000);
  /** @type {Record<string, () => { value: string, atLeastMs: number }>} */
  const forms = {
    seconds: () => ({ value: "1", atLeastMs: 1_000 }),
    "a date": () => {
      const date = inTwoSeconds();
      return { value: date.toUTCString(), atLeastMs: date.getTime() - Date.now() };
    },
  };
  for (const [form, retryAfter] of Object.entries(forms)) {
    // A 200 is that of a page that says so.
    for (const status of [429, 503, 200]) {
      it(`in ${form} with ${status} is a floor, which neither pollNow nor another poll undercuts`, async (test) => {
        let floor = { value: "", atLeastMs: 0 };
        const server = await scriptedServer(test, ({ number }) => {
          if (number > 1) return done;
          floor = retryAfter();
          return { status, headers: { "retry-after": floor.value } };
        });
        const own = new VideoClient({ baseUrl: server.url });
        const poll = own.poll("any", QUICK);
        const refused = await server.arrived(1);
        await new Promise((resolve) => setTimeout(resolve, 100));
        poll.pollNow();
        const joiner = own.waitForVideo("any", QUICK);
        poll.pollNow();
        await Promise.all([poll.done, joiner]);
        const waited = (server.arrivals[1]?.atMs ?? NaN) - refused.atMs;
        assert.equal(waited, floor.atLeastMs);
        assert.equal(server.arrivals.length, 2);
      });
    }
  }

  for (const value of [
    "0",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    new Date(Date.now() - 3_600_000).toUTCString(),
    "a while",
    "-5",
    "",
  ]) {
    it(`of ${JSON.stringify(value)} asks for nothing`, async (test) => {
      const server = await scriptedServer(test, inOrder({ status: 429, headers: { "retry-after": value } }, done));
      await within(QUICK.maxIntervalMs, new VideoClient({ baseUrl: server.url }).waitForVideo("any", QUICK));
    });
  }
});

describe("a time that no timer holds", () => {
  for (const [name, age] of Object.entries(AGES)) {
    it(`(${name}) is slept through, and not in a hurry of timers`, async (test) => {
      const later = { status: 429, headers: { "retry-after": `${Math.min(age, 1e15)}` } };
      const server = await scriptedServer(test, ({ path }) => (path.endsWith("/paced") ? pending : later));
      const interval = Math.min(age, Number.MAX_VALUE);
      const own = new VideoClient({ baseUrl: server.url, requestTimeoutMs: age });
      const polls = [
        own.poll("paced", { timeoutMs: age, minIntervalMs: interval, maxIntervalMs: interval }),
        own.poll("refused", { timeoutMs: Infinity, ...QUICK }),
      ];
      await new Promise((resolve) => polls[0]?.subscribe(resolve));
      await server.arrived(2);
      await sleep(50); // both are asleep
      const timers = test.mock.method(globalThis, "setTimeout", setTimeout);
      await sleep(24 * DAY);
      // The longest timer is one of 2^31 ms, or 24.8 days.
      assert.equal(timers.mock.callCount(), 0);
      await sleep(24 * DAY);
      assert.ok(timers.mock.callCount() < 10, `${timers.mock.callCount()} timers`);
      for (const poll of polls) poll.cancel();
    });
  }
});

describe("a wall clock that is stepped", () => {
  for (const [name, step] of Object.entries({ "an hour ahead": 3_600_000, "an hour back": -3_600_000 })) {
    it(`${name} neither ends nor delays a poll`, async (test) => {
      const stepped = deferred();
      const server = await scriptedServer(test, async ({ number }) => {
        if (number === 2) await stepped.promise;
        return number < 5 ? pending : done;
      });
      const own = new VideoClient({ baseUrl: server.url });
      const settled = own.waitForVideo("any", { ...QUICK, timeoutMs: 60_000 });
      await server.arrived(2);
      const now = Date.now.bind(Date);
      test.mock.method(Date, "now", () => now() + step);
      stepped.resolve(undefined);
      const video = await within(4 * QUICK.maxIntervalMs, settled);
      assert.ok(video.elapsedMs >= 4 * QUICK.minIntervalMs && video.elapsedMs <= 4 * QUICK.maxIntervalMs, `${video.elapsedMs} ms`);
    });
  }
});
