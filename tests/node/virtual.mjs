// @ts-check
/**
 * Virtual time, for whoever imports this before anything else: timers and clocks are those of @sinonjs/fake-timers, and
 * time leaps to the next timer whenever the program waits for nothing else. An hour passes in a moment, in the same
 * steps however busy the machine is. What only a socket, a process or a thread can bring is not waited for, unless
 * `still` says so: time would pass meanwhile, all of it.
 */

import assert from "node:assert/strict";
import FakeTimers from "@sinonjs/fake-timers";
import { syncBuiltinESMExports } from "node:module";
import { after } from "node:test";

const { setImmediate, setTimeout: setRealTimeout } = globalThis;

export const clock = FakeTimers.install({
  now: Date.UTC(2026, 0, 1),
  toFake: ["Date", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
});
// `import { setTimeout } from "node:timers/promises"` is bound to a copy.
syncBuiltinESMExports();

// Node's own has a timer of its own, which keeps no process alive either.
AbortSignal.timeout = (ms) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms);
  return controller.signal;
};

let isOver = false;
let isLeaping = false;
/** How many real things time stands still for. */
let awaited = 0;

/**
 * What `work` comes to, for which no time passes: something that a thread or the event loop does.
 * @template T
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
export async function still(work) {
  awaited += 1;
  try {
    return await work;
  } finally {
    awaited -= 1;
  }
}

// All of these are done by threads, in the midst of what the package does.
const { compile, instantiate } = WebAssembly;
WebAssembly.compile = (...given) => still(compile(...given));
WebAssembly.instantiate = /** @type {any} */ ((/** @type {[any, any]} */ ...given) => still(instantiate(...given)));
const digest = crypto.subtle.digest.bind(crypto.subtle);
crypto.subtle.digest = (...given) => still(digest(...given));

/** From here on time leaps. */
export function leap() {
  if (isLeaping) return;
  isLeaping = true;
  void pass();
}

// The clock's own way to leap ends at the first timer that throws, and cannot stand still.
async function pass() {
  while (!isOver) {
    // One turn for what the last timer set off, and one for messages between ports, which take that long.
    await turn();
    await turn();
    if (awaited > 0 || clock.countTimers() === 0) await moment();
    else if (!isOver) ring();
  }
}

/** A real one, for what only that can bring. */
const moment = () => new Promise((resolve) => setRealTimeout(resolve, 1));

/** All that promises and ticks have to do is done by then. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The next timer. What it throws is nobody's to catch, as ever. */
function ring() {
  try {
    clock.next();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

after(() => {
  isOver = true;
  clock.uninstall();
});

/** How long `work` takes until it settles, in virtual milliseconds. @param {Promise<unknown>} work */
export async function took(work) {
  const began = clock.now;
  await Promise.allSettled([work]);
  return clock.now - began;
}

/**
 * What `work` comes to, which is known before any time has passed.
 * @template T
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
export async function atOnce(work) {
  assert.equal(await took(work), 0, "time has passed");
  return work;
}
