// @ts-check
/**
 * How promises settle, and how soon. It waits for things to happen and never for time to pass, except where the promise
 * is that nothing happens. The times are virtual in a test that begins with `virtual.mjs`.
 */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoError } from "./package.mjs";

/** A pace for tests. */
export const QUICK = { minIntervalMs: 5, maxIntervalMs: 15 };
/** A pace so slow that after the first answer a poll is asleep. */
export const SLOW = { minIntervalMs: 60_000, maxIntervalMs: 60_000 };

/**
 * What a promise rejects with.
 * @param {Promise<unknown>} promise
 * @returns {Promise<any>}
 */
export async function rejection(promise) {
  const [settled] = await Promise.allSettled([promise]);
  if (settled.status === "rejected") return settled.reason;
  assert.fail(`resolved with ${JSON.stringify(settled.value)}`);
}

/**
 * The VideoError that a promise rejects with.
 * @param {Promise<unknown>} promise
 * @param {import("./package.mjs").VideoErrorCode} code
 * @returns {Promise<InstanceType<typeof VideoError>>}
 */
export async function failure(promise, code) {
  const error = await rejection(promise);
  assert.ok(error instanceof VideoError, `no VideoError but ${error}`);
  assert.equal(error.code, code, error.message);
  return error;
}

/**
 * What `promise` gives, if it settles within `ms`.
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @param {string} [what]
 * @returns {Promise<T>}
 */
export async function within(ms, promise, what = "settled") {
  const late = new AbortController();
  const limit = sleep(ms, undefined, { signal: late.signal }).then(
    () => assert.fail(`not ${what} within ${ms} ms`),
    () => /** @type {never} */ (undefined),
  );
  try {
    return await Promise.race([promise, limit]);
  } finally {
    late.abort();
  }
}

/**
 * Whether a promise is still pending after `ms`.
 * @param {Promise<unknown>} promise
 * @param {number} ms
 */
export async function staysPending(promise, ms) {
  const settled = promise.then(
    (value) => assert.fail(`resolved with ${JSON.stringify(value)}`),
    (reason) => assert.fail(`rejected with ${reason}`),
  );
  await Promise.race([settled, sleep(ms)]);
}

/**
 * A promise and the function that resolves it.
 * @template T
 * @returns {{ promise: Promise<T>, resolve: (value: T) => void }}
 */
export function deferred() {
  /** @type {(value: T) => void} */
  let resolve = () => {};
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** @typedef {import("./package.mjs").VideoUpdate} VideoUpdate */

/**
 * A listener for updates that keeps them all.
 * @returns {{ updates: VideoUpdate[], listener: (update: any) => void, reached: (holds: (update: VideoUpdate) => boolean) => Promise<VideoUpdate> }}
 */
export function recorder() {
  /** @type {VideoUpdate[]} */
  const updates = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  return {
    updates,
    listener(update) {
      updates.push(update);
      for (const look of waiting) look();
    },
    /** The first update, past or to come, for which `holds`. */
    reached(holds) {
      return new Promise((resolve) => {
        const look = () => {
          const found = updates.find(holds);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      });
    },
  };
}

/**
 * What a promise rejects with, before the event loop turns once.
 * @param {Promise<unknown>} promise
 * @returns {Promise<any>}
 */
export function rejectionInOneTurn(promise) {
  const turned = new Promise((resolve) => setImmediate(resolve)).then(() => assert.fail("the event loop has turned"));
  return Promise.race([rejection(promise), turned]);
}
