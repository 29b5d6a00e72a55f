// @ts-check
/**
 * A server on the loopback interface that answers word for word as told, for what no scenario of the
 * simulator can say: exact sequences of bodies, and the bytes of a request as they arrive.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Reply
 * @property {number} [status]
 * @property {Record<string, string>} [headers]
 * @property {unknown} [body] JSON, unless it is a string or a Buffer
 * @property {number} [afterMs]
 * @property {"hang" | "stall" | "reset" | "cut" | "endless"} [fault]
 *
 * @typedef {object} Arrival
 * @property {number} number from 1
 * @property {string} method
 * @property {string} path
 * @property {import("node:http").IncomingHttpHeaders} headers
 * @property {number} atMs
 * @property {Promise<void>} left resolves when the caller went away without the whole answer
 */

const CLIPS = ["kitchen", "garden", "bedroom", "exterior"];

export const pending = { status: "PENDING" };
/** @param {number} ready @param {number} [all] */
export const generating = (ready, all = 4) => ({
  status: "GENERATING_VIDEO",
  creditsTotal: 90,
  creditsUsed: 10,
  generatedContent: Array.from({ length: all }, (_, at) => ({
    id: `clip-${at}`,
    effect: "CAMERA_PUSH_IN",
    category: CLIPS[at % CLIPS.length],
    status: at < ready ? "success" : "pending",
  })),
});
/** @param {number} progress */
export const rendering = (progress) => ({ status: "RENDERING_VIDEO", progress });
export const done = { status: "DONE", url: "https://media.example/video.webm" };

/** The answers in this order; the last again and again. @param {...unknown} bodies */
export const inOrder =
  (...bodies) =>
  (/** @type {Arrival} */ { number }) =>
    bodies[Math.min(number, bodies.length) - 1];

/** A bare number is a status, any other bare value a body. @param {any} reply @returns {Reply} */
function asReply(reply) {
  const isReply =
    reply !== null && typeof reply === "object" && ["body", "fault", "headers"].some((key) => key in reply);
  if (isReply) return reply;
  return typeof reply === "number" ? { status: reply } : { body: reply };
}

/**
 * Starts one for the duration of a test.
 * @param {{ after: (act: () => void) => void }} test or whatever else ends
 * @param {(arrival: Arrival) => unknown} script
 */
export async function scriptedServer(test, script) {
  /** @type {Arrival[]} */
  const arrivals = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const traffic = { inFlight: 0, maxInFlight: 0 };
  const server = createServer(async (request, response) => {
    traffic.inFlight += 1;
    traffic.maxInFlight = Math.max(traffic.maxInFlight, traffic.inFlight);
    const left = new Promise((resolve) => {
      response.once("close", () => {
        if (response.writableEnded) return;
        traffic.inFlight -= 1;
        resolve(undefined);
      });
    });
    const { method = "", url: path = "", headers } = request;
    /** @type {Arrival} */
    const arrival = { number: arrivals.length + 1, method, path, headers, atMs: performance.now(), left };
    arrivals.push(arrival);
    for (const look of waiting) look();
    const reply = asReply(await script(arrival));
    if (reply.afterMs) await sleep(reply.afterMs);
    answer(response, reply);
    // Counted before the answer is out, or a quick caller would seem to be ahead of it.
    if (response.writableEnded) traffic.inFlight -= 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    arrivals,
    traffic,
    /** The n-th request, once it is there. @param {number} number @returns {Promise<Arrival>} */
    arrived(number) {
      return new Promise((resolve) => {
        const look = () => {
          const arrival = arrivals[number - 1];
          if (!arrival) return;
          waiting.delete(look);
          resolve(arrival);
        };
        waiting.add(look);
        look();
      });
    },
    /** Fails if another request comes within `ms`. */
    async staysQuiet(ms = 200) {
      const before = arrivals.length;
      await sleep(ms);
      assert.equal(arrivals.length, before, "a request followed");
    },
  };
}

/** @param {import("node:http").ServerResponse} response @param {Reply} reply */
function answer(response, { status = 200, headers = {}, body = "", fault }) {
  if (fault === "hang") return;
  if (fault === "reset") return response.socket?.resetAndDestroy();
  const bytes = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", ...headers });
  if (fault === "stall") return response.write(bytes.slice(0, Math.ceil(bytes.length / 2)));
  if (fault === "cut") return response.write(bytes.slice(0, 1), () => response.socket?.resetAndDestroy());
  if (fault === "endless") return pour(response, Buffer.alloc(65_536, " "));
  response.end(status === 204 ? undefined : bytes);
}

/** Writes as long as the caller reads. @param {import("node:http").ServerResponse} response @param {Buffer} bytes */
function pour(response, bytes) {
  const more = () => {
    while (!response.destroyed && response.write(bytes));
  };
  response.on("drain", more);
  more();
}
