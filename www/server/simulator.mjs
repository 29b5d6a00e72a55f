// @ts-check
// The package's simulator over sockets: the API, a control plane for pages and tests, the media that finished videos
// link, and a second origin which records what it is sent. The simulator decides every response; what only a socket can
// do is done here: a connection is reset, a body stalls or breaks off, a caller leaves.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createSimulator, scenarioCatalogue } from "../../pkg/dist/simulator.js";
import { sendFile } from "./files.mjs";
import { bodyOf, listen, listener, requestOf, reset, send } from "./http.mjs";

/** @import { IncomingMessage, ServerResponse } from "node:http" */
/** @import { SimulatedRequest } from "../../pkg/dist/simulator.js" */

/**
 * @typedef {object} VideoWishes the body of `POST /simulator/videos`; each may be left out
 * @property {string} [scenario]
 * @property {number} [seed]
 * @property {number} [speed]
 * @property {string} [id]
 * @property {number} [latencyMs] before each response; 0 by default
 *
 * @typedef {"open" | "sent" | "aborted"} Fate what became of a request: `aborted` where the caller left
 *
 * @typedef {object} VideoLog what `GET /simulator/videos/{id}` says
 * @property {string} id
 * @property {string} scenario
 * @property {number} speed
 * @property {(SimulatedRequest & { finished: Fate })[]} requests
 * @property {number} inFlight
 * @property {number} maxInFlight
 * @property {boolean} key each request had the right key
 */

const WISHES = ["scenario", "seed", "speed", "id", "latencyMs"];
const MEDIA = fileURLToPath(new URL("../media", import.meta.url));
/** The longest that a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;
/** A request for a video; what the simulator writes down is a GET of these. */
const VIDEO = /^\/api\/video-editor\/generate\/video\/(?:auto\/)?([^/]+)$/;
/** How much longer a body that is cut is left on its way: closing a connection throws away what it still holds. */
const BEFORE_CUT_MS = 20;

/** How many requests are on their way. */
class InFlight {
  now = 0;
  most = 0;
  total = 0;

  begin() {
    this.now += 1;
    this.total += 1;
    this.most = Math.max(this.most, this.now);
  }
}

/**
 * A handler for all of it, below `mount`.
 * @param {object} [options]
 * @param {string} [options.mount]
 * @param {string} [options.apiKey] the key that opens the API
 * @param {boolean} [options.addsKey] to requests that have none: a page of this server needs no key
 * @param {number} [options.seed]
 */
export async function createSimulatorHandler({ mount = "", apiKey = "demo-key", addsKey = false, seed = 0 } = {}) {
  const other = await listenElsewhere();
  const simulator = createSimulator({
    apiKey,
    seed,
    latencyMs: 0,
    otherOrigin: other.origin,
    // By whichever name of this machine the caller came.
    mediaBase: ({ origin }) => `${origin}${mount}/media`,
  });
  /** @type {Map<string, { latencyMs: number, fates: Fate[], inFlight: InFlight }>} */
  const videos = new Map();
  const all = new InFlight();

  /** @param {IncomingMessage} incoming @param {ServerResponse} outgoing @param {string} path below the mount */
  return async function handle(incoming, outgoing, path) {
    if (path.startsWith("/api/")) return respond(incoming, outgoing, path);
    if (path.startsWith("/media/")) return sendFile(MEDIA, path.slice("/media".length), incoming, outgoing);
    const [status, body] = await control(incoming, path);
    outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };

  /** @param {IncomingMessage} incoming @param {string} path @returns {Promise<[number, unknown]>} */
  async function control(incoming, path) {
    const id = /^\/simulator\/videos\/([^/]+)$/.exec(path)?.[1];
    switch (`${incoming.method} ${id ? "/simulator/videos/{id}" : path}`) {
      case "GET /simulator/scenarios":
        return [200, scenarioCatalogue];
      case "GET /simulator/traffic":
        return [200, { requests: all.total, inFlight: all.now, maxInFlight: all.most }];
      case "GET /simulator/other-origin":
        return [200, { origin: other.origin, requests: other.requests }];
      case "GET /simulator/videos/{id}": {
        const log = logOf(decoded(id));
        return log ? [200, log] : [404, { error: "no video of this id was created by POST /simulator/videos" }];
      }
      case "POST /simulator/videos":
        try {
          return [201, { id: createVideo(JSON.parse((await bodyOf(incoming)) || "{}")) }];
        } catch (error) {
          return [400, { error: error instanceof Error ? error.message : "the video cannot be created" }];
        }
      default:
        return [404, { error: `there is nothing at ${mount}${path}` }];
    }
  }

  /** @param {VideoWishes} wishes */
  function createVideo(wishes) {
    if (typeof wishes !== "object" || wishes === null || Array.isArray(wishes)) throw new TypeError("the body must be a JSON object");
    const unknown = Object.keys(wishes).find((name) => !WISHES.includes(name));
    if (unknown !== undefined) throw new RangeError(`${unknown} is not known; a video may have ${WISHES.join(", ")}`);
    const { latencyMs = 0, ...video } = wishes;
    for (const [name, value] of Object.entries(wishes)) {
      const type = name === "id" || name === "scenario" ? "string" : "number";
      if (typeof value !== type) throw new TypeError(`${name} must be a ${type}`);
    }
    if (!(latencyMs >= 0 && latencyMs <= LONGEST_MS)) throw new RangeError(`latencyMs must be a number from 0 to ${LONGEST_MS}`);
    const id = simulator.createVideo(video);
    videos.set(id, { latencyMs, fates: [], inFlight: new InFlight() });
    return id;
  }

  /** @param {string} id @returns {VideoLog | undefined} */
  function logOf(id) {
    const video = videos.get(id);
    const saved = simulator.saveVideo(id);
    if (!video || !saved) return undefined;
    const requests = simulator.requests(id).map((request, at) => ({ ...request, finished: video.fates[at] ?? "open" }));
    const { now: inFlight, most: maxInFlight } = video.inFlight;
    const key = requests.every(({ key }) => key);
    return { id, scenario: saved.scenario, speed: saved.speed, requests, inFlight, maxInFlight, key };
  }

  /** @param {IncomingMessage} incoming @param {ServerResponse} outgoing @param {string} path */
  async function respond(incoming, outgoing, path) {
    const leaving = new AbortController();
    const { signal } = leaving;
    const reads = incoming.method === "GET" || incoming.method === "HEAD";
    const request = requestOf(incoming, path, reads ? { signal } : { signal, body: await bodyOf(incoming) });
    if (addsKey && !request.headers.has("x-api-key")) request.headers.set("x-api-key", apiKey);

    const video = incoming.method === "GET" ? videos.get(decoded(VIDEO.exec(path)?.[1])) : undefined;
    const counts = video ? [all, video.inFlight] : [all];
    for (const count of counts) count.begin();
    const place = (video?.fates.push("open") ?? 0) - 1;
    const end = (/** @type {Fate} */ fate) => {
      incoming.socket.off("close", leave);
      for (const count of counts.splice(0)) count.now -= 1;
      if (video?.fates[place] === "open") video.fates[place] = fate;
    };
    const leave = () => {
      end("aborted");
      leaving.abort();
    };
    // Of the socket, since a response that waits behind another on it has no such event.
    incoming.socket.once("close", leave);
    outgoing.once("finish", () => end("sent"));
    try {
      const response = await simulator.fetch(request, { redirect: "manual" });
      if (video?.latencyMs) await sleep(video.latencyMs, undefined, { signal });
      await send(response, outgoing);
    } catch {
      if (signal.aborted) return;
      // The simulator rejects as fetch does; over a socket that is a connection which ends too early.
      end("sent");
      if (!outgoing.headersSent) return reset(incoming.socket);
      await sleep(BEFORE_CUT_MS);
      outgoing.destroy();
    }
  }
}

/** The segment of a path; as it is where it is not encoded properly. */
function decoded(segment = "") {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** An origin of its own, where redirects lead: it fools a client that follows them, and shows a key that comes along. */
async function listenElsewhere() {
  /** @type {{ method: string, path: string, headers: import("node:http").IncomingHttpHeaders }[]} */
  const requests = [];
  const server = createServer(
    listener(({ method = "", headers }, outgoing, path) => {
      requests.push({ method, path, headers });
      outgoing.writeHead(200, {
        "content-type": "application/json",
        "access-control-allow-origin": headers.origin ?? "*",
        "access-control-allow-credentials": "true",
        "access-control-allow-headers": headers["access-control-request-headers"] ?? "*",
        "access-control-allow-methods": "*",
      });
      outgoing.end('{"status":"DONE","url":"https://other-origin.invalid/video.webm"}');
    }),
  );
  return { origin: await listen(server.unref(), 0), requests };
}
