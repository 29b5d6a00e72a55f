// @ts-check
/** What takes three days, a thousand changes, a slow disk or a damaged one: the corners of a watch, in a laboratory. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { describe, it } from "node:test";
import { BASE } from "../edge/upstream.mjs";
import { done, generating } from "../node/scripted-server.mjs";
import { startCallback } from "./callback.mjs";
import { numberOf, socket, stream, toTheEnd } from "./viewer.mjs";
import { DAY_MS, HOUR_MS, inOrder, laboratory, MINUTE_MS, requests, scripts, until } from "./visit.mjs";

/** A reader that does not read yet. @param {string} url */
async function unread(url) {
  const asking = get(url, { agent: false });
  /** @type {[import("node:http").IncomingMessage]} */
  const [response] = /** @type {any} */ (await once(asking, "response"));
  response.on("error", () => {});
  return { response: response.setEncoding("utf8"), leave: () => void asking.destroy() };
}

/** Every answer of these is a change. @param {number} number */
const changing = (number) => ({ ...generating(1), creditsTotal: number });
/** A change of about so many bytes. @param {number} number @param {number} bytes */
const sized = (number, bytes) => ({ ...generating(1), generatedContent: [{ id: `clip-${number}`, status: "success", text: "x".repeat(bytes) }] });
const upTo = (/** @type {number} */ last, from = 1) => Array.from({ length: last - from + 1 }, (_, at) => from + at);

describe("a watch", { timeout: 280_000 }, () => {
  it("writes two rows for a request, and two more where the answer is news", async (test) => {
    const { watch, look, pass } = await laboratory(test);
    await watch("rows", (number) => generating(number < 6 ? 1 : 2));
    await pass("rows", 50);
    assert.equal(requests("rows"), 6);
    const [begin, firstRequest, news, nothingNew] = [2, 2, 4, 2];
    assert.equal((await look("rows")).rows, begin + firstRequest + news + 4 * nothingNew + news);
  });

  it("keeps the latest thousand changes, for who comes back for them", async (test) => {
    const LAST = 1_005;
    const { host, watch, look, grow, pass, restart } = await laboratory(test);
    await watch("long", (number) => (number < 10 ? changing(number) : done));
    await pass("long");
    await grow("long", LAST - 9);
    await restart();
    await pass("long");
    const first = await stream(`${host.origin}${BASE}/long/events`);
    await pass("long", MINUTE_MS);
    await first.over;
    assert.equal(numberOf(first.told.at(-1) ?? assert.fail()), LAST);
    assert.equal((await look("long")).changes, 1_000);
    const late = await toTheEnd(stream, `${host.origin}${BASE}/long/events`, `${first.told[0]?.id.split("-")[0]}-0`);
    assert.deepEqual(late.told.map(numberOf), upTo(LAST, LAST - 999));
  });

  it("keeps of its changes no more than 1 MiB, and in any case the latest, which who missed others is told of", async (test) => {
    const { watch, look, update, pass } = await laboratory(test);
    const sizes = [1_000, 1_000, 300_000, 300_000, 300_000, 600_000];
    const events = await watch("heavy", (number) => ({ ...sized(number, sizes[number - 1] ?? 0), ...(number > sizes.length ? { status: "DONE", url: done.url } : {}) }));
    await pass("heavy");
    const { id } = await update("heavy");
    const kept = [];
    for (let number = 1; number <= sizes.length; number += 1) {
      const { changes, bytes } = await look("heavy");
      assert.ok(bytes <= 1_048_576, `${bytes} bytes`);
      kept.push(changes);
      await pass("heavy", 10);
    }
    assert.deepEqual(kept, [1, 2, 3, 4, 5, 2]);
    await pass("heavy", MINUTE_MS);
    const { told } = await toTheEnd(stream, events, `${id.split("-")[0]}-1`);
    assert.deepEqual(told.map(numberOf), [5, 6, 7]);
  });

  it("keeps nothing of the changes of a watch that was before", async (test) => {
    const CHANGES = 6;
    const { watch, look, pass } = await laboratory(test);
    await watch("twice", (number) => (number < CHANGES ? generating(number, 12) : done));
    await pass("twice", MINUTE_MS);
    assert.equal((await look("twice")).changes, CHANGES);
    await watch("twice", () => generating(1));
    await pass("twice", 100);
    assert.equal((await look("twice")).changes, 1);
  });

  it("tells of an end that is not taken for three days, and no longer", async (test) => {
    const { host, watch, update, world, pass } = await laboratory(test, { REFUSALS: "1000" });
    await watch("refused", () => done);
    await pass("refused", 3 * DAY_MS - 1);
    // After pauses of 1, 2, 4 s and so on up to 2,048 s, one each hour.
    const pausesMs = Array.from({ length: 12 }, (_, at) => 1_000 * 2 ** at).reduce((sum, ms) => sum + ms, 0);
    const { length } = (await world()).told;
    assert.equal(length, 13 + Math.floor((3 * DAY_MS - 1 - pausesMs) / HOUR_MS));
    assert.doesNotMatch(host.log, /could not be delivered/);
    await pass("refused", HOUR_MS);
    await until(() => /the end of video\/refused could not be delivered/.test(host.log));
    await pass("refused", 20 * HOUR_MS);
    assert.equal((await world()).told.length, length);
    assert.deepEqual((await update("refused")).ended, { type: "done" }, "it is still there for who asks");
  });

  for (const tell of /** @type {const} */ (["queue", "hooks"])) {
    it(`tells the ${tell} of its end, again where it was not taken, by one name`, async (test) => {
      const { watch, world, pass } = await laboratory(test, { TELL: tell, REFUSALS: "1" });
      for (const [id, script] of /** @type {const} */ ([
        [`good-${tell}`, () => done],
        [`bad-${tell}`, inOrder(generating(1), { status: "ERROR", message: "no more credits" })],
      ])) {
        await watch(id, script);
        await pass(id, HOUR_MS);
      }
      const told = (await world()).told.map((what) => what.sent ?? what);
      assert.equal(told.length, 4, "each twice, and not again after it was taken");
      const [good, bad] = [`good-${tell}`, `bad-${tell}`].map((name) => {
        const [first, second] = told.filter(({ id }) => id === name);
        assert.deepEqual(second, first);
        assert.equal(first.kind, "video");
        assert.match(first.deliveryId, /^[0-9a-f]{64}$/);
        return first;
      });
      const video = good.video ?? good.done;
      assert.deepEqual([video.status, video.url, video.videoId], ["DONE", done.url, `good-${tell}`]);
      if (tell === "queue") {
        assert.deepEqual([good.type, bad.type, bad.error.code, bad.error.detail, bad.last.status], ["done", "failed", "video_failed", "no more credits", "ERROR"]);
      } else {
        const { isOurs, code, detail, last } = bad.failed;
        assert.deepEqual([isOurs, code, detail, last.status], [true, "video_failed", "no more credits", "ERROR"]);
      }
    });
  }

  it("is patient also where the settings name a bound and do not set it", async (test) => {
    const { watch, world, pass } = await laboratory(test, { poll: { minIntervalMs: 1, maxIntervalMs: 4 } });
    await watch("unset", (number) => (number === 1 ? generating(1) : number < 13 ? 503 : done));
    await pass("unset", HOUR_MS);
    assert.equal((await world()).told[0]?.done?.url, done.url);
  });

  it("tells the callback where the queue fails, the queue where the callback does, and neither again", async (test) => {
    for (const [id, refusals, failures, messages, sent] of /** @type {const} */ ([
      ["bad-queue", "2", 0, 1, 3],
      ["bad-callback", "0", 2, 3, 1],
    ])) {
      let left = failures;
      const callback = await startCallback(() => (left-- > 0 ? 500 : 200));
      const { watch, world, pass } = await laboratory(test, { TELL: "queue", REFUSALS: refusals, CALLBACK: callback.url });
      await watch(id, () => done);
      await pass(id, HOUR_MS);
      assert.deepEqual([callback.messages.length, (await world()).told.length], [messages, sent], id);
    }
  });

  it("waits for a hook that takes longer than an alarm may, and calls it no second time", async (test) => {
    const { host, watch, look, world, pass, ahead } = await laboratory(test);
    const isLate = (/** @type {number} */ times) => until(() => host.log.split("the end of video/slow-hook is not delivered yet").length > times);
    const isWaitedFor = () => until(async () => {
      const { waiting, due, nowMs } = await world();
      return waiting.hook === 1 && due.includes(nowMs + 14.5 * MINUTE_MS);
    });
    await world({ hook: "shut" });
    await watch("slow-hook", () => done);
    await isWaitedFor();
    // The alarm is given up a little before the host would do it, and the next one waits for the same call.
    await ahead(14.5 * MINUTE_MS);
    await isLate(1);
    const passing = pass("slow-hook", 2_000);
    await isWaitedFor();
    await ahead(14.5 * MINUTE_MS);
    await isLate(2);
    await passing;
    await world({ hook: "open" });
    await pass("slow-hook", 20_000);
    const { rows } = await look("slow-hook");
    await pass("slow-hook", 20 * HOUR_MS);
    assert.equal((await world()).told.length, 1);
    assert.equal((await look("slow-hook")).rows, rows, "what it came to counts");
  });

  it("has streams with a heartbeat of 20 s, and keeps neither timer nor socket of who left", async (test) => {
    const { watch, look, world, pass } = await laboratory(test, { poll: { minIntervalMs: 15_000, maxIntervalMs: 15_000 } });
    const events = await watch("still", changing);
    await pass("still");
    const { response, leave } = await unread(`${events}?brief`);
    let text = "";
    response.on("data", (/** @type {string} */ chunk) => (text += chunk));
    /** What has come, in order: a heartbeat, or the number of a change. */
    const come = () => text.split("\n\n").slice(0, -1).map((block) => (block.startsWith(":") ? "beat" : Number(/^id: .*-(\d+)$/m.exec(block)?.[1])));
    /** @type {unknown[]} */
    const expected = ["beat", 1];
    await until(() => come().length === 2);
    for (const [ms, next] of /** @type {const} */ ([[15_000, 2], [5_000, "beat"], [10_000, 3], [10_000, "beat"], [5_000, 4]])) {
      expected.push(next);
      await pass("still", ms);
      await until(() => come().length >= expected.length);
      assert.deepEqual(come(), expected);
    }
    assert.deepEqual([(await look("still")).sockets, (await world()).ticking], [1, 1]);
    leave();
    // The host notices at a later heartbeat.
    await until(async () => {
      await pass("still", 20_000);
      return (await look("still")).sockets === 0 && (await world()).ticking === 0;
    });
  });

  it("closes a connection that has carried 256 KiB, and whoever comes back misses nothing", async (test) => {
    const [LAST, PASSES] = [7, 3];
    const { watch, look, pass } = await laboratory(test);
    const events = await watch("carried", (number) => (number < LAST ? sized(number, 100_000) : done));
    await pass("carried");
    const viewings = await Promise.all([socket(events), stream(events)]);
    const seen = () => viewings.every(({ told }) => told.length === PASSES);
    await pass("carried", 10 * (PASSES - 1));
    await until(seen);
    assert.deepEqual(await Promise.all(viewings.map(({ over }) => over)), [1_013, undefined]);
    await until(async () => (await look("carried")).sockets === 0);
    await pass("carried", MINUTE_MS);
    assert.ok(seen(), "the change that passed the limit was the last");
    for (const [at, open] of [socket, stream].entries()) {
      const { told } = viewings[at] ?? assert.fail();
      const back = await toTheEnd(open, events, told.at(-1)?.id);
      assert.deepEqual([...told, ...back.told].map(numberOf), upTo(LAST));
      assert.equal(back.connections, 2);
    }
  });

  it("frees what waits for a reader who has not read it for half a minute after the end of the stream", async (test) => {
    const { unread } = await laboratory(test);
    const bytes = 900_000;
    assert.ok(Number((await unread(bytes, 29_999)).read) > bytes);
    assert.deepEqual(await unread(bytes, 30_000), { error: "Error: the viewer does not read" });
  });

  it("has a hundred viewers at most, and tells another when to come", async (test) => {
    const { watch, look, pass } = await laboratory(test);
    const events = await watch("crowded", () => generating(1));
    await pass("crowded");
    const viewings = await Promise.all(Array.from({ length: 100 }, () => socket(events)));
    const more = await fetch(events);
    assert.deepEqual([more.status, more.headers.get("retry-after")], [503, "10"]);
    viewings[0]?.leave();
    await until(async () => (await look("crowded")).sockets < 100);
    const next = await socket(events);
    for (const { leave } of [...viewings, next]) leave();
  });

  it("sends all connections of a video together no more than 32 MiB, and the others what they missed when they come again", async (test) => {
    const [VIEWERS, BYTES, SERVED] = [40, 900_000, 37];
    const { watch, look, pass } = await laboratory(test);
    const events = await watch("many-and-long", (number) => (number === 1 ? generating(1) : sized(number, BYTES)));
    await pass("many-and-long");
    const viewings = await Promise.all(Array.from({ length: VIEWERS }, () => socket(events)));
    await until(() => viewings.every(({ told }) => told.length === 1));
    await pass("many-and-long", 10);
    for (const { over } of viewings) assert.equal(await over, 1_013);
    const missed = viewings.filter(({ told }) => told.length === 1);
    assert.equal(missed.length, VIEWERS - SERVED);
    await until(async () => (await look("many-and-long")).sockets === 0);
    const back = await socket(events, missed[0]?.told[0]?.id);
    assert.equal(await back.over, 1_013);
    assert.deepEqual(back.told.map(numberOf), [2]);
  });

  it("sends viewers no more than 64 MiB in a minute, also where they leave and are forgotten", async (test) => {
    const [BYTES, SERVED] = [900_000, 75];
    const { watch, update, ahead, pass } = await laboratory(test);
    const events = await watch("leaving", (number) => sized(number, BYTES));
    await pass("leaving");
    const last = `${(await update("leaving")).id.split("-")[0]}-0`;
    for (let viewers = 0; viewers < SERVED; viewers += 1) {
      const { over, told } = await socket(events, last);
      assert.deepEqual([await over, told.length], [1_013, 1]);
    }
    const more = await fetch(events);
    assert.deepEqual([more.status, more.headers.get("retry-after")], [503, "10"]);
    await ahead(MINUTE_MS);
    const back = await socket(events, last);
    assert.deepEqual([await back.over, back.told.length], [1_013, 1]);
  });

  it("closes a viewer that sends a message, and answers one that pings", async (test) => {
    const { watch, look, pass } = await laboratory(test);
    const events = await watch("talkative", () => generating(1));
    await pass("talkative");
    const viewing = await socket(events);
    viewing.say("ping");
    await until(() => viewing.pongs() === 1);
    assert.equal((await look("talkative")).sockets, 1);
    viewing.say("pang");
    assert.equal(await viewing.over, 1_008);
    await until(async () => (await look("talkative")).sockets === 0);
  });

  it("has viewers for ten minutes, who are authorized anew when they come back for what they missed", async (test) => {
    const INTERVAL_MS = MINUTE_MS;
    const { watch, look, world, pass } = await laboratory(test, { poll: { minIntervalMs: INTERVAL_MS, maxIntervalMs: INTERVAL_MS } });
    const events = await watch("hours", changing);
    await pass("hours");
    const viewings = await Promise.all([socket(events), stream(events)]);
    await pass("hours", 9 * INTERVAL_MS);
    await until(() => viewings.every(({ told }) => told.length === 10));
    await pass("hours", INTERVAL_MS);
    assert.deepEqual(await Promise.all(viewings.map(({ over }) => over)), [1_013, undefined]);
    await until(async () => (await look("hours")).sockets === 0 && (await world()).ticking === 0);
    for (const [at, open] of [socket, stream].entries()) {
      const { told } = viewings[at] ?? assert.fail();
      assert.deepEqual(told.map(numberOf), upTo(10), "nothing is sent any more to who has been there for so long");
      const back = await open(events, told.at(-1)?.id);
      await until(() => back.told.length === 1);
      assert.deepEqual(back.told.map(numberOf), [11]);
      back.leave();
    }
  });

  it("ends a stream after ten minutes also where nothing happens meanwhile", async (test) => {
    const { watch, world, pass, ahead } = await laboratory(test, { poll: { minIntervalMs: HOUR_MS, maxIntervalMs: HOUR_MS } });
    const events = await watch("asleep", changing);
    await pass("asleep");
    const { over, told } = await stream(events);
    await ahead(10 * MINUTE_MS);
    await over;
    assert.deepEqual([told.map(numberOf), (await world()).ticking], [[1], 0]);
  });

  it("is not held up by settings that do not come: a request is refused after 10 s, an alarm comes again", async (test) => {
    const { host, watch, update, world, pass, ahead, sentAt } = await laboratory(test, { poll: { minIntervalMs: 1_000, maxIntervalMs: 1_000 } });
    await watch("unset", () => generating(1));
    await pass("unset");
    await world({ settings: "shut" });
    const waiting = (/** @type {number} */ count) => until(async () => (await world()).waiting.settings === count);

    const refused = fetch(`${host.origin}${BASE}/other/watch`, { method: "POST" });
    await waiting(1);
    // The alarm comes meanwhile, and hangs likewise.
    const passing = pass("unset", 1_000);
    await waiting(2);
    assert.equal((await update("unset")).update.status, "GENERATING_VIDEO", "whoever needs none is not held up");
    await ahead(10_000);
    const { status, headers } = await refused;
    assert.deepEqual([status, headers.get("retry-after")], [503, "10"]);
    await passing;
    assert.match(host.log, /the watch of video\/unset is held up/);
    await world({ settings: "open" });
    await pass("unset", 30_000);
    assert.deepEqual(await sentAt("unset"), [0, 41_000]);
  });

  it("tells each viewer of each change once and in order, where one comes while others are fetched from a slow disk", async (test) => {
    const LAST = 20;
    const { watch, update, world, pass } = await laboratory(test, { poll: { minIntervalMs: 100, maxIntervalMs: 100 } });
    const events = await watch("overtaking", (number) => (number < LAST ? changing(number) : done));
    await pass("overtaking", 400);
    const from = `${(await update("overtaking")).id.split("-")[0]}-0`;
    await world({ list: "shut" });
    const opening = [stream(events, from), socket(events, from), socket(events, from)];
    const areFetching = () => until(async () => (await world()).waiting.list === opening.length);
    for (const letOn of ["next", "open"]) {
      // What the disk has listed is old by the time it is there.
      await areFetching();
      await pass("overtaking", 500);
      await world({ list: letOn });
    }
    const viewings = await Promise.all(opening);
    await until(() => viewings.every(({ told }) => told.length === 15));
    await pass("overtaking", 500);
    for (const { over, told } of viewings) {
      await over;
      assert.deepEqual(told.map(numberOf), upTo(LAST));
    }
  });

  for (const spoil of /** @type {const} */ (["spoil-snapshot", "spoil-watch", "spoil-kept"])) {
    it(`begins anew by itself on a damaged disk: ${spoil}`, async (test) => {
      const { watch, update, act, world, pass, restart } = await laboratory(test);
      await watch(spoil, () => generating(1));
      await pass(spoil, 10);
      await act(spoil, spoil);
      await restart();
      scripts.set(spoil, () => done);
      await pass(spoil, MINUTE_MS);
      assert.deepEqual((await world()).told.map(({ id }) => id), [spoil]);
      assert.deepEqual((await update(spoil)).ended, { type: "done" });
    });
  }

  it("goes on when anybody comes, where the host has given its alarm up", async (test) => {
    const { watch, update, act, pass } = await laboratory(test, { poll: { minIntervalMs: 300, maxIntervalMs: 300 } });
    await watch("lost-alarm", () => generating(1));
    await pass("lost-alarm");
    await act("lost-alarm", "lose-alarm");
    await pass("lost-alarm", HOUR_MS);
    assert.equal(requests("lost-alarm"), 1, "by itself it does not");
    await update("lost-alarm");
    await pass("lost-alarm");
    assert.equal(requests("lost-alarm"), 2);
  });

  it("says so where a damaged disk leaves not even a name, and can begin anew", async (test) => {
    const { host, watch, update, status, act, pass, restart } = await laboratory(test);
    await watch("nameless", () => generating(1));
    await pass("nameless");
    await act("nameless", "spoil-all");
    await restart();
    assert.match((await update("nameless")).error, /^this video is not watched/);
    await until(() => /what is stored is no watch/.test(host.log));
    scripts.set("nameless", () => done);
    assert.deepEqual(await status("nameless"), done);
  });
});

describe("a workflow", { timeout: 280_000 }, () => {
  for (const spoilt of ["start", "ask 1"]) {
    it(`goes on from what a step of another version of the machine has kept: ${spoilt}`, async (test) => {
      const { workflow } = await laboratory(test);
      const id = `of-${spoilt.replace(" ", "-")}`;
      const { video } = await workflow(id, (number) => (number < 3 ? generating(1) : done), spoilt);
      assert.equal(video.url, done.url);
      assert.equal(requests(id), 3);
    });
  }

  it("keeps no step that is too long for the host", async (test) => {
    const { workflow } = await laboratory(test);
    const clips = Array.from({ length: 4_000 }, (_, at) => ({ id: `clip-${at}`, status: "success", url: `https://media.example/${"a".repeat(120)}` }));
    const { video, longest } = await workflow("long-step", (number) => (number === 2 ? { ...generating(1), generatedContent: clips } : number < 4 ? generating(1) : done));
    assert.equal(video.url, done.url);
    assert.ok(longest < 524_288, `${longest} characters`);
  });
});

describe("a request that is under way", { timeout: 280_000 }, () => {
  it("is the only one, whoever calls for another", async (test) => {
    const { watch, hint, act, ahead, pass, sentAt } = await laboratory(test, { poll: { minIntervalMs: 200, maxIntervalMs: 200 } });
    const LAST = 5;
    let [underWay, most] = [0, 0];
    /** @type {() => void} */
    let answer = () => {};
    await watch("only", async (number) => {
      underWay += 1;
      most = Math.max(most, underWay);
      if (number < LAST) await new Promise((resolve) => (answer = () => resolve(undefined)));
      underWay -= 1;
      return number < LAST ? generating(1) : done;
    });
    /** They are answered once it was their turn. @type {Promise<unknown>[]} */
    const calls = [];
    for (let number = 1; number < LAST; number += 1) {
      await until(() => requests("only") >= number);
      calls.push(hint("only"), act("only", "alarms"));
      // By then another could be sent.
      await ahead(800);
      calls.push(hint("only"), act("only", "alarms"), pass("only", 200));
      answer();
    }
    await Promise.all(calls);
    await pass("only", MINUTE_MS);
    assert.equal(most, 1);
    const times = await sentAt("only");
    assert.equal(times.length, LAST);
    const pauses = times.slice(1).map((time, at) => time - Number(times[at]));
    assert.ok(pauses.every((ms) => ms >= 200), `pauses of ${pauses}`);
  });

  it("does not wait for a crash that was none: the first, and one after a pause that no object lives through", async (test) => {
    const { watch, hint, pass, sentAt, restart } = await laboratory(test, { poll: { minIntervalMs: 3_000, maxIntervalMs: HOUR_MS } });
    await watch("waiting", () => generating(0));
    await pass("waiting", 3_000);
    await restart();
    await hint("waiting");
    await pass("waiting");
    assert.deepEqual(await sentAt("waiting"), [0, 3_000]);
  });

  /** @type {[what: string, number: number, maxIntervalMs: number, hung: number][]} */
  const cases = [
    ["the first", 1, 1_000, 0],
    ["one after a short pause", 3, 1_000, 2_000],
    ["one that a hint hastened in a long pause", 2, HOUR_MS, 1_000],
  ];
  for (const [what, number, maxIntervalMs, hungAtMs] of cases) {
    it(`is not sent again too soon by who comes after a crash: ${what}`, async (test) => {
      const { watch, hint, pass, sentAt, restart } = await laboratory(test, { poll: { minIntervalMs: 1_000, maxIntervalMs } });
      const id = `crash-${number}`;
      await watch(id, (at) => (at === number ? { fault: "hang" } : at > number ? done : generating(0)));
      if (hungAtMs > 0) await pass(id, hungAtMs - 1);
      const passing = hungAtMs > 0 ? pass(id, 1) : undefined;
      // The process dies before it is over.
      passing?.catch(() => {});
      if (maxIntervalMs > 1_000) {
        await passing;
        await hint(id);
      }
      await until(() => requests(id) === number);
      await restart();
      await pass(id, 999);
      assert.equal(requests(id), number);
      await pass(id, MINUTE_MS);
      const times = await sentAt(id);
      assert.equal(times[number - 1], hungAtMs);
      const pauseMs = Number(times[number]) - hungAtMs;
      assert.ok(pauseMs >= 1_000 && pauseMs <= 1_500, `${pauseMs} ms`);
    });
  }
});
