// @ts-check
/**
 * A network in memory, in virtual time: whoever imports this has a global `fetch` that reaches the hosts registered
 * here and none else, and does to a request what Node's own would: it heeds the signal at every moment, and follows
 * redirects unless it is told not to.
 */

import { leap } from "./virtual.mjs";
import { VideoClient } from "./package.mjs";

/** @typedef {(request: Request) => Response | Promise<Response>} Host */

/** By their origins. @type {Map<string, Host>} */
const hosts = new Map();

/** @param {string} origin @param {Host} host */
export function listen(origin, host) {
  hosts.set(origin, host);
  return () => void hosts.delete(origin);
}

/** @param {RequestInfo | URL} input @param {RequestInit} [init] @returns {Promise<Response>} */
export async function fetch(input, init) {
  const request = new Request(input, init);
  const { signal } = request;
  // As from a socket, nothing comes within the call.
  await undefined;
  signal.throwIfAborted();
  const host = hosts.get(new URL(request.url).origin);
  if (!host) throw new TypeError("fetch failed", { cause: new Error(`nothing listens at ${request.url}`) });
  const response = await unlessAborted(host(request), signal);
  const location = response.headers.get("location");
  if (!location || request.redirect === "manual") return response;
  if (request.redirect === "error") throw new TypeError("fetch failed", { cause: new Error("unexpected redirect") });
  const followed = await fetch(new URL(location, request.url), { headers: request.headers, signal });
  return Object.defineProperty(followed, "redirected", { value: true });
}
globalThis.fetch = fetch;

/**
 * What `work` comes to, or a rejection with the signal's reason.
 * @template T
 * @param {T | Promise<T>} work
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
function unlessAborted(work, signal) {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    Promise.resolve(work).then(resolve, reject);
  });
}

const FULL = new Uint8Array(65_536).fill(0x20);

/**
 * A body that is written while it is read, and breaks when the request is aborted.
 * @param {AbortSignal} signal
 * @param {() => void} onLeft when the caller goes away before its end
 */
export function openBody(signal, onLeft) {
  /** @type {ReadableStreamDefaultController} */
  let controller;
  let isOver = false;
  /** Once, whatever comes first. @param {() => void} act */
  const end = (act) => {
    if (isOver) return;
    isOver = true;
    act();
  };
  const leave = () => end(onLeft);
  let isEndless = false;
  const stream = new ReadableStream({
    start: (given) => void (controller = given),
    pull: () => (isEndless ? controller.enqueue(FULL) : undefined),
    cancel: leave,
  });
  signal.addEventListener("abort", () => {
    end(() => {
      controller.error(signal.reason);
      onLeft();
    });
  });
  return {
    stream,
    /** @param {string | Uint8Array} part */
    write(part) {
      if (!isOver) controller.enqueue(typeof part === "string" ? Buffer.from(part) : part);
    },
    end: () => end(() => controller.close()),
    /** As a connection does that is reset. */
    cut: () => end(() => controller.error(new TypeError("terminated"))),
    /** Spaces, as long as the caller reads. */
    pour() {
      isEndless = true;
      controller.enqueue(FULL);
    },
  };
}

// The module comes before time leaps.
await new VideoClient({ fetch: async () => Response.json({ status: "PENDING" }) }).getStatus("any");
leap();
