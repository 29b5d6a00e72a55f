// @ts-check
/** The server of `simulator.mjs` in memory and in virtual time, by the same names. Import it before the package. */

import assert from "node:assert/strict";
import { listen } from "./memory-network.mjs";
import { setTimeout as sleep } from "node:timers/promises";
import { entry, VideoClient } from "./package.mjs";

/**
 * @typedef {import("../support/simulator.mjs").Wishes} Wishes
 * @typedef {import("../support/simulator.mjs").Log} Log
 * @typedef {import("../support/simulator.mjs").LoggedRequest} LoggedRequest
 */

/** @type {typeof import("../../pkg/dist/simulator.js")} */
const { createSimulator, scenarioCatalogue } = await import(new URL("simulator.js", entry).href);

/** The key that opens it. */
export const KEY = "demo-key";
/** Where it listens. */
export const url = "https://simulator.example";
/** Where some redirects point to. */
const ELSEWHERE = "https://other-origin.invalid";
/** Of the faults, those with a body that is not there at once. */
const STREAMED = ["stall", "truncated", "huge"];

const simulator = createSimulator({ apiKey: KEY });

/** What the model does not know of. @type {Map<string, { latencyMs: number, fates: LoggedRequest["finished"][], inFlight: number, maxInFlight: number }>} */
const traffic = new Map();

listen(url, (request) => {
  const id = decodeURIComponent(new URL(request.url).pathname.split("/").at(-1) ?? "");
  const own = traffic.get(id);
  return own && request.method === "GET" ? watched(request, id, own) : passedOn(request);
});

/** @type {{ method: string, path: string, headers: Record<string, string> }[]} */
const elsewhere = [];
listen(ELSEWHERE, ({ url, method, headers }) => {
  elsewhere.push({ method, path: new URL(url).pathname, headers: Object.fromEntries(headers) });
  return Response.json({ status: "DONE", url: `${ELSEWHERE}/video.webm` });
});

/** @param {Request} request */
function passedOn({ url, method, headers, signal }) {
  return simulator.fetch(url, { method, headers, signal, redirect: "manual" });
}

/** @param {Request} request @param {string} id @param {NonNullable<ReturnType<typeof traffic.get>>} own @returns {Promise<Response>} */
async function watched(request, id, own) {
  const { signal } = request;
  const place = own.fates.push("open") - 1;
  own.inFlight += 1;
  own.maxInFlight = Math.max(own.maxInFlight, own.inFlight);
  const end = (/** @type {"sent" | "aborted"} */ fate) => {
    if (own.fates[place] !== "open") return;
    own.fates[place] = fate;
    own.inFlight -= 1;
  };
  const leave = () => end("aborted");
  signal.addEventListener("abort", leave);
  const answer = await passedOn(request).finally(() => {
    // A reset is all there is to be sent.
    if (simulator.requests(id)[place]?.fault === "reset") end("sent");
  });
  if (own.latencyMs) await sleep(own.latencyMs, undefined, { signal });
  if (!STREAMED.includes(simulator.requests(id)[place]?.fault ?? "")) {
    end("sent");
    return answer;
  }
  const { status, headers } = answer;
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const stream = new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read().catch((error) => {
        end("sent");
        throw error;
      });
      if (!done) return controller.enqueue(value);
      end("sent");
      controller.close();
    },
    cancel(reason) {
      leave();
      return reader.cancel(reason);
    },
  });
  return new Response(stream, { status, headers });
}

/**
 * A client of it.
 * @param {import("./package.mjs").ClientOptions} [options]
 */
export function client(options) {
  return new VideoClient({ apiKey: KEY, baseUrl: url, ...options });
}

/**
 * A new video; its id.
 * @param {Wishes} [wishes]
 * @returns {Promise<string>}
 */
export async function createVideo({ latencyMs = 0, ...wishes } = {}) {
  const id = simulator.createVideo(wishes);
  traffic.set(id, { latencyMs, fates: [], inFlight: 0, maxInFlight: 0 });
  return id;
}

/**
 * The requests for a video so far.
 * @param {string} id
 * @returns {Promise<Log>}
 */
export async function logOf(id) {
  const own = traffic.get(id) ?? assert.fail(`there is no video ${id}`);
  const requests = simulator.requests(id).map((one, at) => ({ ...one, finished: own.fates[at] ?? "open" }));
  return { requests, inFlight: own.inFlight, maxInFlight: own.maxInFlight, key: requests.every(({ key }) => key) };
}

/**
 * The log of a video, once something holds for it.
 * @param {string} id
 * @param {(log: Log) => boolean} holds
 * @returns {Promise<Log>}
 */
export async function logWhen(id, holds) {
  for (const giveUp = Date.now() + 60_000; Date.now() < giveUp; await sleep(1)) {
    const log = await logOf(id);
    if (holds(log)) return log;
  }
  assert.fail(`never came true: ${JSON.stringify(await logOf(id))}`);
}

/**
 * A video's n-th request is on its way and has no response, or only half of one.
 * @param {string} id
 * @param {number} count
 */
export function inFlight(id, count) {
  return logWhen(id, (log) => log.requests.length === count && log.inFlight === 1);
}

/**
 * Fails if anything more is asked about a video for a while, or is still being asked.
 * @param {string} id
 * @param {number} [ms] many times the pace of the poll in question
 */
export async function staysQuiet(id, ms = 10_000) {
  const before = await logWhen(id, (log) => log.inFlight === 0);
  await sleep(ms);
  const after = await logOf(id);
  assert.equal(after.requests.length, before.requests.length, "a request followed");
  assert.equal(after.inFlight, 0);
  return after;
}

/** What the other origin, to which some redirects point, was sent. */
export async function otherOrigin() {
  return { origin: ELSEWHERE, requests: elsewhere };
}

/** The catalogue. */
export async function scenarios() {
  return scenarioCatalogue;
}
