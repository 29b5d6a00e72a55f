// @ts-check
// A trap of the engine's own, at each place in turn. The module under test is the shipped one with a counter before each
// of its functions (`FUSED_WASM`): the call that brings its global `fuse` to 0 executes `unreachable`, however deep in
// Rust that call is. In virtual time, so that each life makes the same calls.

import { leap, still } from "../node/virtual.mjs";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { rejection, within } from "../node/settling.mjs";

const file = process.env.FUSED_WASM;
assert.ok(file, "FUSED_WASM must name the module with a fuse: run these tests with `cargo xtask test --only life`");
const SLIM = new URL("../../pkg/dist/slim.js", import.meta.url).href;
const { VideoClient, VideoError } = /** @type {typeof import("../../pkg/dist/slim.js")} */ (await import(SLIM));
const compiled = await WebAssembly.compile(await readFile(file));

leap();

/** The fuse of each instance, in the order in which they were made. @type {WebAssembly.Global[]} */
const fuses = [];
const { Instance } = WebAssembly;
WebAssembly.Instance = /** @type {any} */ (
  class extends Instance {
    /** @param {WebAssembly.Module} module @param {any} imports */
    constructor(module, imports) {
      super(module, imports);
      const { fuse } = this.exports;
      if (fuse instanceof WebAssembly.Global) fuses.push(fuse);
    }
  }
);

/** Whatever reached nobody. @type {unknown[]} */
export const strays = [];
for (const event of ["uncaughtException", "unhandledRejection"]) process.on(event, (reason) => strays.push(reason));

const CLIPS = [{ id: "a", status: "success", category: "kitchen" }, { id: "b", status: "pending" }];
const PENDING = { status: "PENDING" };
const GENERATING = { status: "GENERATING_VIDEO", creditsTotal: 90, generatedContent: CLIPS };
const DONE = { status: "DONE", url: "https://media.example/video.webm", id: 7 };

/**
 * A short life of a client with all that it can do, against answers out of memory. The fuse is lit behind the first
 * `poll`, so that an instance is there.
 * @param {number} length calls into and within the module until it traps
 */
export async function life(length) {
  /** @type {Map<string, number>} */
  const asked = new Map();
  let late = 0;
  /** @type {WebAssembly.Global | undefined} */
  let lit;
  const fetch = async (/** @type {any} */ input, /** @type {any} */ { signal }) => {
    const id = String(input).split("/").at(-1) ?? "";
    const count = (asked.get(id) ?? 0) + 1;
    asked.set(id, count);
    if (lit && lit.value <= 0) late += 1;
    if (id === "hang") return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    if (id === "busy" && count === 1) return new Response("<html>busy</html>", { status: 503, headers: { "retry-after": new Date(0).toUTCString() } });
    if (id === "gone") return Response.json({ message: "no such video" }, { status: 404 });
    return Response.json([PENDING, GENERATING][count - 1] ?? DONE);
  };
  const own = new VideoClient({ baseUrl: "https://videos.example", apiKey: "key-of-a-test", wasm: compiled, fetch: /** @type {any} */ (fetch) });
  const QUICK = { minIntervalMs: 0, maxIntervalMs: 1 };
  const before = fuses.length;
  const controller = new AbortController();
  /** @type {Promise<unknown>[]} */
  const waiting = [own.poll("hang", { signal: controller.signal }).done];
  await still(new Promise((resolve) => setImmediate(resolve)));
  const fuse = fuses[before];
  assert.ok(fuse || before > 0, "an instance was made");
  const burning = /** @type {WebAssembly.Global} */ (fuse ?? fuses.at(-1));
  burning.value = length;
  lit = burning;
  const poll = own.poll("v", { ...QUICK, onUpdate: () => void poll.resumeToken() });
  const shared = own.poll("v", { minIntervalMs: 5, maxIntervalMs: 5 });
  shared.pollNow();
  waiting.push(poll.done, shared.done, own.getStatus("s"), own.waitForVideo("busy", { ...QUICK, maxConsecutiveFailures: 3 }));
  waiting.push(own.waitForVideo("gone", QUICK), own.waitForVideo("x", { resumeToken: "it1-damaged" }));
  const many = own.waitForVideos(["m1", "m2"], { ...QUICK, concurrency: 1 });
  const leaving = (async () => {
    for await (const update of own.poll("left", QUICK)) if (update.status !== "PENDING") break;
  })();
  setTimeout(() => controller.abort(), 4);
  const outcomes = await within(10_000, Promise.allSettled([...waiting, leaving, many]), `settled with a fuse of ${length}`);
  const left = burning.value;
  lit = undefined;
  return { outcomes, late, left, own };
}

/** @param {PromiseSettledResult<any>} outcome */
export const codeOf = (outcome) => (outcome.status === "fulfilled" ? "done" : outcome.reason instanceof VideoError ? outcome.reason.code : outcome.reason?.name);

/** So long a fuse burns through no life. */
export const ENDLESS = 0x7fff_ffff;

/**
 * A trap at each of the first calls, then ever further apart up to the last of a life: whoever waits hears "internal" and
 * nobody is left waiting; and the next call works.
 * @param {import("node:test").TestContext} test
 * @param {number} tries
 */
export async function trapped(test, tries) {
  // The first client makes the instance for all.
  await life(ENDLESS);
  const { left } = await life(ENDLESS);
  const calls = ENDLESS - left;
  /** @type {Record<string, number>} */
  const ends = {};
  const early = Math.min(tries / 3, calls);
  for (let at = 0; at < tries; at += 1) {
    const length = at < early ? at + 1 : Math.ceil(early + ((at - early + 1) * (calls - early)) / (tries - early));
    const instances = fuses.length;
    const { outcomes, late, left, own } = await life(length);
    assert.ok(left <= 0, `no trap with a fuse of ${length}`);
    for (const outcome of outcomes) {
      const code = codeOf(outcome);
      ends[code] = (ends[code] ?? 0) + 1;
      // Whoever was answered before, or had left, keeps that.
      assert.ok(["done", "internal", "AbortError", "not_found", "invalid_argument"].includes(code), `${code} with a fuse of ${length}: ${outcome.status === "rejected" && outcome.reason}`);
      if (code === "internal" && outcome.status === "rejected") assert.equal(outcome.reason.retryable, true);
    }
    // A trap in a call within a call, as of a listener that asks for the token, leaves the outer one to go on to its
    // end. It may have been about to send a request.
    assert.ok(late <= 1, `${late} requests after the trap, with a fuse of ${length}`);
    const next = await within(5_000, own.waitForVideo("next", { minIntervalMs: 0, maxIntervalMs: 1 }), `done after a trap at ${length}`);
    assert.equal(next.status, "DONE");
    assert.ok(fuses.length > instances, "a new instance was made");
    const { status } = await within(5_000, own.getStatus("next"), "asked");
    assert.equal(status, "DONE");
    assert.equal((await rejection(own.waitForVideo("gone"))).code, "not_found");
  }
  test.diagnostic(`${calls} calls in a life; ends of ${tries} lives: ${JSON.stringify(ends)}`);
  assert.ok((ends.internal ?? 0) > tries, JSON.stringify(ends));
  assert.deepEqual(strays, []);
}
