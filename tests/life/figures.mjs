// @ts-check
// How many polls a life has here, and what its figures must show, the same in Node and in Chromium. Counts must be exact,
// and a short life shows them; over a long one, bytes are held to less than any leak of one object for each poll.

import assert from "node:assert/strict";

/** Each way to end comes as often. */
export const SHORT = { inARow: [120, 240, 240], atOnce: [400, 400, 400] };
export const LONG = { inARow: [240, 5_000, 5_000], atOnce: [5_000, 5_000, 5_000] };

/** The finalizers of the clients that are still there. */
export const FINALIZERS = 8;

/** @typedef {keyof typeof SHORT} Work */

/**
 * @param {Work} work
 * @param {any[]} figures
 * @param {number[]} parts
 */
export function endsRight(work, figures, parts) {
  figures.forEach(({ ends }, at) => {
    const count = parts[at] ?? NaN;
    assert.deepEqual(ends, work === "inARow" ? { right: count } : { AbortError: count / 10, done: (count * 9) / 10 });
  });
}

/** @param {import("node:test").TestContext} test @param {any[]} figures */
export function print(test, figures) {
  for (const { heap, pages, slots, length, timers, listeners, finalizers, alive, asked, ends } of figures) {
    test.diagnostic(
      `heap ${(heap / 1024).toFixed(0)} KiB, ${pages} wasm pages, ${slots} values in a table of ${length}; left: ${timers} timers of ${asked.timers}, ` +
        `${listeners} listeners of ${asked.listeners}, ${finalizers} finalizers, ${alive} pollers; ${JSON.stringify(ends)}`,
    );
  }
}

/**
 * @param {any[]} figures of a first part, in which all is made that is made once, and of two that are alike
 * @param {{ timers?: number, listeners?: number, pages?: number }} [host] what the host's own fetch may keep, and how many
 *   pages of memory its timing may decide on: of none that is asked for is anything given back
 */
export function leavesNothing([, first, last], { timers = 0, listeners = 0, pages = 0 } = {}) {
  for (const part of [first, last]) {
    assert.ok(part.timers <= timers, `${part.timers} timers`);
    assert.ok(part.listeners <= listeners, `${part.listeners} listeners`);
    assert.equal(part.alive, 0, "pollers");
    assert.ok(part.finalizers <= FINALIZERS, `${part.finalizers} finalizers`);
  }
  assert.ok(last.pages <= first.pages + pages, `${last.pages} wasm pages after ${first.pages}`);
  assert.equal(last.slots, first.slots, "values in the module's table");
  assert.ok(last.length <= first.length, `a table of ${last.length} after ${first.length}`);
}

/** The heap, over polls so many that a leak shows. @param {any[]} figures @param {number} each polls in each of the last two parts */
export function staysSmall([, first, last], each) {
  const grown = last.heap - first.heap;
  assert.ok(grown < 400_000 + 40 * each, `the heap grew by ${grown} bytes over ${each} polls`);
}
