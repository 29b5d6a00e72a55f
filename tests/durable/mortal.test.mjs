// @ts-check
/** What a watch comes to where each of its requests brings its object down, where it is held up for days, where its hooks take long, and after a deployment: in virtual time. */

import { leap } from "../node/virtual.mjs";

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { done, generating } from "../node/answers.mjs";
import { Host, KEY, VideoWatcher, VideoWorkflow } from "./memory-host.mjs";

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

/** @param {unknown} reply a status code or a body */
const respond = (reply) => (typeof reply === "number" ? new Response("{}", { status: reply }) : Response.json(reply));

/**
 * A watch with a script: what each request comes to, by its number from 1; nothing where it brings the object down.
 * @param {(number: number) => unknown} script
 * @param {{ poll?: object, hook?: () => unknown, settings?: () => object }} [wishes]
 */
function watch(script, { poll = {}, hook = () => {}, settings = () => ({}) } = {}) {
  /** When each was sent. @type {number[]} */
  const sentAt = [];
  /** How it ended, each time that this was delivered. @type {string[]} */
  const ends = [];
  class Watcher extends VideoWatcher {
    settings() {
      const host = /** @type {Host} */ (this.env);
      const fetch = async () => {
        sentAt.push(Date.now());
        const reply = script(sentAt.length);
        if (reply !== undefined) return respond(reply);
        host.kill();
        return new Promise(() => {});
      };
      return { apiKey: KEY, fetch, poll, ...settings() };
    }
    async onDone() {
      ends.push("done");
      await hook();
    }
    async onFailed(/** @type {any} */ error) {
      ends.push(error.code);
      await hook();
    }
  }
  return { host: new Host(Watcher), sentAt, ends };
}

describe("a watch whose every request brings its object down", { timeout: 280_000 }, () => {
  const dies = () => undefined;
  /** @type {[what: string, script: (number: number) => unknown, poll: object, retryMs: number, isMadeAtOnce: boolean][]} */
  const cases = [
    ["from the first on", dies, {}, 0, false],
    ["from the first on, the alarm coming again after some seconds", dies, {}, 4 * SECOND, false],
    ["in short pauses", (number) => (number < 4 ? generating(number) : undefined), {}, 0, false],
    ["in short pauses, the alarm coming again after some seconds", (number) => (number < 4 ? generating(number) : undefined), {}, 2 * SECOND, false],
    // By the time of its alarm it was not made just now.
    ["in short pauses, each object made at once by a visitor", (number) => (number < 4 ? generating(number) : undefined), {}, 5 * SECOND, true],
    ["in long pauses", (number) => (number < 3 ? generating(number) : undefined), { minIntervalMs: 10 * SECOND, maxIntervalMs: 10 * SECOND }, 0, false],
    ["in long pauses, each object made at once by a visitor", (number) => (number < 3 ? generating(number) : undefined), { minIntervalMs: 10 * SECOND, maxIntervalMs: 10 * SECOND }, 15 * SECOND, true],
    ["in turn with a response", (number) => (number % 2 ? generating(number) : undefined), {}, 5 * SECOND, true],
  ];
  for (const [what, script, poll, retryMs, isMadeAtOnce] of cases) {
    it(`ends by its deadline: ${what}`, async () => {
      const timeoutMs = 2 * MINUTE;
      const { host, sentAt, ends } = watch(script, { poll: { ...poll, timeoutMs } });
      host.retryMs = retryMs;
      if (isMadeAtOnce) {
        const { kill } = Host.prototype;
        host.kill = () => {
          kill.call(host);
          host.object;
        };
      }
      await host.visit("watch");
      const began = Date.now();
      await host.pass(HOUR, () => ends.length > 0);
      assert.deepEqual(ends, ["timeout"], `after ${sentAt.length} requests`);
      // It requests once more after its deadline, and waits a minute for that.
      const tookMs = Date.now() - began;
      assert.ok(tookMs >= timeoutMs && tookMs <= timeoutMs + 1.5 * MINUTE, `${tookMs} ms`);
      const pauses = sentAt.slice(1).map((time, at) => time - Number(sentAt[at]));
      assert.ok(Math.min(...pauses) >= 2 * SECOND, `pauses of ${pauses}`);
      const { length } = sentAt;
      await host.pass(HOUR);
      assert.deepEqual([sentAt.length, ends.length], [length, 1], "and that is all");
    });
  }
});

describe("a watch whose requests are lost, without a deadline", { timeout: 280_000 }, () => {
  for (const [what, script, requests] of /** @type {[string, (number: number) => unknown, number][]} */ ([
    ["from the first on", () => undefined, 5],
    ["after some responses", (number) => (number < 4 ? generating(number) : undefined), 8],
  ])) {
    for (const retryMs of [0, 5 * SECOND]) {
      it(`ends by its failures in a row: ${what}, the alarm coming again after ${retryMs} ms`, async () => {
        const { host, sentAt, ends } = watch(script, { poll: { timeoutMs: Infinity, maxConsecutiveFailures: 5 } });
        host.retryMs = retryMs;
        await host.visit("watch");
        await host.pass(HOUR, () => ends.length > 0);
        assert.deepEqual(ends, ["network"]);
        // One that a new object takes for lost may not have been sent.
        assert.ok(sentAt.length >= requests - 1 && sentAt.length <= requests, `${sentAt.length} requests`);
      });
    }
  }
});

describe("a watch that is held up", { timeout: 280_000 }, () => {
  it("is tried again ever less often, for about three days, and then when somebody comes", async (test) => {
    test.mock.method(console, "error", () => {});
    let isBroken = false;
    const settings = () => {
      if (isBroken) throw new Error("no key");
      return {};
    };
    const { host, sentAt, ends } = watch((number) => (number === 1 ? generating(1) : done), { settings });
    await host.visit("watch");
    await host.pass(0);
    isBroken = true;
    await host.pass(10 * MINUTE);
    // After 30 s, 1, 2 and 4 minutes, each as of the one before.
    assert.equal(host.alarms, 1 + 1 + 4);
    await host.pass(10 * DAY);
    assert.equal(host.alarmMs, undefined);
    assert.ok(host.alarms > 800 && host.alarms < 900, `${host.alarms} alarms`);
    assert.deepEqual([sentAt.length, ends.length], [1, 0]);
    isBroken = false;
    await host.pass(DAY);
    assert.equal(sentAt.length, 1, "by itself it does not go on");
    assert.equal((await host.visit("update")).body.update.status, "GENERATING_VIDEO");
    await host.pass(HOUR);
    assert.deepEqual([sentAt.length, ends], [2, ["done"]], "the deadline has passed, but the video is looked for once more");
  });

  it("begins to count anew after a step", async (test) => {
    test.mock.method(console, "error", () => {});
    let isBroken = false;
    const settings = () => {
      if (isBroken) throw new Error("no key");
      return {};
    };
    const { host } = watch(() => generating(1), { settings, poll: { timeoutMs: Infinity } });
    await host.visit("watch");
    for (let time = 0; time < 2; time += 1) {
      isBroken = false;
      await host.pass(10 * MINUTE);
      isBroken = true;
      const { alarms } = host;
      await host.pass(100 * SECOND);
      assert.ok(host.alarms - alarms >= 2 && host.alarms - alarms <= 3, `${host.alarms - alarms} alarms`);
    }
  });
});

describe("a hook that takes long", { timeout: 280_000 }, () => {
  for (const [end, reply] of /** @type {const} */ ([["done", done], ["unauthorized", 401]])) {
    for (const ms of [SECOND, 10 * SECOND, 3 * MINUTE, 14 * MINUTE, 20 * MINUTE, 40 * MINUTE]) {
      it(`is called once, and it counts that it resolves: ${end}, after ${ms / SECOND} s`, async (test) => {
        test.mock.method(console, "error", () => {});
        const { host, ends } = watch(() => reply, { hook: () => sleep(ms) });
        await host.visit("watch");
        await host.pass(3 * HOUR);
        assert.deepEqual(ends, [end]);
        // What was owed is no more: only the retention is waited for.
        assert.ok(Number(host.alarmMs) > Date.now() + 20 * HOUR, `${host.alarmMs}`);
      });
    }
  }

  it("is called by one at a time where it fails after minutes", async (test) => {
    test.mock.method(console, "error", () => {});
    let [running, most, calls] = [0, 0, 0];
    const hook = async () => {
      calls += 1;
      most = Math.max(most, (running += 1));
      await sleep(3 * MINUTE);
      running -= 1;
      if (calls < 4) throw new Error("not yet");
    };
    const { host } = watch(() => done, { hook });
    await host.visit("watch");
    await host.pass(3 * HOUR);
    assert.deepEqual([calls, most], [4, 1]);
  });
});

describe("a watch that is over", { timeout: 280_000 }, () => {
  for (const [code, reply] of /** @type {[string, unknown][]} */ ([
    ["unauthorized", 401],
    ["unauthorized", 403],
    ["not_found", 404],
    ["video_failed", { status: "ERROR" }],
    ["timeout", generating(1)],
    ["done", done],
  ])) {
    it(`is begun anew by who asks for it, once what was wrong is mended: ${code}, ${typeof reply}`, async () => {
      let isMended = false;
      const { host, sentAt, ends } = watch(() => (isMended ? { ...done, url: "https://media.example/anew.mp4" } : reply), { poll: { timeoutMs: MINUTE } });
      await host.visit("watch");
      await host.pass(10 * MINUTE);
      assert.deepEqual(ends, [code]);
      const { length } = sentAt;
      isMended = true;
      // Also by an object that knows of the end from its storage alone.
      host.kill();
      await host.visit("update");
      assert.deepEqual(await host.visit("watch"), { status: 202, body: { id: "v", watching: true } });
      await host.pass(10 * MINUTE);
      assert.deepEqual([sentAt.length - length, ends], [1, [code, "done"]]);
    });
  }
});

describe("after a deployment of another version", { timeout: 280_000 }, () => {
  /** What its machine has written. @type {[what: string, change: (snapshot: string) => unknown][]} */
  const versions = [
    ["the first version", (snapshot) => snapshot.replace(/^is1/, "iv1")],
    ["the next version", (snapshot) => snapshot.replace(/^is1/, "is2")],
    ["a version of another form", () => '{"version":7}'],
    ["a version that had none", () => ""],
  ];
  for (const [what, change] of versions) {
    it(`a watch is begun anew by itself: ${what}`, async () => {
      const { host, sentAt, ends } = watch((number) => (number < 3 ? generating(number) : done));
      await host.visit("watch");
      await host.pass(SECOND);
      assert.equal(sentAt.length, 1);
      host.kill();
      const kept = host.values.get("watch");
      host.values.set("watch", { ...kept, snapshot: new TextEncoder().encode(String(change(new TextDecoder().decode(kept.snapshot)))) });
      await host.pass(HOUR, () => ends.length > 0);
      assert.deepEqual([sentAt.length, ends], [3, ["done"]]);
    });

    for (const step of ["start", "ask 1", "ask 2"]) {
      it(`a workflow goes on from what a step has kept: ${what}, ${step}`, async () => {
        leap();
        let requests = 0;
        class Workflow extends VideoWorkflow {
          settings() {
            return { apiKey: KEY, fetch: async () => respond((requests += 1) < 4 ? generating(requests) : done) };
          }
        }
        const video = await new /** @type {any} */ (Workflow)({}, {}).run({ payload: { id: "v" } }, {
          async do(/** @type {string} */ name, /** @type {() => Promise<any>} */ act) {
            const kept = structuredClone(await act());
            return name === step ? { ...kept, snapshot: change(kept.snapshot) } : kept;
          },
          sleep: (/** @type {string} */ _, /** @type {number} */ ms) => sleep(ms),
          async waitForEvent(/** @type {string} */ _, /** @type {{ timeout: number }} */ { timeout }) {
            await sleep(timeout);
            throw new Error("no event came");
          },
        });
        assert.deepEqual([video.url, requests], [done.url, 4]);
      });
    }
  }
});
