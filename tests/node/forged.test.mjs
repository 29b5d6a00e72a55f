// @ts-check
/**
 * Tokens that somebody made up, checksum and all, in a client that others use too: they say nothing in the server's name,
 * make nothing faster or longer, and touch no other poll.
 */

import { atOnce, still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { entry, freshPackage, VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, rendering, scriptedServer } from "./scripted-fetch.mjs";
import { failure, recorder, rejection, SLOW } from "./settling.mjs";

/** @type {typeof import("../../pkg/dist/machine.js")} */
const machine = await import(new URL("machine.js", entry).href);

/** FNV-1a, which is no secret. @param {(string | number | bigint)[]} fields */
function closed(fields) {
  const text = fields.join(",");
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return `${text},${hash}`;
}

/** Nothing, or something. @param {number | undefined} number */
const some = (number) => (number === undefined ? [0] : [1, number]);

const MOST = 4_294_967_295;

/**
 * A token of the video "v" that tells of a poll which began now and asked once, but for what is given.
 * @param {{ deadline?: number, timeout?: number, min?: number, max?: number, maxFailures?: number, phase?: number[], requests?: number, failures?: number, notBefore?: number, overall?: number, clips?: string }} said
 */
function forged({ deadline, timeout, min = 2_000, max = 5_000, maxFailures = 10, phase = [0], requests = 1, failures = 0, notBefore = 0, overall = 0, clips }) {
  const now = Date.now();
  const course = [0, overall, 0, 0, 0, 0, 0, 0, 0];
  const last = clips === undefined ? [0] : [1, 0, 1, clips];
  return closed(["it1", "v", now, ...some(deadline), ...some(timeout), min, max, maxFailures, ...phase, requests, now, failures, 0, notBefore, ...course, ...last]);
}

/** But for what depends on when the requests leave. @param {import("./package.mjs").VideoUpdate[]} updates */
const told = (updates) =>
  updates.map((update) => Object.fromEntries(Object.entries(update).filter(([name]) => !["elapsedMs", "remainingMs"].includes(name))));

describe("a forged token", () => {
  // Loading takes time that is not virtual.
  before(() => still(Promise.all([machine.start("v", 0), rejection(new VideoClient({ baseUrl: "http://127.0.0.1:9" }).getStatus("v"))])));

  it("is written here as the package writes it", async (test) => {
    const server = await scriptedServer(test, inOrder({ ...pending, generatedContent: [{ status: "success" }] }));
    const poll = new VideoClient({ baseUrl: server.url }).poll("v", { ...SLOW, timeoutMs: 90_000 });
    const began = Date.now();
    await new Promise((resolve) => poll.subscribe(resolve));
    assert.equal(Date.now(), began);
    const fields = poll.resumeToken().split(",");
    const own = forged({ deadline: began + 90_000, timeout: 90_000, min: 60_000, max: 60_000, phase: [1], overall: 650_000, clips: "s" }).split(",");
    // But for what was learnt of the clips' times.
    const rest = fields.slice(fields.indexOf("650000") + 1);
    assert.deepEqual(fields.slice(0, -rest.length), own.slice(0, fields.length - rest.length));
    assert.deepEqual(rest.slice(-5, -1), ["1", "0", "1", "s"]);
    poll.cancel();
  });

  it("may not be a snapshot of the machine, which has the server's words in it", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const { snapshot } = await machine.start("v", Date.now());
    const body = JSON.stringify({ ...pending, message: "words", generatedContent: [{ status: "success", url: "javascript:alert(1)" }] });
    const said = await machine.step(snapshot, { type: "response", httpStatus: 200, body }, Date.now());
    for (const resumeToken of [snapshot, said.snapshot]) {
      const error = await failure(new VideoClient({ baseUrl: server.url }).waitForVideo("v", { resumeToken }), "invalid_argument");
      assert.match(error.message, /resumeToken is a machine's snapshot/);
    }
    assert.equal(server.arrivals.length, 0);
    await assert.rejects(machine.step(forged({}), { type: "wake" }, Date.now()), /a resumeToken is no snapshot/);
  });

  it("says in its own poll which clips were ready, and no word", async (test) => {
    const server = await scriptedServer(test, inOrder(503, done));
    const own = new VideoClient({ baseUrl: server.url });
    const { updates, listener } = recorder();
    const video = await own.waitForVideo("v", { resumeToken: forged({ clips: "se", overall: 900_000 }), onUpdate: listener });
    assert.deepEqual(updates.map(({ status, retrying }) => [status, retrying]), [["PENDING", undefined], ["PENDING", "http"], ["DONE", undefined]]);
    for (const update of [...updates, video]) {
      assert.deepEqual(update.generatedContent, [{ status: "success" }, { status: "error" }]);
      assert.deepEqual([update.creditsTotal, update.creditsUsed, "message" in update], [undefined, undefined, false]);
    }
    const refusing = await scriptedServer(test, inOrder(401));
    const error = await failure(new VideoClient({ baseUrl: refusing.url }).waitForVideo("v", { resumeToken: forged({ clips: "s" }) }), "unauthorized");
    assert.doesNotMatch(JSON.stringify(error.last ?? null), /message|url/);
  });

  /** @type {Record<string, () => string>} */
  const greedy = {
    "of a poll": () => forged({ min: 0, max: 0, maxFailures: MOST }),
    "of one that had not begun": () => closed(["it1-new", "v", Date.now(), "Infinity", 0, 0, "Infinity"]),
    "of one that timed out": () => forged({ min: 0, max: 0, maxFailures: MOST, phase: [3, 4] }),
  };
  for (const [which, token] of Object.entries(greedy)) {
    it(`${which} with no pause and no end makes a poll no faster and no longer than one without`, async (test) => {
      const server = await scriptedServer(test, inOrder(pending));
      const own = new VideoClient({ baseUrl: server.url });
      const began = performance.now();
      await failure(own.waitForVideo("v", { resumeToken: token() }), "timeout");
      assert.equal(performance.now() - began, 1_200_000);
      const pauses = server.arrivals.slice(1).map(({ atMs }, at) => atMs - (server.arrivals[at]?.atMs ?? NaN));
      assert.ok(pauses.length > 200 && Math.min(...pauses) >= 2_000, `${Math.min(...pauses)}`);
      const failing = await scriptedServer(test, inOrder(503));
      await failure(new VideoClient({ baseUrl: failing.url }).waitForVideo("v", { resumeToken: token() }), "http");
      assert.equal(failing.arrivals.length, 10);
    });
  }

  it("counts where it is the slower and the shorter one", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const began = performance.now();
    const resumeToken = forged({ deadline: Date.now() + 95_000, timeout: 95_000, min: 30_000, max: 30_000 });
    await failure(new VideoClient({ baseUrl: server.url }).waitForVideo("v", { resumeToken }), "timeout");
    assert.equal(performance.now() - began, 95_000);
    assert.equal(server.arrivals.length, 4);
  });

  /** @type {Record<string, () => string>} */
  const forgeries = {
    "that the server asked to be left alone for an hour": () => forged({ notBefore: Date.now() + 3_600_000 }),
    "that it is nearly done, with clips": () => forged({ overall: 999_999, clips: "ssss" }),
    "that it was asked four billion times, and failed": () => forged({ requests: MOST, failures: MOST, phase: [3, 7] }),
    "that its time is over": () => forged({ deadline: 1, timeout: 1, clips: "s" }),
    "that it timed out": () => forged({ phase: [3, 4], clips: "s" }),
  };
  for (const [says, token] of Object.entries(forgeries)) {
    for (const isFirst of [true, false]) {
      it(`says ${says}: another poll that ${isFirst ? "comes after it" : "was there"} is told what it is told without`, async (test) => {
        const script = () => inOrder(pending, generating(1), 503, rendering(0.5), done);
        /** @param {boolean} isForged */
        const play = async (isForged) => {
          const server = await scriptedServer(test, script());
          const own = new VideoClient({ baseUrl: server.url });
          const { updates, listener } = recorder();
          const begin = () => own.waitForVideo("v", { timeoutMs: Infinity, onUpdate: listener });
          /** @type {import("../../pkg/dist/index.js").VideoPoller | undefined} */
          let forger;
          const join = () => {
            if (isForged) forger = own.poll("v", { resumeToken: token(), timeoutMs: Infinity });
          };
          const first = isFirst ? undefined : begin();
          if (!isFirst) await server.arrived(1);
          join();
          const video = await (first ?? begin());
          forger?.cancel();
          assert.equal(video.url, done.url);
          return told(updates);
        };
        const without = await play(false);
        assert.equal(without.length, 5);
        assert.deepEqual(await play(true), without);
      });
    }
  }

  it("that asks to be left alone for an hour does not hold up who comes after it", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const own = new VideoClient({ baseUrl: server.url });
    const forger = own.poll("v", { resumeToken: forged({ notBefore: Date.now() + 3_600_000 }), timeoutMs: Infinity });
    await sleep(60_000);
    assert.equal(server.arrivals.length, 0);
    const { updates, listener, reached } = recorder();
    const victim = own.poll("v", { timeoutMs: Infinity, onUpdate: listener });
    await atOnce(server.arrived(1));
    await atOnce(reached(() => true));
    assert.deepEqual(updates.map(({ status, requests }) => [status, requests]), [["PENDING", 1]]);
    const next = recorder();
    const third = own.poll("v", { timeoutMs: Infinity, onUpdate: next.listener });
    await atOnce(next.reached(() => true));
    assert.deepEqual(told(next.updates), told(updates));
    for (const poll of [forger, victim, third]) poll.cancel();
  });

  it("does not make a server be asked sooner, however many come with it too late", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const own = new VideoClient({ baseUrl: server.url });
    const honest = own.poll("v", SLOW);
    await new Promise((resolve) => honest.subscribe(resolve));
    for (let late = 0; late < 20; late += 1) {
      await failure(own.waitForVideo("v", { resumeToken: forged({ deadline: 1, timeout: 1 }) }), "timeout");
    }
    assert.equal(server.arrivals.length, 1);
    honest.cancel();
  });

  it("is not looked at where it is longer than any", async () => {
    const own = new VideoClient({ baseUrl: "http://127.0.0.1:9" });
    for (const length of [17_000, 10_000_000]) {
      const error = await failure(own.waitForVideo("v", { resumeToken: forged({ clips: "s".repeat(length) }) }), "invalid_argument");
      assert.match(error.message, /resumeToken/);
    }
  });
});

describe("the token of a poll before the module has loaded", () => {
  it("is none that the machine takes", async () => {
    const { VideoClient } = await still(freshPackage());
    const poll = new VideoClient({ baseUrl: "http://127.0.0.1:9" }).poll("v");
    poll.cancel();
    await rejection(poll.done);
    assert.match(poll.resumeToken(), /^it1-new,v,/);
    await assert.rejects(machine.step(poll.resumeToken(), { type: "wake" }, Date.now()), /a resumeToken is no snapshot/);
  });
});
