// @ts-check
/** All polls of one client: how much they ask together, who asks first, and what a complaint does to them. */

import { took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoClient } from "./package.mjs";
import { done, inOrder, pending, rendering, scriptedServer } from "./scripted-fetch.mjs";
import { deferred, QUICK, SLOW, within } from "./settling.mjs";

/** @param {number} count */
const names = (count) => Array.from({ length: count }, (_, at) => `video-${at}`);
/** @param {import("./scripted-fetch.mjs").Arrival} arrival */
const nameOf = ({ path }) => path.slice(path.lastIndexOf("/") + 1);

/** The most that came within any `ms`. @param {{ atMs: number }[]} arrivals @param {number} ms */
function mostWithin(arrivals, ms) {
  let most = 0;
  for (let first = 0, last = 0; last < arrivals.length; last += 1) {
    while ((arrivals[last]?.atMs ?? 0) - (arrivals[first]?.atMs ?? 0) > ms) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

describe("a budget", () => {
  it("holds for 500 videos, none of which waits more than twice its longest pause", async (test) => {
    const [videos, perSecond, maxIntervalMs] = [500, 250, 2_500];
    const server = await scriptedServer(test, () => pending);
    const own = new VideoClient({ baseUrl: server.url, requestsPerSecond: perSecond });
    const polls = names(videos).map((id) => own.poll(id, { minIntervalMs: 1_000, maxIntervalMs }));
    const began = performance.now();
    await sleep(12_000);
    const ended = performance.now();
    for (const poll of polls) poll.cancel();
    const { arrivals } = server;
    const inASecond = mostWithin(arrivals, 1_000);
    const inATenth = mostWithin(arrivals, 100);
    /** @type {Map<string, number[]>} */
    const times = new Map(names(videos).map((id) => [id, [began]]));
    for (const arrival of arrivals) times.get(nameOf(arrival))?.push(arrival.atMs);
    const waits = [...times.values()].flatMap((at) => [...at, ended].slice(1).map((time, index) => time - (at[index] ?? 0)));
    const longest = Math.max(...waits);
    test.diagnostic(`${arrivals.length} requests, ${inASecond} at most in a second, ${inATenth} in a tenth of one; longest wait ${longest} ms`);
    // One at each end of the time in question.
    assert.ok(inASecond <= perSecond + 1, `${inASecond} in a second`);
    assert.ok(inATenth <= perSecond / 10 + 1, `${inATenth} in a tenth`);
    assert.ok(arrivals.length > perSecond * 10, "it is used");
    assert.ok(longest <= 2 * maxIntervalMs, `${longest} ms`);
  });

  it("keeps polls to so many requests at once", async (test) => {
    const held = deferred();
    const server = await scriptedServer(test, async () => {
      await held.promise;
      return done;
    });
    const own = new VideoClient({ baseUrl: server.url, concurrency: 3 });
    const polls = names(10).map((id) => own.poll(id, QUICK));
    await server.arrived(3);
    await server.staysQuiet();
    held.resolve(undefined);
    await Promise.all(polls.map(({ done }) => done));
    assert.equal(server.traffic.maxInFlight, 3);
  });

  it("lets the nearly finished go first", async (test) => {
    /** @type {Record<string, number>} */
    const progress = { early: 5, late: 95, middle: 50 };
    const blocks = deferred();
    const server = await scriptedServer(test, async (arrival) => {
      const id = nameOf(arrival);
      if (id !== "blocker") return rendering(progress[id] ?? 0);
      await blocks.promise;
      return pending;
    });
    const own = new VideoClient({ baseUrl: server.url, concurrency: 1 });
    const polls = Object.keys(progress).map((id) => own.poll(id, SLOW));
    await server.arrived(3);
    while (polls.some(({ current }) => !current)) await sleep(5);
    const blocker = own.poll("blocker", SLOW);
    await server.arrived(4);
    await sleep(1_000);
    for (const poll of polls) poll.pollNow();
    blocks.resolve(undefined);
    await server.arrived(7);
    assert.deepEqual(server.arrivals.slice(4).map(nameOf), ["late", "middle", "early"]);
    for (const poll of [...polls, blocker]) poll.cancel();
  });

  it("slows all down after a 429, and speeds up again", async (test) => {
    let isRefusing = false;
    const server = await scriptedServer(test, () => (isRefusing ? 429 : pending));
    const own = new VideoClient({ baseUrl: server.url });
    const polls = names(40).map((id) => own.poll(id, { minIntervalMs: 200, maxIntervalMs: 400, maxConsecutiveFailures: Infinity }));
    await server.arrived(120);
    const rate = async (/** @type {number} */ ms) => {
      const before = server.arrivals.length;
      await sleep(ms);
      return ((server.arrivals.length - before) * 1_000) / ms;
    };
    const usual = await rate(1_000);
    isRefusing = true;
    await server.arrived(server.arrivals.length + 1);
    isRefusing = false;
    await sleep(200);
    const slow = await rate(800);
    assert.ok(slow < 0.8 * usual, `${slow} of ${usual}`);
    let again = slow;
    for (let seconds = 0; again < 0.75 * usual && seconds < 25; seconds += 1) again = await rate(1_000);
    test.diagnostic(`${usual.toFixed()} requests in a second, then ${slow.toFixed()}, then ${again.toFixed()}`);
    assert.ok(again >= 0.75 * usual && again > 1.2 * slow, `${again} of ${usual}`);
    for (const poll of polls) poll.cancel();
  });

  /** How a server may count. @type {Record<string, (perSecond: number) => (nowMs: number) => boolean>} */
  const limits = {
    "in each second of its clock": (perSecond) => {
      let [second, count] = [0, 0];
      return (nowMs) => {
        if (second !== Math.floor(nowMs / 1_000)) [second, count] = [Math.floor(nowMs / 1_000), 0];
        return (count += 1) <= perSecond;
      };
    },
    "in any second": (perSecond) => {
      /** @type {number[]} */
      let taken = [];
      return (nowMs) => {
        taken = taken.filter((atMs) => atMs > nowMs - 1_000);
        return taken.length < perSecond && taken.push(nowMs) > 0;
      };
    },
    "by a bucket": (perSecond) => {
      let [tokens, atMs] = [perSecond, performance.now()];
      return (nowMs) => {
        tokens = Math.min(tokens + ((nowMs - atMs) * perSecond) / 1_000, perSecond);
        atMs = nowMs;
        return tokens >= 1 && (tokens -= 1) >= 0;
      };
    },
  };
  for (const [how, limit] of Object.entries(limits)) {
    for (const apartMs of [0, 1_000]) {
      it(`keeps 100 videos, begun ${apartMs} ms apart, to what a server takes that counts ${how}`, async (test) => {
        const takes = limit(10);
        const began = performance.now();
        /** @type {{ sent: number, refused: number }[]} */
        const minutes = [];
        const fetch = async () => {
          const nowMs = performance.now();
          const minute = (minutes[Math.floor((nowMs - began) / 60_000)] ??= { sent: 0, refused: 0 });
          minute.sent += 1;
          const isTaken = takes(nowMs);
          if (!isTaken) minute.refused += 1;
          await sleep(80);
          const clips = [{ status: "pending" }, { status: "pending" }];
          return isTaken ? Response.json({ status: "GENERATING_VIDEO", generatedContent: clips }) : new Response(null, { status: 429 });
        };
        const own = new VideoClient({ baseUrl: "https://api.example", fetch });
        const options = { timeoutMs: Infinity, maxConsecutiveFailures: Infinity };
        /** @type {ReturnType<typeof own.poll>[]} */
        const polls = [];
        for (const id of names(100)) {
          polls.push(own.poll(id, options));
          if (apartMs > 0) await sleep(apartMs);
        }
        await sleep(240_000 - 100 * apartMs);
        for (const poll of polls) poll.cancel();
        test.diagnostic(minutes.map(({ sent, refused }) => `${refused} of ${sent}`).join(", "));
        for (const { sent, refused } of minutes.slice(1, 4)) {
          assert.ok(refused < 0.05 * sent, `${refused} of ${sent} are refused`);
          assert.ok(sent - refused > 0.7 * 600, `${sent - refused} are taken`);
        }
      });
    }
  }

  it("does not slow a video that is alone, which has a pace of its own", async (test) => {
    const server = await scriptedServer(test, inOrder(429, 429, 429, pending, done));
    const poll = new VideoClient({ baseUrl: server.url }).waitForVideo("v", QUICK);
    // Backoffs of 1, 2 and 4 times the longest pause at most, and one pause.
    assert.ok((await took(poll)) <= 8 * QUICK.maxIntervalMs);
    assert.equal((await poll).requests, 5);
  });

  it("leaves nothing behind that would hold up the end of the process, or the next poll", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, pending, done));
    const own = new VideoClient({ baseUrl: server.url, requestsPerSecond: 0.5 });
    const polls = ["a", "b"].map((id) => own.poll(id, QUICK));
    await server.arrived(1);
    for (const poll of polls) poll.cancel();
    await server.staysQuiet(2_200);
    const { requests } = await within(6_000, own.waitForVideo("c", QUICK));
    assert.equal(requests, 2);
  });
});
