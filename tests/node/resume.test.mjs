// @ts-check
/** The resume token: going on elsewhere, with deadline, progress and pace; and no going on with a damaged one. */

import { atOnce, still, took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freshPackage, VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, rendering, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, recorder, rejection, SLOW, within } from "./settling.mjs";
import { client, createVideo, KEY, logOf, staysQuiet, url } from "./virtual-simulator.mjs";

/**
 * Polls until the update for which `holds`, then cancels; the token and that update.
 * @param {string} id
 * @param {import("./package.mjs").PollOptions} options
 * @param {(update: import("./package.mjs").VideoUpdate) => boolean} holds
 */
async function cutAt(id, options, holds) {
  const { reached, listener } = recorder();
  const poll = client().poll(id, { ...options, onUpdate: listener });
  const last = await reached(holds);
  poll.cancel();
  await rejection(poll.done);
  return { token: poll.resumeToken(), last };
}

describe("a poll that goes on from a token", () => {
  for (const status of ["PENDING", "GENERATING_VIDEO", "START_RENDERING_VIDEO", "RENDERING_VIDEO"]) {
    it(`cut at ${status} keeps overall, elapsedMs and the count of requests`, async () => {
      const id = await createVideo({ scenario: status === "PENDING" ? "regenerate" : "happy", speed: 300 });
      const { token, last } = await cutAt(id, QUICK, (update) => update.status === status);
      const { updates, listener } = recorder();
      const video = await client().waitForVideo(id, { ...QUICK, resumeToken: token, onUpdate: listener });
      assert.equal(video.status, "DONE");
      for (const update of updates) {
        assert.ok(update.overall >= last.overall);
        assert.ok(update.elapsedMs >= last.elapsedMs);
        assert.ok(update.requests > last.requests);
      }
      assert.equal((await staysQuiet(id)).requests.length, video.requests);
    });
  }

  it("cut after every single update still comes to its end, and nothing ever falls", async () => {
    const id = await createVideo({ scenario: "regenerate", speed: 3_000 });
    let overall = 0;
    let requests = 0;
    /** @type {string | undefined} */
    let resumeToken;
    for (let cut = 0; cut < 200; cut += 1) {
      const { reached, listener } = recorder();
      const poll = client().poll(id, { ...QUICK, onUpdate: listener, ...(resumeToken && { resumeToken }) });
      const known = await within(3_000, reached(() => true));
      assert.equal(known.overall, overall, "what the token knows is there at once");
      const update = await within(3_000, reached(({ raw }) => raw !== undefined));
      assert.ok(update.overall >= overall && update.requests > requests, `${update.overall} after ${overall}`);
      ({ overall, requests } = update);
      if (update.status === "DONE") return;
      poll.cancel();
      resumeToken = poll.resumeToken();
    }
    assert.fail("never done");
  });

  it("keeps the deadline", async () => {
    const id = await createVideo({ scenario: "pending-for-ever" });
    const start = performance.now();
    const { token } = await cutAt(id, { ...QUICK, timeoutMs: 600 }, () => true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await failure(client().waitForVideo(id, { ...QUICK, resumeToken: token }), "timeout");
    assert.equal(performance.now() - start, 600);
  });

  for (const [what, first, begun, resumedMs, timeoutMs, endsMs] of /** @type {const} */ ([
    ["that ended unauthorized keeps its deadline", 401, "unauthorized", 1_500, 3_000, 3_000],
    ["that ended unauthorized takes a sooner one", 401, "unauthorized", 1_500, 500, 2_000],
    ["that ended for its failures keeps its deadline", 500, "http", 1_500, 3_000, 3_000],
    ["that was left keeps its deadline", 200, undefined, 1_500, 3_000, 3_000],
    ["that was left takes a sooner one", 200, undefined, 1_500, 500, 2_000],
    ["that was left takes no later one", 200, undefined, 1_500, 60_000, 3_000],
    ["that timed out begins anew", 200, "timeout", 4_000, 3_000, 7_000],
  ])) {
    it(`${what}: ${endsMs} ms after it began`, async (test) => {
      const server = await scriptedServer(test, ({ number }) => (number === 1 && first !== 200 ? first : pending));
      const began = performance.now();
      const own = new VideoClient({ baseUrl: server.url });
      const poll = own.poll("v", { minIntervalMs: 100, maxIntervalMs: 200, timeoutMs: 3_000, maxConsecutiveFailures: 1 });
      if (begun) await failure(poll.done, begun);
      else await new Promise((resolve) => poll.subscribe(resolve));
      await sleep(resumedMs - (performance.now() - began));
      const resumeToken = poll.resumeToken();
      if (!begun) poll.cancel();
      await failure(own.waitForVideo("v", { minIntervalMs: 100, maxIntervalMs: 200, timeoutMs, resumeToken }), "timeout");
      assert.equal(performance.now() - began, endsMs);
    });
  }

  it("after its deadline asks once, where it had ended for something else", async (test) => {
    const server = await scriptedServer(test, ({ number }) => (number === 1 ? 401 : pending));
    const own = new VideoClient({ baseUrl: server.url });
    const { resumeToken } = await failure(own.waitForVideo("v", { timeoutMs: 3_000 }), "unauthorized");
    assert.ok(resumeToken);
    await sleep(10_000);
    await failure(atOnce(own.waitForVideo("v", { timeoutMs: 3_000, resumeToken })), "timeout");
    assert.equal(server.arrivals.length, 2);
  });

  it("keeps the deadline, however late timeoutMs would put it", async () => {
    const id = await createVideo({ scenario: "pending-for-ever" });
    const start = performance.now();
    const { token } = await cutAt(id, { ...QUICK, timeoutMs: 400 }, () => true);
    await failure(client().waitForVideo(id, { ...QUICK, timeoutMs: 60_000, resumeToken: token }), "timeout");
    assert.equal(performance.now() - start, 400);
  });

  it("waits for ever where that is said again, and else as long as any", async (test) => {
    const id = await createVideo({ scenario: "retry-after-month" });
    const endless = { ...QUICK, timeoutMs: Infinity };
    const { token } = await cutAt(id, endless, ({ retrying }) => retrying !== undefined);
    await failure(atOnce(client().waitForVideo(id, { ...QUICK, resumeToken: token })), "timeout");
    const poll = client().poll(id, { ...endless, resumeToken: token });
    await staysQuiet(id); // and the server's wish to be left alone
    assert.equal((await logOf(id)).requests.length, 3);
    poll.cancel();
    const server = await scriptedServer(test, inOrder(pending));
    const own = new VideoClient({ baseUrl: server.url });
    const first = own.poll("v", endless);
    await server.arrived(2);
    first.cancel();
    const second = own.waitForVideo("v", { resumeToken: first.resumeToken() });
    assert.equal(await took(second), 1_200_000);
  });

  for (const [pace, from, to] of /** @type {const} */ ([[[10, 20], 2_000, 5_000], [[7_000, 7_000], 7_000, 7_000]])) {
    it(`keeps a pace of ${pace} ms where the options give none, unless the default one is slower`, async (test) => {
      const server = await scriptedServer(test, inOrder(pending));
      const own = new VideoClient({ baseUrl: server.url });
      const [minIntervalMs, maxIntervalMs] = pace;
      const first = own.poll("v", { minIntervalMs, maxIntervalMs });
      await server.arrived(2);
      first.cancel();
      const second = own.poll("v", { resumeToken: first.resumeToken() });
      await server.arrived(8);
      const pauses = server.arrivals.slice(3).map(({ atMs }, at) => atMs - (server.arrivals[at + 2]?.atMs ?? NaN));
      assert.ok(Math.min(...pauses) >= from && Math.max(...pauses) <= to, `${pauses}`);
      second.cancel();
    });
  }

  it("keeps the scale of progress that was proven", async (test) => {
    const server = await scriptedServer(test, inOrder(rendering(0.5), rendering(1), done));
    const own = new VideoClient({ baseUrl: server.url });
    const first = own.poll("v", SLOW);
    await new Promise((resolve) => first.subscribe(resolve));
    first.cancel();
    const { updates, listener } = recorder();
    await own.waitForVideo("v", { ...QUICK, resumeToken: first.resumeToken(), onUpdate: listener });
    assert.deepEqual(updates.map((update) => update.status === "RENDERING_VIDEO" && update.progress), [0.5, 1, false]);
  });

  it("keeps the number of clips that the server omits from then on, and no credits", async (test) => {
    const server = await scriptedServer(test, inOrder(generating(4), rendering(0.5), done));
    const own = new VideoClient({ baseUrl: server.url });
    const first = own.poll("v", SLOW);
    await new Promise((resolve) => first.subscribe(resolve));
    first.cancel();
    const { updates, listener } = recorder();
    await own.waitForVideo("v", { ...QUICK, resumeToken: first.resumeToken(), onUpdate: listener });
    for (const { creditsTotal, generatedContent } of updates) assert.deepEqual([creditsTotal, generatedContent.length], [undefined, 4]);
    assert.equal(updates.length, 3);
  });

  describe("knows before the first response", () => {
    /** A token that was written after these responses, and the last update before it. @param {import("node:test").TestContext} test @param {...unknown} bodies */
    async function tokenAfter(test, ...bodies) {
      const server = await scriptedServer(test, inOrder(...bodies));
      const poll = new VideoClient({ baseUrl: server.url }).poll("v", { ...QUICK, maxIntervalMs: 5 });
      await server.arrived(bodies.length + 1);
      poll.cancel();
      return { resumeToken: poll.resumeToken(), last: /** @type {any} */ (poll.current) };
    }

    /** @type {Record<string, object[]>} */
    const states = {
      "PENDING": [{ status: "PENDING", message: "Re-generating video in error" }],
      "PENDING with clips": [{ ...generating(1), status: "PENDING", message: "words" }],
      "GENERATING_VIDEO": [generating(2)],
      "START_RENDERING_VIDEO": [generating(4), { status: "START_RENDERING_VIDEO", progress: 0 }],
      "RENDERING_VIDEO": [generating(4), rendering(0.25), rendering(0.5)],
      "UNRECOGNIZED": [{ ...generating(3), status: "QUEUED" }],
    };
    for (const [state, bodies] of Object.entries(states)) {
      it(`status, overall and which clips were ready, no text and no address: ${state}`, async (test) => {
        const { resumeToken, last } = await tokenAfter(test, ...bodies);
        const server = await scriptedServer(test, () => ({ fault: "hang" }));
        const poll = new VideoClient({ baseUrl: server.url }).poll("v", { ...QUICK, resumeToken });
        await server.arrived(1);
        const { current } = poll;
        assert.ok(current);
        assert.deepEqual([current.status, current.overall, current.videoId], [last.status, last.overall, "v"]);
        assert.deepEqual(current.generatedContent, last.generatedContent.map((/** @type {any} */ { status }) => ({ status })));
        assert.equal(current.raw, undefined);
        const words = /** @type {any} */ (current);
        assert.deepEqual([words.message, words.rawStatus || undefined, words.creditsTotal, words.creditsUsed], [undefined, undefined, undefined, undefined]);
        poll.cancel();
      });
    }

    it("the same for a listener, a subscriber and an iterator, and once", async (test) => {
      const { resumeToken } = await tokenAfter(test, generating(2));
      const server = await scriptedServer(test, () => ({ afterMs: 100, body: done }));
      const { updates, listener } = recorder();
      const poll = new VideoClient({ baseUrl: server.url }).poll("v", { ...QUICK, resumeToken, onUpdate: listener });
      const { updates: told, listener: subscriber } = recorder();
      poll.subscribe(subscriber);
      const read = [];
      for await (const update of poll) read.push(update);
      assert.deepEqual(updates.map(({ status }) => status), ["GENERATING_VIDEO", "DONE"]);
      assert.deepEqual([told, read], [updates, updates]);
    });

    it("also where it waits as long as the server asked to, and sends nothing for that", async (test) => {
      const busy = await scriptedServer(test, inOrder(generating(2), { status: 503, headers: { "retry-after": "60" }, body: "busy" }));
      const first = new VideoClient({ baseUrl: busy.url }).poll("v", QUICK);
      await busy.arrived(2);
      await sleep(10);
      first.cancel();
      const resumeToken = first.resumeToken();
      const server = await scriptedServer(test, inOrder(done));
      const poll = new VideoClient({ baseUrl: server.url }).poll("v", { ...QUICK, resumeToken });
      await sleep(10);
      assert.deepEqual([poll.current?.status, poll.current?.retrying, server.arrivals.length], ["GENERATING_VIDEO", "http", 0]);
      poll.cancel();
    });

    it("nothing where the token knows nothing, and never that it is done", async (test) => {
      const finished = await scriptedServer(test, inOrder(done));
      const own = new VideoClient({ baseUrl: finished.url }).poll("v");
      await own.done;
      const early = new VideoClient({ baseUrl: finished.url }).poll("v");
      early.cancel();
      for (const resumeToken of [own.resumeToken(), early.resumeToken()]) {
        const server = await scriptedServer(test, () => ({ fault: "hang" }));
        const poll = new VideoClient({ baseUrl: server.url }).poll("v", { ...QUICK, resumeToken });
        await server.arrived(1);
        assert.equal(poll.current, undefined);
        poll.cancel();
      }
    });

    it("what another poll of the video has heard, where one is under way, rather than what its token says", async (test) => {
      const { resumeToken } = await tokenAfter(test, generating(1));
      const server = await scriptedServer(test, inOrder(generating(3)));
      const own = new VideoClient({ baseUrl: server.url });
      const first = own.poll("v", SLOW);
      await new Promise((resolve) => first.subscribe(resolve));
      const { updates, listener } = recorder();
      const poll = own.poll("v", { ...SLOW, resumeToken, onUpdate: listener });
      await atOnce(Promise.resolve());
      assert.equal(poll.current?.generatedContent.filter(({ status }) => status === "success").length, 3);
      assert.equal(updates.length, 1);
      first.cancel();
      poll.cancel();
    });

    it("nothing that another poll of the video is told", async (test) => {
      const { resumeToken } = await tokenAfter(test, generating(3), rendering(0.9));
      const server = await scriptedServer(test, () => ({ afterMs: 500, body: generating(1) }));
      const own = new VideoClient({ baseUrl: server.url });
      const resumed = own.poll("v", { ...SLOW, resumeToken });
      const { updates, listener } = recorder();
      const fresh = own.poll("v", { ...SLOW, onUpdate: listener });
      await sleep(400);
      assert.deepEqual([resumed.current?.status, fresh.current], ["RENDERING_VIDEO", undefined]);
      await sleep(200);
      assert.deepEqual(updates.map(({ status, generatedContent }) => [status, generatedContent.length]), [["GENERATING_VIDEO", 4]]);
      assert.ok((fresh.current?.overall ?? 1) < (resumed.current?.overall ?? 0));
      resumed.cancel();
      fresh.cancel();
    });
  });

  it("may be on another client, at another address", async (test) => {
    const { token } = await cutAt(await createVideo({ id: "moves" }), SLOW, () => true);
    const server = await scriptedServer(test, inOrder(done));
    const video = await new VideoClient({ baseUrl: server.url }).waitForVideo("moves", { resumeToken: token });
    assert.equal(video.requests, 2);
  });

  it("may be resumed many times from one token", async (test) => {
    const { token } = await cutAt(await createVideo({ id: "often" }), SLOW, () => true);
    const server = await scriptedServer(test, inOrder(done));
    for (let again = 0; again < 3; again += 1) {
      await new VideoClient({ baseUrl: server.url }).waitForVideo("often", { resumeToken: token });
    }
  });
});

describe("a token", () => {
  /**
   * Each brings a poll somewhere; its token must be good to go on with.
   * @type {Record<string, (own: InstanceType<typeof VideoClient>, server: { url: string }) => Promise<string>>}
   */
  const moments = {
    "of a poll whose first answer was DONE": async (own) => {
      const poll = own.poll("v");
      await poll.done;
      return poll.resumeToken();
    },
    "of a poll before the module has loaded": async (_, server) => {
      const { VideoClient } = await still(freshPackage());
      const poll = new VideoClient({ baseUrl: server.url }).poll("v");
      const token = poll.resumeToken();
      poll.cancel();
      assert.equal(poll.resumeToken(), token);
      return token;
    },
    "of a poll before the start": async (own) => own.poll("v", { signal: AbortSignal.abort() }).resumeToken(),
    "of a poll that was resumed and cancelled before the start": async (own) => {
      const first = own.poll("v");
      first.cancel();
      const second = own.poll("v", { resumeToken: first.resumeToken() });
      second.cancel();
      return second.resumeToken();
    },
  };
  for (const [moment, tokenOf] of Object.entries(moments)) {
    it(`${moment} is good to go on with`, async (test) => {
      const server = await scriptedServer(test, inOrder(done));
      const own = new VideoClient({ baseUrl: server.url });
      const resumeToken = await tokenOf(own, server);
      assert.equal((await own.waitForVideo("v", { resumeToken })).status, "DONE");
    });
  }

  /** @type {Record<string, [unknown[], import("./package.mjs").VideoErrorCode]>} */
  const ends = {
    "a timeout": [[pending], "timeout"],
    "too many failures": [[generating(2), 500], "http"],
    "a refused key": [[generating(2), 401], "unauthorized"],
    "a failed video": [[generating(2), { status: "ERROR" }], "video_failed"],
    "DONE without a URL": [[rendering(0.5), { status: "DONE" }], "bad_response"],
  };
  for (const [end, [answers, code]] of Object.entries(ends)) {
    it(`in the error of ${end} is good to go on with, and so is the poll's own`, async (test) => {
      let better = false;
      const script = inOrder(...answers);
      const server = await scriptedServer(test, (arrival) => (better ? done : script(arrival)));
      const own = new VideoClient({ baseUrl: server.url });
      const poll = own.poll("v", { ...QUICK, maxConsecutiveFailures: 2, timeoutMs: code === "timeout" ? 500 : 60_000 });
      const error = await failure(poll.done, code);
      better = true;
      for (const resumeToken of [error.resumeToken, poll.resumeToken()]) {
        const video = await within(2_000, own.waitForVideo("v", { ...QUICK, ...(resumeToken && { resumeToken }) }));
        assert.ok(resumeToken && video.requests > (error.last?.requests ?? 0));
      }
    });
  }

  it("after DONE is good to go on with", async () => {
    const id = await createVideo({ scenario: "quick", speed: 600 });
    const poll = client().poll(id, QUICK);
    const { requests } = await poll.done;
    const again = await client().waitForVideo(id, { resumeToken: poll.resumeToken() });
    assert.equal(again.requests, requests + 1);
  });

  it("written before the module has loaded keeps the deadline, and a pace that is no faster than the default", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const fresh = await still(freshPackage());
    const early = new fresh.VideoClient({ baseUrl: server.url }).poll("v", {
      minIntervalMs: 10,
      maxIntervalMs: 7_000,
      timeoutMs: 60_000,
    });
    const resumeToken = early.resumeToken();
    early.cancel();
    assert.equal(server.arrivals.length, 0);
    const poll = new VideoClient({ baseUrl: server.url }).waitForVideo("v", { resumeToken });
    assert.equal(await took(poll), 60_000);
    await failure(poll, "timeout");
    // Between 2 s and 7 s.
    assert.equal(server.arrivals.length, 14);
  });

  for (const timeoutMs of [0.5, 1e3, 2 ** 53, 1e21, Number.MAX_VALUE, Infinity]) {
    it(`written before the module has loaded is read back with timeoutMs ${timeoutMs}`, async (test) => {
      const server = await scriptedServer(test, inOrder(done));
      const fresh = await still(freshPackage());
      const early = new fresh.VideoClient({ baseUrl: server.url }).poll("v", { timeoutMs });
      const resumeToken = early.resumeToken();
      early.cancel();
      // The shortest of these deadlines has to be over, for then it asks once more.
      await sleep(10);
      assert.equal((await new VideoClient({ baseUrl: server.url }).waitForVideo("v", { resumeToken })).status, "DONE");
    });
  }

  for (const id of ["a,b", "a%2Cb", "é🎬", "\u0000", " ", "it1-new,x", "!'()*~"]) {
    it(`of the video ${JSON.stringify(id)} is of that video`, async (test) => {
      const server = await scriptedServer(test, inOrder(done));
      const own = new VideoClient({ baseUrl: server.url });
      const poll = own.poll(id);
      const early = poll.resumeToken();
      await poll.done;
      await own.waitForVideo(id, { resumeToken: early });
      await failure(own.waitForVideo(`${id}x`, { resumeToken: early }), "invalid_argument");
    });
  }

  it("of another video is refused before any request", async () => {
    const { token } = await cutAt(await createVideo(), SLOW, () => true);
    const other = await createVideo();
    const error = await failure(client().waitForVideo(other, { resumeToken: token }), "invalid_argument");
    assert.ok(error.message.includes("resumeToken"));
    assert.equal((await logOf(other)).requests.length, 0);
  });

  it("holds no key, and at most 2 KB for a video of 50 clips", async (test) => {
    const id = await createVideo({ scenario: "many-clips", speed: 600 });
    /** @type {string[]} */
    const tokens = [];
    const poll = client().poll(id, { ...QUICK, onUpdate: () => tokens.push(poll.resumeToken()) });
    await poll.done;
    tokens.push(poll.resumeToken());
    const longest = Math.max(...tokens.map((token) => Buffer.byteLength(token)));
    test.diagnostic(`at most ${longest} bytes`);
    assert.ok(longest <= 2_048, `${longest} bytes`);
    assert.ok(tokens.every((token) => !token.includes(KEY)));
  });

  for (const letter of ["x", "/", "é", "\u0800", "🎬"]) {
    it(`of the longest id is taken again, of a poll that has begun and of one that has not: ${letter}`, async (test) => {
      const id = letter.repeat(Math.floor(4_096 / Buffer.byteLength(letter)));
      const server = await scriptedServer(test, inOrder(generating(500, 1_000), { status: 403, body: "{}" }, generating(600, 1_000), done));
      const own = new VideoClient({ baseUrl: server.url });
      const poll = own.poll(id, QUICK);
      const early = poll.resumeToken();
      await failure(poll.done, "unauthorized");
      const late = poll.resumeToken();
      assert.match(late, /^it1,/);
      for (const resumeToken of [early, late]) {
        assert.equal((await own.waitForVideo(id, { ...QUICK, resumeToken })).videoId, id);
      }
    });
  }

  it("stays within 2 KB however much the server talks", async (test) => {
    const words = "🎬 words".repeat(5_000);
    const clips = generating(20, 50).generatedContent.map((clip) => ({
      ...clip,
      text: words,
      url: `https://media.example/${"x".repeat(2_000)}`,
    }));
    const server = await scriptedServer(
      test,
      inOrder(
        { status: "PENDING", message: words, generatedContent: clips },
        { status: words, generatedContent: clips },
        done,
      ),
    );
    const own = new VideoClient({ baseUrl: server.url, maxResponseBytes: 1e8 });
    /** @type {number[]} */
    const sizes = [];
    const poll = own.poll("550e8400-e29b-41d4-a716-446655440000", {
      ...QUICK,
      onUpdate: () => sizes.push(Buffer.byteLength(poll.resumeToken())),
    });
    await poll.done;
    assert.equal(sizes.length, 3);
    assert.ok(Math.max(...sizes) <= 2_048, `${sizes}`);
  });

  it("fits into a URL and a cookie as it is", async () => {
    const { token } = await cutAt(
      await createVideo({ speed: 300 }),
      QUICK,
      ({ status }) => status === "RENDERING_VIDEO",
    );
    assert.match(token, /^[A-Za-z0-9,._~%-]+$/);
  });
});

describe("a damaged token", () => {
  /** @param {string} token */
  function* damaged(token) {
    for (let at = 0; at < token.length; at += 1) {
      yield token.slice(0, at);
      yield token.slice(0, at) + token.slice(at + 1);
      const letter = token[at] === "1" ? "2" : "1";
      yield token.slice(0, at) + letter + token.slice(at + 1);
    }
    for (const more of [" ", ",", ",1", "1", "\n", "\u0000"]) yield token + more;
    yield ` ${token}`;
    yield token.toUpperCase();
    yield token + token;
  }

  /** @type {Record<string, () => Promise<string>>} */
  const tokens = {
    "of a poll under way": async () =>
      (
        await cutAt(
          await createVideo({ id: "video-under-way", speed: 300 }),
          QUICK,
          ({ status }) => status === "GENERATING_VIDEO",
        )
      ).token,
    "of a poll that has not begun": async () => {
      const { VideoClient } = await still(freshPackage());
      const poll = new VideoClient({ apiKey: KEY, baseUrl: url }).poll("video-not-begun", { timeoutMs: 60_000 });
      poll.cancel();
      return poll.resumeToken();
    },
  };
  for (const [name, tokenOf] of Object.entries(tokens)) {
    it(`${name} is refused, whichever letter is changed, lost or added`, async (test) => {
      const token = await tokenOf();
      const server = await scriptedServer(test, inOrder(done));
      const own = new VideoClient({ baseUrl: server.url });
      const id = name.includes("under way") ? "video-under-way" : "video-not-begun";
      const accepted = [];
      for (const resumeToken of damaged(token)) {
        const [outcome] = await Promise.allSettled([own.waitForVideo(id, { ...QUICK, resumeToken })]);
        if (outcome.status === "fulfilled" || outcome.reason.code !== "invalid_argument") accepted.push(resumeToken);
      }
      assert.deepEqual(accepted.slice(0, 5), [], `${accepted.length} accepted, of a token ${token}`);
      assert.equal(server.arrivals.length, 0);
      await own.waitForVideo(id, { resumeToken: token });
    });
  }

  it("does not end the process or the client", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const own = new VideoClient({ baseUrl: server.url });
    for (const resumeToken of [
      "it1,",
      "it1-new,%",
      "it1-new,%ZZ,1,",
      "it1-new,v,99999999999999999999,",
      "it1-new,v,1,-1",
      "it1-new,v,18446744073709551615,18446744073709551615",
      `it1,${"9,".repeat(40)}`,
      "x".repeat(100_000),
    ]) {
      const [outcome] = await Promise.allSettled([own.waitForVideo("v", { ...QUICK, resumeToken })]);
      if (outcome.status === "rejected")
        assert.ok(["invalid_argument", "timeout"].includes(outcome.reason.code), outcome.reason);
    }
    assert.equal((await own.waitForVideo("v")).status, "DONE");
  });
});

describe("a token of another version", () => {
  /** @type {{ what: string, token: string, isOfAnotherVersion: boolean }[]} */
  const vectors = JSON.parse(readFileSync(new URL("../vectors/tokens.json", import.meta.url), "utf8"));
  for (const { what, token, isOfAnotherVersion } of vectors) {
    it(isOfAnotherVersion ? `is dropped for a fresh poll, and that is said once: ${what}` : `is not guessed from ${what}`, async (test) => {
      const { mock } = test.mock.method(console, "warn", () => {});
      const server = await scriptedServer(test, inOrder(generating(1), done));
      const poll = new VideoClient({ baseUrl: server.url }).poll("v", { ...QUICK, resumeToken: token });
      const own = poll.resumeToken();
      const [end] = await Promise.allSettled([poll.done]);
      const said = mock.calls.map(({ arguments: words }) => words.join());
      if (!isOfAnotherVersion) {
        assert.deepEqual(said, []);
        assert.ok(end.status === "rejected" ? end.reason.code === "invalid_argument" : token.startsWith("it1"));
        return;
      }
      assert.deepEqual([end.status === "fulfilled" && end.value.requests, server.arrivals.length], [2, 2]);
      assert.equal(said.length, 1);
      assert.match(said[0] ?? "", /^iacrea-video: the resumeToken was written by another version .* polled from the start/);
      // A page that keeps this one has nothing of that version any more.
      assert.match(own, /^it1-new,v,/);
    });
  }

  it("is dropped by a client whose console cannot warn, too", async (test) => {
    test.mock.method(console, "warn", () => assert.fail("no console"));
    const server = await scriptedServer(test, inOrder(done));
    assert.equal((await new VideoClient({ baseUrl: server.url }).waitForVideo("v", { resumeToken: "it2,v,1" })).status, "DONE");
  });
});

it("a token that is too long is refused before it is copied into the module", async (test) => {
  /** @type {WebAssembly.Memory[]} */
  const memories = [];
  const { instantiate } = WebAssembly;
  test.mock.method(WebAssembly, "instantiate", async (/** @type {any} */ module, /** @type {any} */ imports) => {
    const instance = /** @type {any} */ (await instantiate(module, imports));
    memories.push(instance.exports.memory);
    return instance;
  });
  const { VideoClient } = await freshPackage();
  const server = await scriptedServer(test, inOrder(done));
  const own = new VideoClient({ baseUrl: server.url });
  await own.waitForVideo("v");
  const size = () => memories.map(({ buffer }) => buffer.byteLength);
  const before = size();
  assert.equal(before.length, 1);
  for (const resumeToken of ["x", "it1,9"].map((text) => text.padEnd(16 * 1_048_576, "9"))) {
    await failure(own.waitForVideo("v", { resumeToken }), "invalid_argument");
  }
  assert.deepEqual(size(), before);
});
