// @ts-check
/** What takes three days, a thousand changes, a slow disk or a damaged one: the corners of a watch, in a laboratory. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE, KEY } from "../edge/upstream.mjs";
import { done, generating, scriptedServer } from "../node/scripted-server.mjs";
import { startCallback } from "./callback.mjs";
import { numberOf, socket, stream } from "./viewer.mjs";
import { Host, NEWEST_DATE } from "./workerd.mjs";

/** What videos answer, by id: the number of the question, from 1, to the answer. @type {Map<string, (number: number) => unknown>} */
const scripts = new Map();
/** When each was asked. @type {Map<string, number[]>} */
const asked = new Map();
const upstream = await scriptedServer({ after }, ({ path, atMs }) => {
  const id = decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  const times = timesOf(id);
  times.push(atMs);
  return scripts.get(id)?.(times.length) ?? 404;
});

/** @param {string} id */
function timesOf(id) {
  const times = asked.get(id) ?? [];
  asked.set(id, times);
  return times;
}

/** @param {import("node:test").TestContext} test @param {Partial<import("./laboratory.mjs").Environment> & { poll?: object }} [wishes] */
async function laboratory(test, { poll = { minIntervalMs: 10, maxIntervalMs: 10 }, ...wishes } = {}) {
  const environment = { KEY, UPSTREAM: upstream.url, TELL: /** @type {const} */ ("hooks"), REFUSALS: "0", LIST_MS: "0", ...wishes };
  const host = await new Host({ ...environment, POLL: JSON.stringify(poll) }, NEWEST_DATE, "laboratory.mjs").start();
  test.after(() => host.end());
  const ask = async (/** @type {string} */ path, /** @type {RequestInit} */ init = {}) => (await fetch(host.origin + path, init)).json();
  return {
    host,
    /** Its events. @param {string} id @param {(number: number) => unknown} script */
    async watch(id, script) {
      scripts.set(id, script);
      assert.deepEqual(await ask(`${BASE}/${id}/watch`, { method: "POST" }), { id, watching: true });
      return `${host.origin}${BASE}/${id}/events`;
    },
    hint: (/** @type {string} */ id) => ask("/api/video-editor/webhook", { method: "POST", body: JSON.stringify({ id }) }),
    update: (/** @type {string} */ id) => ask(`${BASE}/${id}/update`),
    status: (/** @type {string} */ id) => ask(`${BASE}/${id}`),
    /** @param {string} id @returns {Promise<{ rows: number, sockets: number, changes: number }>} */
    look: (id) => ask(`/laboratory/${id}/look`),
    /** @param {string} id @param {"alarms" | "lose-alarm" | "spoil-all" | "spoil-watch" | "spoil-snapshot"} action */
    act: (id, action) => ask(`/laboratory/${id}/${action}`),
    /** Puts the clock forward. @param {number} [aheadMs] @returns {Promise<{ told: any[], ticking: number }>} */
    world: (aheadMs = 0) => ask(`/laboratory?ahead=${aheadMs}`),
    /** Waits for a video in a Workflow. @param {string} id @param {(number: number) => unknown} script @param {string} [spoilt] */
    workflow(id, script, spoilt = "") {
      scripts.set(id, script);
      return ask(`/workflow/${id}?${new URLSearchParams({ spoilt })}`);
    },
    async restart() {
      await host.kill();
      await host.start();
    },
  };
}

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
const upTo = (/** @type {number} */ last, from = 1) => Array.from({ length: last - from + 1 }, (_, at) => from + at);

describe("a watch", { timeout: 280_000 }, () => {
  it("writes two rows for a question, and two more where the answer is news", async (test) => {
    const { watch, look } = await laboratory(test);
    await watch("rows", (number) => (number < 6 ? generating(1) : number === 6 ? generating(2) : { fault: "hang" }));
    await until(() => timesOf("rows").length === 7);
    const [begin, firstQuestion, news, nothingNew] = [2, 2, 4, 2];
    assert.equal((await look("rows")).rows, begin + firstQuestion + news + 4 * nothingNew + news);
  });

  it("keeps the latest thousand changes, for who comes back for them", async (test) => {
    const LAST = 1_005;
    const { watch, look } = await laboratory(test, { poll: { minIntervalMs: 1, maxIntervalMs: 1 } });
    const events = await watch("long", (number) => (number < LAST ? changing(number) : done));
    const first = await stream(events);
    await first.over;
    assert.equal(numberOf(first.told.at(-1) ?? assert.fail()), LAST);
    assert.equal((await look("long")).changes, 1_000);
    const late = await stream(events, `${first.told[0]?.id.split("-")[0]}-0`);
    await late.over;
    assert.deepEqual(late.told.map(numberOf), upTo(LAST, LAST - 999));
  });

  it("tells of an end that nobody takes for three days, and no longer", async (test) => {
    const DAY_MS = 86_400_000;
    const { host, watch, update, world } = await laboratory(test, { REFUSALS: "1000" });
    await watch("refused", () => done);
    const moreThan = (/** @type {number} */ tries) => until(async () => (await world()).told.length > tries);
    await moreThan(1);
    const { told } = await world(3 * DAY_MS - 60_000);
    await moreThan(told.length);
    assert.doesNotMatch(host.log, /could not be delivered/);
    await world(60_000);
    await until(() => /the end of video\/refused could not be delivered/.test(host.log));
    const { length } = (await world()).told;
    await sleep(1_000);
    assert.equal((await world()).told.length, length);
    assert.deepEqual((await update("refused")).ended, { type: "done" }, "it is still there for who asks");
  });

  for (const tell of /** @type {const} */ (["queue", "hooks"])) {
    it(`tells the ${tell} of its end, again where it was not taken, by one name`, async (test) => {
      const { watch, world } = await laboratory(test, { TELL: tell, REFUSALS: "1" });
      await watch(`good-${tell}`, () => done);
      await watch(`bad-${tell}`, (number) => (number === 1 ? generating(1) : { status: "ERROR", message: "no more credits" }));
      await until(async () => (await world()).told.length === 4);
      await sleep(2_500);
      const told = (await world()).told.map((what) => what.sent ?? what);
      assert.equal(told.length, 4, "nobody is told of what was taken");
      const [good, bad] = [`good-${tell}`, `bad-${tell}`].map((name) => {
        const [first, second] = told.filter(({ id }) => id === name);
        assert.deepEqual(second, first);
        assert.equal(first.kind, "video");
        assert.match(first.deliveryId, new RegExp(`^video/${name}/[0-9a-z]+-[12]$`));
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
    const { watch, world } = await laboratory(test, { poll: { minIntervalMs: 1, maxIntervalMs: 4 } });
    await watch("unset", (number) => (number === 1 ? generating(1) : number < 13 ? 503 : done));
    await until(async () => (await world()).told.length === 1);
    assert.equal((await world()).told[0].done?.url, done.url);
  });

  it("tells the callback where the queue fails, the queue where the callback does, and neither again", async (test) => {
    for (const [id, refusals, failures, messages, sent] of /** @type {const} */ ([
      ["bad-queue", "2", 0, 1, 3],
      ["bad-callback", "0", 2, 3, 1],
    ])) {
      let left = failures;
      const callback = await startCallback(() => (left-- > 0 ? 500 : 200));
      const { watch, world } = await laboratory(test, { TELL: "queue", REFUSALS: refusals, CALLBACK: callback.url });
      await watch(id, () => done);
      await callback.about(id, messages);
      await until(async () => (await world()).told.length === sent);
      await sleep(3_000);
      assert.deepEqual([callback.messages.length, (await world()).told.length], [messages, sent], id);
    }
  });

  it("waits for a hook that takes longer than an alarm may, and calls it no second time", async (test) => {
    // In the laboratory a minute is a tenth of a second.
    const { host, watch, look, world } = await laboratory(test, { HOOK_MS: "4000", poll: { minIntervalMs: 10, maxIntervalMs: 10 } });
    await watch("slow-hook", () => done);
    await until(() => /the end of video\/slow-hook is not delivered yet/.test(host.log));
    await sleep(6_000);
    const { rows } = await look("slow-hook");
    await sleep(2_500);
    assert.equal((await world()).told.length, 1);
    assert.equal((await look("slow-hook")).rows, rows, "what it came to counts");
  });

  it("has streams with a heartbeat of 20 s, and keeps neither timer nor socket of who left", async (test) => {
    const { watch, look, world } = await laboratory(test, { poll: { minIntervalMs: 10, maxIntervalMs: 600_000 } });
    const events = await watch("still", () => generating(0));
    await until(() => timesOf("still").length === 1);
    const { response, leave } = await unread(`${events}?brief`);
    let beats = 0;
    response.on("data", (/** @type {string} */ text) => (beats += text.split(":\n\n").length - 1));
    await until(() => beats > 1);
    const [from, began] = [beats, performance.now()];
    await until(() => beats >= from + 10);
    // In the laboratory they come a hundred times as fast.
    const beatMs = ((performance.now() - began) / 10) * 100;
    assert.ok(beatMs > 15_000 && beatMs < 40_000, `${beatMs} ms`);
    assert.deepEqual([(await look("still")).sockets, (await world()).ticking], [1, 1]);
    leave();
    await until(async () => (await look("still")).sockets === 0 && (await world()).ticking === 0);
  });

  it("leaves a reader that is 4 MB behind, which comes back for what it missed", async (test) => {
    const LAST = 40;
    const { watch, look } = await laboratory(test, { poll: { minIntervalMs: 1, maxIntervalMs: 1 } });
    let isOver = false;
    const huge = (/** @type {number} */ number) => ({ id: `clip-${number}`, status: "success", text: "x".repeat(900_000) });
    const events = await watch("huge", async (number) => {
      // Both readers are there before the second change.
      if (number === 2) await until(async () => (await look("huge")).sockets === 2);
      return isOver ? done : { status: "GENERATING_VIDEO", generatedContent: [huge(Math.min(number, LAST))] };
    });
    const swift = await stream(events);
    const slow = await unread(events);
    await until(() => swift.told.length === LAST);
    await until(async () => (await look("huge")).sockets === 1);
    isOver = true;
    await swift.over;
    assert.deepEqual(swift.told.map(numberOf), upTo(LAST + 1), "who reads is told of all");

    let text = "";
    for await (const chunk of slow.response) text += chunk;
    const got = [...text.matchAll(/^id: (.*)$/gm)].map(([, id = ""]) => id);
    assert.ok(got.length > 0 && got.length < LAST, `${got.length} changes`);
    while (got.length <= LAST) {
      const back = await stream(events, got.at(-1));
      await back.over;
      assert.ok(back.told.length > 0, "each time it gets on");
      got.push(...back.told.map(({ id }) => id));
    }
    assert.deepEqual(got, swift.told.map(({ id }) => id));
  });

  it("tells each viewer of each change once and in order, where one comes while others are fetched from a slow disk", async (test) => {
    const LAST = 20;
    const { watch, update } = await laboratory(test, { LIST_MS: "300", poll: { minIntervalMs: 100, maxIntervalMs: 100 } });
    const events = await watch("overtaking", (number) => (number < LAST ? changing(number) : done));
    await until(async () => /-[3-9]$/.test((await update("overtaking")).id));
    const from = `${(await update("overtaking")).id.split("-")[0]}-0`;
    for (const { over, told } of await Promise.all([stream(events, from), socket(events, from), socket(events, from)])) {
      await over;
      assert.deepEqual(told.map(numberOf), upTo(LAST));
    }
  });

  for (const spoil of /** @type {const} */ (["spoil-snapshot", "spoil-watch"])) {
    it(`begins anew by itself on a damaged disk: ${spoil}`, async (test) => {
      const { watch, update, act, world, restart } = await laboratory(test);
      let isOver = false;
      await watch(spoil, () => (isOver ? done : generating(1)));
      await until(() => timesOf(spoil).length >= 2);
      await act(spoil, spoil);
      await restart();
      isOver = true;
      await until(async () => (await world()).told.some(({ id }) => id === spoil));
      assert.deepEqual((await update(spoil)).ended, { type: "done" });
    });
  }

  it("goes on when anybody comes, where the host has given its alarm up", async (test) => {
    const { watch, update, act } = await laboratory(test, { poll: { minIntervalMs: 300, maxIntervalMs: 300 } });
    await watch("lost-alarm", () => generating(1));
    await until(async () => (await update("lost-alarm")).id.endsWith("-1"));
    // A question that is under way sets the alarm once more.
    for (let round = 0; round < 2; round += 1) {
      await act("lost-alarm", "lose-alarm");
      await sleep(500);
    }
    const asked = timesOf("lost-alarm").length;
    await sleep(1_000);
    assert.equal(timesOf("lost-alarm").length, asked, "by itself it does not");
    await update("lost-alarm");
    await until(() => timesOf("lost-alarm").length > asked);
  });

  it("says so where a damaged disk leaves not even a name, and can begin anew", async (test) => {
    const { host, watch, update, status, act, restart } = await laboratory(test);
    await watch("nameless", () => generating(1));
    await until(() => timesOf("nameless").length >= 2);
    await act("nameless", "spoil-all");
    await restart();
    assert.deepEqual(await update("nameless"), { error: "this video is not watched" });
    assert.match(host.log, /what is stored is no watch/);
    scripts.set("nameless", () => done);
    assert.deepEqual(await status("nameless"), done);
  });
});

describe("a workflow", { timeout: 60_000 }, () => {
  for (const spoilt of ["start", "ask 1"]) {
    it(`goes on from what a step of another version of the machine has kept: ${spoilt}`, async (test) => {
      const { workflow } = await laboratory(test);
      const id = `of-${spoilt.replace(" ", "-")}`;
      const { video } = await workflow(id, (number) => (number < 3 ? generating(1) : done), spoilt);
      assert.equal(video.url, done.url);
      assert.equal(timesOf(id).length, 3);
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

describe("a question that is under way", { timeout: 120_000 }, () => {
  const MIN_INTERVAL_MS = 1_000;

  it("is the only one, whoever calls for another", async (test) => {
    const minIntervalMs = 200;
    const { watch, hint, act } = await laboratory(test, { poll: { minIntervalMs, maxIntervalMs: minIntervalMs } });
    let [underWay, most] = [0, 0];
    await watch("only", async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      // By then another could be asked.
      await sleep(4 * minIntervalMs);
      underWay -= 1;
      return generating(1);
    });
    while (timesOf("only").length < 4) {
      // They are answered once it was their turn, which this test does not wait for.
      for (const call of [hint("only"), act("only", "alarms")]) call.catch(() => {});
      await sleep(minIntervalMs / 2);
    }
    assert.equal(most, 1);
    assertPace("only", minIntervalMs);
  });

  it("does not wait for a crash that was none: the first, and one after a pause that no object lives through", async (test) => {
    const minIntervalMs = 3_000;
    const { watch, hint, restart } = await laboratory(test, { poll: { minIntervalMs, maxIntervalMs: 3_600_000 } });
    let began = performance.now();
    const times = timesOf("waiting");
    await watch("waiting", () => generating(0));
    await until(() => times.length === 1);
    assert.ok(Number(times[0]) - began < minIntervalMs);
    await sleep(minIntervalMs);
    await restart();
    began = performance.now();
    await hint("waiting");
    await until(() => times.length === 2);
    assert.ok(Number(times[1]) - began < minIntervalMs);
  });

  /** @type {[what: string, number: number, maxIntervalMs: number][]} */
  const questions = [
    ["the first", 1, MIN_INTERVAL_MS],
    ["one after a short pause", 3, MIN_INTERVAL_MS],
    ["one that a hint hastened in a long pause", 2, 3_600_000],
  ];
  for (const [what, number, maxIntervalMs] of questions) {
    it(`is not asked again too soon by who comes after a crash: ${what}`, async (test) => {
      const { watch, hint, restart } = await laboratory(test, { poll: { minIntervalMs: MIN_INTERVAL_MS, maxIntervalMs } });
      const id = `crash-${number}`;
      await watch(id, (at) => (at === number ? { fault: "hang" } : at > number ? done : generating(0)));
      if (maxIntervalMs > MIN_INTERVAL_MS) {
        await until(() => timesOf(id).length === 1);
        await sleep(MIN_INTERVAL_MS);
        await hint(id);
      }
      await until(() => timesOf(id).length === number);
      await restart();
      await until(() => timesOf(id).length === number + 1);
      assertPace(id, MIN_INTERVAL_MS);
    });
  }
});

/** No two questions closer than that; on their way they may come a little closer. @param {string} id @param {number} minMs */
function assertPace(id, minMs) {
  const times = timesOf(id);
  const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  assert.ok(pauses.every((ms) => ms > minMs * 0.95), `pauses of ${pauses}`);
}

/** @param {() => boolean | Promise<boolean>} holds */
async function until(holds) {
  for (const giveUp = Date.now() + 30_000; !(await holds());) {
    assert.ok(Date.now() < giveUp, "never came true");
    await sleep(10);
  }
}
