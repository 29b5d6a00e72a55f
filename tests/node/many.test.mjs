// @ts-check
/** waitForVideos: many videos under one pace, settled like Promise.allSettled. And getStatus, which asks once. */

import { atOnce, took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VideoClient, VideoError } from "./package.mjs";
import { done, generating, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { setTimeout as sleep } from "node:timers/promises";
import { deferred, failure, QUICK, recorder, rejection, SLOW, within } from "./settling.mjs";
import { client, createVideo, inFlight, logOf, logWhen, staysQuiet } from "./virtual-simulator.mjs";

/** @param {number} count */
const names = (count) => Array.from({ length: count }, (_, at) => `video-${at}`);

describe("waitForVideos", () => {
  it("gives [] for []", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    assert.deepEqual(await new VideoClient({ baseUrl: server.url }).waitForVideos([]), []);
    assert.equal(server.arrivals.length, 0);
  });

  it("settles like Promise.allSettled, in the order of the ids, whatever ends first", async () => {
    const scenarios = ["happy", "failed", "quick", "not-found", "bad-request", "redirect"];
    const ids = await Promise.all(scenarios.map((scenario) => createVideo({ scenario, speed: 600 })));
    const settled = await client().waitForVideos(ids, QUICK);
    const outcomes = settled.map((one) => (one.status === "fulfilled" ? one.value.status : one.reason.code));
    assert.deepEqual(outcomes, ["DONE", "video_failed", "DONE", "not_found", "http", "redirected"]);
    for (const [at, one] of settled.entries()) {
      assert.deepEqual(
        Object.keys(one).sort(),
        one.status === "fulfilled" ? ["status", "value"] : ["reason", "resumeToken", "status"],
      );
      if (one.status === "fulfilled") assert.equal(one.value.videoId, ids[at]);
      else assert.ok(one.reason instanceof VideoError && one.resumeToken === one.reason.resumeToken);
    }
    for (const id of ids) assert.equal((await logOf(id)).inFlight, 0);
  });

  it("goes on from the tokens of earlier polls, each from its own, and leaves one for each that it did not finish", async (test) => {
    let isBetter = false;
    const server = await scriptedServer(test, ({ path }) => (isBetter ? done : path.endsWith("/a") ? generating(2) : path.endsWith("/b") ? 500 : { fault: "hang" }));
    const own = new VideoClient({ baseUrl: server.url });
    const controller = new AbortController();
    const options = { ...QUICK, maxConsecutiveFailures: 3 };
    const settling = own.waitForVideos(["a", "b", "c", ""], { ...options, signal: controller.signal });
    await server.arrived(9);
    await sleep(1_000);
    controller.abort("enough");
    const first = await settling;
    const reasons = first.map((one) => one.status === "rejected" && (one.reason.code ?? one.reason));
    assert.deepEqual(reasons, ["enough", "http", "enough", "invalid_argument"]);
    const left = first.map((one, at) => ({ id: ["a", "b", "c", "d"][at] ?? "", resumeToken: one.status === "rejected" ? one.resumeToken : "" }));
    for (const { resumeToken } of left) assert.match(resumeToken, /^it1/);
    isBetter = true;
    const { updates, listener } = recorder();
    const second = await own.waitForVideos(left.slice(0, 3), { ...options, onUpdate: listener });
    assert.deepEqual(second.map((one) => one.status === "fulfilled" && one.value.videoId), ["a", "b", "c"]);
    const known = updates.find(({ videoId, raw }) => videoId === "a" && raw === undefined);
    assert.equal(known?.generatedContent.filter(({ status }) => status === "success").length, 2);
    for (const [at, one] of second.entries()) assert.ok(one.status === "fulfilled" && one.value.requests > 1, `${at}`);
  });

  it("refuses only the entry whose token or id cannot work, or cannot be read", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const own = new VideoClient({ baseUrl: server.url });
    const poll = own.poll("another");
    poll.cancel();
    const hostile = { get id() { throw new Error("no id"); } };
    /** @type {any[]} */
    const videos = [{ id: "a", resumeToken: "damaged" }, { id: "b", resumeToken: poll.resumeToken() }, { id: "" }, {}, hostile, null, 7, ["c"], { id: "d", resumeToken: 7 }, { id: "e", resumeToken: undefined, title: "mine" }];
    const settled = await own.waitForVideos(videos);
    const outcomes = settled.map((one) => (one.status === "fulfilled" ? one.value.videoId : one.reason.code));
    assert.deepEqual(outcomes, [...Array.from({ length: 9 }, () => "invalid_argument"), "e"]);
    assert.equal(server.arrivals.length, 1);
    for (const one of settled) if (one.status === "rejected") assert.equal(typeof one.resumeToken, "string");
  });

  it("takes any iterable", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const own = new VideoClient({ baseUrl: server.url });
    const generator = function* () {
      yield* ["a", "b"];
    };
    for (const ids of [["a", "b"], new Set(["a", "b"]), generator(), new Map([["a", 1], ["b", 2]]).keys(), [{ id: "a" }, "b"]]) {
      const settled = await own.waitForVideos(ids);
      assert.deepEqual(
        settled.map((one) => one.status === "fulfilled" && one.value.videoId),
        ["a", "b"],
      );
    }
  });

  it("gives each duplicate its entry, and asks once for them all", async (test) => {
    const server = await scriptedServer(test, ({ number }) => (number < 3 ? pending : done));
    const settled = await new VideoClient({ baseUrl: server.url }).waitForVideos(["v", "v", "v"], QUICK);
    assert.deepEqual(
      settled.map(({ status }) => status),
      ["fulfilled", "fulfilled", "fulfilled"],
    );
    assert.deepEqual([server.arrivals.length, server.traffic.maxInFlight], [3, 1]);
  });

  it("refuses only the entry of an id that cannot work", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    /** @type {any[]} */
    const ids = ["a", "", "b", "..", 7, "c"];
    const settled = await new VideoClient({ baseUrl: server.url }).waitForVideos(ids, QUICK);
    const outcomes = settled.map((one) => (one.status === "fulfilled" ? one.value.videoId : one.reason.code));
    assert.deepEqual(outcomes, ["a", "invalid_argument", "b", "invalid_argument", "invalid_argument", "c"]);
    assert.equal(server.arrivals.length, 3);
  });

  for (const [concurrency, most] of /** @type {const} */ ([
    [undefined, 6],
    [1, 1],
    [3, 3],
    [100, 20],
    [Infinity, 20],
  ])) {
    it(`has at most ${most} requests in flight with concurrency ${concurrency}, and reaches that`, async (test) => {
      const full = deferred();
      const server = await scriptedServer(test, async ({ number }) => {
        if (server.traffic.inFlight === most) full.resolve(undefined);
        await full.promise;
        return number <= 40 ? pending : done;
      });
      const own = new VideoClient({ baseUrl: server.url });
      const settled = await own.waitForVideos(names(20), { ...QUICK, ...(concurrency && { concurrency }) });
      assert.ok(settled.every(({ status }) => status === "fulfilled"));
      assert.equal(server.traffic.maxInFlight, most);
    });
  }

  it("does not count a request that was given up", async (test) => {
    const server = await scriptedServer(test, ({ path }) => (path.includes("hang") ? { fault: "hang" } : done));
    const own = new VideoClient({ baseUrl: server.url, requestTimeoutMs: 1_000 });
    const ids = ["hang-1", "hang-2", ...names(5)];
    const settled = await own.waitForVideos(ids, { ...QUICK, concurrency: 2, maxConsecutiveFailures: 1 });
    assert.deepEqual(
      settled.slice(2).map(({ status }) => status),
      names(5).map(() => "fulfilled"),
    );
    assert.ok(settled.slice(0, 2).every((one) => one.status === "rejected" && one.reason.code === "network"));
  });

  it("lets each have its own deadline while it waits for its turn", async (test) => {
    const server = await scriptedServer(test, () => ({ fault: "hang" }));
    const own = new VideoClient({ baseUrl: server.url });
    const settling = own.waitForVideos(names(5), { ...QUICK, concurrency: 1, timeoutMs: 300 });
    assert.equal(await took(settling), 300);
    const settled = await settling;
    assert.ok(settled.every((one) => one.status === "rejected" && one.reason.code === "timeout"));
    assert.equal(server.arrivals.length, 1);
    await server.staysQuiet();
  });

  it("ends all with the reason when its signal aborts, sends nothing more and holds no turn back", async () => {
    const ids = await Promise.all(names(10).map(() => createVideo({ latencyMs: 60_000 })));
    const controller = new AbortController();
    const own = client();
    const settling = own.waitForVideos(ids, { ...QUICK, signal: controller.signal, concurrency: 3 });
    const first = /** @type {string} */ (ids[0]);
    await inFlight(first, 1);
    controller.abort("enough");
    const settled = await atOnce(settling);
    assert.deepEqual(
      settled.map(({ status, ...rest }) => [status, "reason" in rest && rest.reason]),
      ids.map(() => ["rejected", "enough"]),
    );
    const logs = await Promise.all(ids.map((id) => staysQuiet(id)));
    assert.equal(logs.flatMap(({ requests }) => requests).length, 3);
    const after = await createVideo({ scenario: "quick", speed: 600 });
    assert.equal((await within(5_000, own.waitForVideo(after, QUICK))).status, "DONE");
  });

  it("tells onUpdate of every video", async () => {
    const ids = await Promise.all([1, 2, 3].map(() => createVideo({ scenario: "quick", speed: 600 })));
    const { updates, listener } = recorder();
    await client().waitForVideos(ids, { ...QUICK, onUpdate: listener });
    for (const id of ids) {
      const own = updates.filter(({ videoId }) => videoId === id);
      assert.equal(own.at(-1)?.status, "DONE");
      const overall = own.map((update) => update.overall);
      assert.deepEqual(
        overall,
        [...overall].sort((a, b) => a - b),
      );
    }
  });

  it("shares the request of a poll that is under way", async () => {
    const id = await createVideo({ scenario: "hang-for-ever" });
    const own = client();
    const poll = own.poll(id, QUICK);
    await inFlight(id, 3);
    const controller = new AbortController();
    const settling = own.waitForVideos([id], { ...QUICK, signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    controller.abort();
    await settling;
    assert.deepEqual(await logOf(id).then(({ requests, inFlight }) => [requests.length, inFlight]), [3, 1]);
    poll.cancel();
    await staysQuiet(id);
  });

  it("lifts its limit when it is through", async (test) => {
    const all = deferred();
    const server = await scriptedServer(test, async ({ path }) => {
      if (server.traffic.inFlight === 5) all.resolve(undefined);
      if (!path.endsWith("/a")) await all.promise;
      return done;
    });
    const own = new VideoClient({ baseUrl: server.url });
    await own.waitForVideos(["a"], { concurrency: 1 });
    await atOnce(Promise.all(names(5).map((id) => own.waitForVideo(id))));
  });

  it("keeps to the smaller limit of two at a time, for as long as that one lasts", async (test) => {
    let most = 0;
    const server = await scriptedServer(test, ({ path }) => {
      if (/video-\d$/.test(path)) most = Math.max(most, server.traffic.inFlight);
      return { afterMs: 10, body: done };
    });
    const own = new VideoClient({ baseUrl: server.url });
    await Promise.all([
      own.waitForVideos(names(8), { concurrency: 2 }),
      own.waitForVideos(["x", "y", "z"], { concurrency: 5 }),
    ]);
    assert.equal(most, 2);
  });

  it("polls nothing on when the iterable throws", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const own = new VideoClient({ baseUrl: server.url });
    const broken = (function* () {
      yield "a";
      throw new Error("no more ids");
    })();
    assert.equal((await rejection(own.waitForVideos(broken, QUICK))).message, "no more ids");
    await own.getStatus("b"); // by now the first of the others would be on its way
    await server.staysQuiet();
    own[Symbol.dispose]();
  });

  it("brings a hundred videos home", async (test) => {
    const ids = await Promise.all(names(100).map(() => createVideo({ scenario: "quick", speed: 600 })));
    const settled = await client().waitForVideos(ids, QUICK);
    assert.ok(settled.every(({ status }) => status === "fulfilled"));
    for (const id of ids) assert.equal((await logOf(id)).maxInFlight, 1);
  });
});

describe("getStatus", () => {
  it("asks once and gives what the server says", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, done));
    const own = new VideoClient({ baseUrl: server.url });
    assert.deepEqual(await own.getStatus("v"), { status: "PENDING", generatedContent: [], raw: pending });
    assert.equal((await own.getStatus("v")).status, "DONE");
    assert.equal(server.arrivals.length, 2);
  });

  it("drives the video as a poll does, one step for each call", async () => {
    const id = await createVideo({ speed: 6_000 });
    const own = client();
    for (let calls = 1; calls < 200; calls += 1) {
      const { status } = await own.getStatus(id);
      assert.equal((await logOf(id)).requests.length, calls);
      if (status === "DONE") return;
    }
    assert.fail("never done");
  });

  it("does not join a poll, and is not stopped by its end", async () => {
    const id = await createVideo({ latencyMs: 300 });
    const own = client();
    const poll = own.poll(id, SLOW);
    const status = own.getStatus(id);
    await logWhen(id, ({ inFlight }) => inFlight === 2);
    poll.cancel();
    await status;
    const { requests } = await logWhen(id, ({ inFlight }) => inFlight === 0);
    assert.deepEqual(requests.map(({ finished }) => finished).sort(), ["aborted", "sent"]);
  });

  it("says it whatever became of an earlier call", async (test) => {
    const server = await scriptedServer(test, inOrder(500, done));
    const own = new VideoClient({ baseUrl: server.url });
    await failure(own.getStatus("v"), "http");
    assert.equal((await own.getStatus("v")).status, "DONE");
  });
});
