// @ts-check
/**
 * Timers and clocks of any make, as users' tests and pretend hosts bring them, put in and taken away while polls go on. No
 * poll dies of them, and none sends its requests sooner than its pace.
 */

import { clock, leap } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoClient } from "./package.mjs";

const PACE = { minIntervalMs: 50, maxIntervalMs: 100 };
const HOUR = 3_600_000;
/** Whatever the tests make of it. */
const trueNow = clock.performance.now.bind(clock.performance);
leap();

/** Whatever reached nobody. @param {import("node:test").TestContext} test */
function strays(test) {
  /** @type {unknown[]} */
  const seen = [];
  const listen = (/** @type {unknown} */ reason) => seen.push(reason);
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, listen);
    test.after(() => process.off(event, listen));
  }
  return seen;
}

/** A client whose videos are done at the given request, and when its requests came, by the video. @param {number} doneAt */
function clientOf(doneAt) {
  /** @type {Map<string, number[]>} */
  const requests = new Map();
  const fetch = async (/** @type {any} */ url) => {
    const id = String(url).split("/").pop() ?? "";
    const times = requests.get(id) ?? [];
    requests.set(id, times);
    times.push(trueNow());
    return Response.json(times.length < doneAt ? { status: "PENDING" } : { status: "DONE", url: "https://media.example/v.webm" });
  };
  return { own: new VideoClient({ baseUrl: "https://api.example", fetch }), requests };
}

/** @param {Map<string, number[]>} requests */
function keepsPace(requests) {
  for (const times of requests.values()) {
    times.slice(1).forEach((atMs, at) => assert.ok(atMs - (times[at] ?? NaN) >= PACE.minIntervalMs, times.join(" ")));
  }
}

const { setTimeout: set, clearTimeout: clear } = globalThis;
/** @type {Record<string, { set?: any, clear?: any }>} */
const makes = {
  "fire though they were cleared": { clear: () => {} },
  "call back at once": { set: (/** @type {any} */ act, /** @type {number} */ _, /** @type {any[]} */ ...rest) => (act(...rest), 1), clear: () => {} },
  "call back in a microtask": { set: (/** @type {any} */ act) => (queueMicrotask(act), 1), clear: () => {} },
  "call back some microtasks later": { set: (/** @type {any} */ act) => void Promise.resolve().then(() => {}).then(() => {}).then(act), clear: () => {} },
  "call back much too early": { set: (/** @type {any} */ act, /** @type {number} */ ms) => set(act, ms / 10) },
  "fire twice": { set: (/** @type {any} */ act, /** @type {number} */ ms) => (set(act, ms), set(act, ms + 20)) },
  "fire for ever": { set: (/** @type {any} */ act, /** @type {number} */ ms) => setInterval(act, ms), clear: () => {} },
  "throw": { set: () => { throw new Error("no timers here"); }, clear: () => { throw new Error("none to clear"); } },
  "are gone": { set: undefined, clear: undefined },
  "have odd handles": { set: (/** @type {any} */ act, /** @type {number} */ ms) => (set(act, ms), Object.create(null)), clear: () => { throw new TypeError("no handle"); } },
};

describe("timers that", () => {
  for (const [what, make] of Object.entries(makes)) {
    it(`${what} harm no poll, and the next one neither`, async (test) => {
      const seen = strays(test);
      const { own, requests } = clientOf(6);
      // Two that had their timers from the host before.
      const bystanders = [own.waitForVideo("early", PACE), clientOf(6).own.waitForVideo("another", PACE)];
      await sleep(60);
      const hosts = /** @type {any} */ (globalThis);
      try {
        if ("set" in make) hosts.setTimeout = make.set;
        if ("clear" in make) hosts.clearTimeout = make.clear;
        const videos = await Promise.all([own.waitForVideo("v", PACE), own.getStatus("once"), ...bystanders]);
        assert.deepEqual(videos.map(({ status }) => status), ["DONE", "PENDING", "DONE", "DONE"]);
      } finally {
        hosts.setTimeout = set;
        hosts.clearTimeout = clear;
      }
      // What was cleared, and fires, has fired.
      await sleep(60_000);
      assert.equal((await own.waitForVideo("later", PACE)).status, "DONE");
      keepsPace(requests);
      assert.deepEqual(seen, []);
    });
  }

  it("throw, all of them, stop a poll for as long, and it goes on with what happens next", async (test) => {
    const seen = strays(test);
    const { own, requests } = clientOf(4);
    const poll = own.poll("v", PACE);
    const other = own.waitForVideo("other", PACE);
    const { setInterval: every } = globalThis;
    const fails = () => {
      throw new Error("no timers here");
    };
    Object.assign(globalThis, { setTimeout: fails, setInterval: fails });
    await new Promise((resolve) => set(resolve, 5_000));
    const sent = requests.get("v")?.length ?? NaN;
    assert.ok(sent >= 1);
    Object.assign(globalThis, { setTimeout: set, setInterval: every });
    poll.pollNow();
    assert.equal((await poll.done).status, "DONE");
    // Its own turn comes with the next of its client's that calls.
    void other.catch(() => {});
    own[Symbol.dispose]();
    assert.deepEqual(seen, []);
  });
});

describe("a clock that", () => {
  /** @param {import("node:test").TestContext} test @param {(nowMs: number) => any} says */
  function saying(test, says) {
    const now = performance.now.bind(performance);
    return test.mock.method(performance, "now", () => says(now()));
  }

  it("goes back an hour, again and again, holds up no request for longer than a pause, and no deadline", async (test) => {
    const { own, requests } = clientOf(Infinity);
    const poll = own.poll("v", { ...PACE, timeoutMs: 2_000 });
    const now = trueNow;
    const began = now();
    let backMs = 0;
    test.mock.method(performance, "now", () => now() - backMs);
    /** @type {unknown} */
    let end;
    poll.done.catch((error) => (end = error.code));
    for (let step = 0; step < 4; step += 1) {
      await new Promise((resolve) => set(resolve, 300));
      backMs += HOUR;
    }
    while (end === undefined && now() - began < 60_000) await new Promise((resolve) => set(resolve, 100));
    assert.equal(end, "timeout");
    // Each step costs what had passed since the clock was read last.
    const tookMs = now() - began;
    assert.ok(tookMs >= 2_000 && tookMs <= 2_000 + 5 * (PACE.maxIntervalMs + 100), `${tookMs} ms`);
    const times = requests.get("v") ?? [];
    for (const [at, atMs] of times.slice(1).entries()) assert.ok(atMs - (times[at] ?? NaN) <= 2 * PACE.maxIntervalMs + 2, times.join(" "));
  });

  for (const [what, odd] of /** @type {const} */ ([
    ["says NaN", () => NaN],
    ["says nothing", () => undefined],
    ["says infinity", () => Infinity],
    ["throws", () => { throw new Error("no clock here"); }],
  ])) {
    it(`${what} for a while does no harm`, async (test) => {
      const seen = strays(test);
      const { own, requests } = clientOf(8);
      const poll = own.poll("v", PACE);
      await sleep(120);
      let isOdd = true;
      saying(test, (nowMs) => (isOdd ? odd() : nowMs));
      // The first request of a poll is sent whatever the time.
      const begun = what === "throws" ? own.getStatus("meanwhile") : own.waitForVideo("meanwhile", PACE);
      await new Promise((resolve) => set(resolve, 500));
      isOdd = false;
      assert.equal((await poll.done).status, "DONE");
      assert.equal((await begun).status, what === "throws" ? "PENDING" : "DONE");
      keepsPace(requests);
      assert.deepEqual(seen, []);
    });
  }
});
