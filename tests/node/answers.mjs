// @ts-check
/** Response bodies of the API, and what a scripted server can do with a request. */

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
 * @property {Promise<void>} left resolves when the caller went away without the whole response
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

/** The responses in this order; the last again and again. @param {...unknown} bodies */
export const inOrder =
  (...bodies) =>
  (/** @type {Arrival} */ { number }) =>
    bodies[Math.min(number, bodies.length) - 1];

/** A bare number is a status, any other bare value a body. @param {any} reply @returns {Reply} */
export function asReply(reply) {
  const isReply =
    reply !== null && typeof reply === "object" && ["body", "fault", "headers"].some((key) => key in reply);
  if (isReply) return reply;
  return typeof reply === "number" ? { status: reply } : { body: reply };
}

/** What is sent. @param {Reply} reply */
export function contentOf({ headers = {}, body = "" }) {
  const bytes = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return { bytes, headers: { "content-type": "application/json", ...headers } };
}

/**
 * The requests that came, and whoever waits for one.
 * @returns {{ arrivals: Arrival[], arrive: (arrival: Arrival) => void, arrived: (number: number) => Promise<Arrival> }}
 */
export function arrivalList() {
  /** @type {Arrival[]} */
  const arrivals = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  return {
    arrivals,
    arrive(arrival) {
      arrivals.push(arrival);
      for (const look of waiting) look();
    },
    /** The n-th request, once it is there. */
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
  };
}
