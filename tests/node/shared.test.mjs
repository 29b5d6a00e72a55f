// @ts-check
/** Polls of one video on one client: one request for all, and each with its own end. */

import { atOnce } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, recorder, rejection, rejectionInOneTurn, SLOW, staysPending } from "./settling.mjs";
import { client, createVideo, inFlight, logOf, logWhen, staysQuiet } from "./virtual-simulator.mjs";

/** @param {{ arrivals: import("./scripted-fetch.mjs").Arrival[] }} server */
const pausesOf = ({ arrivals }) => arrivals.slice(1).map(({ atMs }, at) => atMs - (arrivals[at]?.atMs ?? NaN));

describe("polls of one video", () => {
  it("share their requests", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, generating(1), pending, done));
    const own = new VideoClient({ baseUrl: server.url });
    const polls = Array.from({ length: 20 }, () => recorder()).map(async ({ updates, listener }) => {
      const video = await own.waitForVideo("v", { onUpdate: listener, ...QUICK });
      assert.deepEqual(
        updates.map(({ status }) => status),
        ["PENDING", "GENERATING_VIDEO", "PENDING", "DONE"],
      );
      assert.equal(video.requests, 4);
    });
    await Promise.all(polls);
    assert.deepEqual([server.arrivals.length, server.traffic.maxInFlight], [4, 1]);
  });

  it("have one request in flight through the whole life of a video", async () => {
    const id = await createVideo({ speed: 600, latencyMs: 10 });
    const own = client();
    const videos = await Promise.all(Array.from({ length: 5 }, () => own.waitForVideo(id, QUICK)));
    assert.ok(videos.every(({ status }) => status === "DONE"));
    const { maxInFlight, requests } = await staysQuiet(id);
    assert.equal(maxInFlight, 1);
    assert.equal(requests.length, videos[0]?.requests);
  });

  it("are not shared between clients", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    await Promise.all([1, 2].map(() => new VideoClient({ baseUrl: server.url }).waitForVideo("v", QUICK)));
    assert.equal(server.arrivals.length, 2);
  });

  it("start anew after the end of an earlier one", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const own = new VideoClient({ baseUrl: server.url });
    await own.waitForVideo("v", QUICK);
    const video = await own.waitForVideo("v", QUICK);
    assert.deepEqual([server.arrivals.length, video.requests], [2, 1]);
  });

  it("are told at once when they come late, without a request more", async () => {
    const id = await createVideo();
    const own = client();
    const first = own.poll(id, SLOW);
    await logWhen(id, (log) => log.requests[0]?.finished === "sent");
    const early = recorder();
    first.subscribe(early.listener);
    if (!first.current) await early.reached(() => true);
    const late = recorder();
    const second = own.poll(id, { ...SLOW, onUpdate: late.listener });
    const update = await atOnce(late.reached(() => true));
    assert.equal(update.status, first.current?.status);
    assert.deepEqual(update.raw, first.current?.raw);
    assert.deepEqual(update.generatedContent, first.current?.generatedContent);
    assert.equal((await logOf(id)).requests.length, 1);
    first.cancel();
    second.cancel();
    await staysQuiet(id);
  });

  it("join a request in flight", async () => {
    const id = await createVideo({ scenario: "hang-for-ever" });
    const own = client();
    const first = own.poll(id, QUICK);
    await inFlight(id, 3);
    const late = recorder();
    const second = own.poll(id, { ...QUICK, onUpdate: late.listener });
    await atOnce(late.reached(() => true));
    assert.equal((await logOf(id)).requests.length, 3);
    first.cancel();
    second.cancel();
    await staysQuiet(id);
  });

  it("leave one by one: each abort is its own, and the last ends the request", async () => {
    const id = await createVideo({ scenario: "hang-for-ever" });
    const own = client();
    const controllers = [1, 2, 3].map(() => new AbortController());
    const polls = controllers.map(({ signal }) => own.waitForVideo(id, { signal, ...QUICK }));
    await inFlight(id, 3);
    for (const at of [1, 0, 2]) {
      assert.equal((await logOf(id)).requests[2]?.finished, "open");
      await staysPending(
        Promise.race([0, 1, 2].filter((other) => !controllers[other]?.signal.aborted).map((other) => polls[other])),
        1_000,
      );
      controllers[at]?.abort(`reason ${at}`);
      assert.equal(await rejectionInOneTurn(/** @type {Promise<unknown>} */ (polls[at])), `reason ${at}`);
    }
    const { requests } = await staysQuiet(id);
    assert.deepEqual([requests.length, requests[2]?.finished], [3, "aborted"]);
  });

  it("go on when the one that started them leaves", async () => {
    const id = await createVideo({ speed: 300 });
    const own = client();
    const first = own.poll(id, QUICK);
    const second = own.waitForVideo(id, QUICK);
    await logWhen(id, (log) => log.requests.length >= 2);
    first.cancel();
    assert.equal((await second).status, "DONE");
  });

  it("give up each at its own number of failures", async (test) => {
    const server = await scriptedServer(test, ({ number }) => (number < 6 ? 500 : done));
    const own = new VideoClient({ baseUrl: server.url });
    const impatient = failure(own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 2 }), "http");
    const patient = own.waitForVideo("v", QUICK);
    await impatient;
    assert.equal((await patient).requests, 6);
  });

  it("go at the tightest pace of those present, from when it comes until it leaves", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const own = new VideoClient({ baseUrl: server.url });
    const slow = own.poll("v", SLOW);
    await new Promise((resolve) => slow.subscribe(resolve)); // now it sleeps for a minute
    const tight = own.poll("v", { minIntervalMs: 20, maxIntervalMs: 20 });
    await server.arrived(6);
    assert.deepEqual(pausesOf(server), [20, 20, 20, 20, 20]);
    tight.cancel();
    await rejection(tight.done);
    await server.staysQuiet(SLOW.minIntervalMs - 1);
    await server.arrived(7);
    assert.equal(pausesOf(server).at(-1), SLOW.minIntervalMs);
    slow.cancel();
  });

  it("go at the tightest pace when they start together", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const own = new VideoClient({ baseUrl: server.url });
    const polls = [SLOW, { minIntervalMs: 20, maxIntervalMs: 20 }, SLOW].map((pace) => own.poll("v", pace));
    await server.arrived(6);
    assert.deepEqual(pausesOf(server), [20, 20, 20, 20, 20]);
    for (const poll of polls) poll.cancel();
  });

  it("all profit from pollNow of one", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, done));
    const own = new VideoClient({ baseUrl: server.url });
    const other = own.waitForVideo("v", SLOW);
    const one = own.poll("v", SLOW);
    await server.arrived(1);
    await new Promise((resolve) => one.subscribe(resolve));
    await sleep(1_000);
    one.pollNow();
    await atOnce(Promise.all([one.done, other]));
    assert.equal(server.arrivals.length, 2);
  });

  it("leave for good when a late one cancels inside its very first update", async () => {
    const id = await createVideo();
    const own = client();
    const pace = { minIntervalMs: 40, maxIntervalMs: 40 };
    const first = own.poll(id, pace);
    await new Promise((resolve) => first.subscribe(resolve));
    const late = own.poll(id, { ...pace, onUpdate: () => late.cancel("seen enough") });
    assert.equal(await rejection(late.done), "seen enough");
    first.cancel();
    await rejection(first.done);
    await staysQuiet(id);
  });

  it("outlive a late one whose listener throws in its very first update", async (test) => {
    test.mock.method(console, "error", () => {});
    const id = await createVideo({ speed: 300 });
    const own = client();
    const first = own.poll(id, QUICK);
    await new Promise((resolve) => first.subscribe(resolve));
    const late = own.waitForVideo(id, {
      ...QUICK,
      onUpdate: () => {
        throw new Error("mine");
      },
    });
    assert.deepEqual(
      (await Promise.all([first.done, late])).map(({ status }) => status),
      ["DONE", "DONE"],
    );
  });

  it("never let overall fall for one that comes late with a token", async (test) => {
    let answer = generating(3);
    const server = await scriptedServer(test, () => answer);
    const own = new VideoClient({ baseUrl: server.url });
    const before = own.poll("v", QUICK);
    await new Promise((resolve) => before.subscribe(resolve));
    const reached = before.current?.overall ?? NaN;
    const resumeToken = before.resumeToken();
    before.cancel();
    answer = generating(1);
    const first = own.poll("v", SLOW);
    await new Promise((resolve) => first.subscribe(resolve));
    const late = recorder();
    const second = own.poll("v", { ...SLOW, resumeToken, onUpdate: late.listener });
    const update = await atOnce(late.reached(() => true));
    assert.ok(update.overall >= reached, `${update.overall} after ${reached}`);
    first.cancel();
    second.cancel();
  });
});
