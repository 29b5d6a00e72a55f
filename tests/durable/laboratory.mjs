// @ts-check
/**
 * A Worker for what no visitor can bring about: hooks and a queue that fail as they are told, time that is put
 * forward, a slow disk, stored values that are damaged, and a count of the rows that are written. What it does to
 * an object is asked for at `/laboratory/{id}/...`; all other paths are the watch's.
 */

// @ts-ignore -- beside it once it runs
import { createVideoWatch, VideoError, VideoWatcher } from "./cloudflare.js";

/** What the hooks and the queue were given, in this order. @type {object[]} */
const told = [];
/** By how much the clock is ahead of the host's. */
let aheadMs = 0;
/** How many timers tick. */
let ticking = 0;
/** What comes in seconds comes in hundredths of them. */
const HASTE = 100;

const { now } = Date;
Date.now = () => now() + aheadMs;
const { setInterval, clearInterval } = globalThis;
globalThis.setInterval = /** @type {any} */ (
  (/** @type {() => void} */ act, /** @type {number} */ ms) => {
    ticking += 1;
    return setInterval(act, ms / HASTE);
  }
);
globalThis.clearInterval = (timer) => {
  ticking -= 1;
  clearInterval(timer);
};

/**
 * @typedef {object} Environment
 * @property {string} KEY
 * @property {string} UPSTREAM
 * @property {string} POLL JSON
 * @property {"hooks" | "queue"} TELL
 * @property {string} REFUSALS how often an end is not taken
 * @property {string} LIST_MS how long the disk takes to list changes
 */

export class Watcher extends VideoWatcher {
  rows = 0;
  refusals;

  constructor(/** @type {any} */ ctx, /** @type {Environment} */ env) {
    const { storage } = ctx;
    const { put, list, setAlarm } = storage;
    storage.put = (/** @type {object} */ entries) => {
      this.rows += Object.keys(entries).length;
      return put.call(storage, entries);
    };
    storage.setAlarm = (/** @type {number} */ atMs) => {
      this.rows += 1;
      return setAlarm.call(storage, atMs - aheadMs);
    };
    storage.list = async (/** @type {object} */ range) => {
      const found = await list.call(storage, range);
      await new Promise((resolve) => setTimeout(resolve, Number(env.LIST_MS)));
      return found;
    };
    super(ctx, env);
    this.storage = storage;
    this.refusals = Number(env.REFUSALS);
    this.sockets = () => ctx.getWebSockets().length;
    this.tells = env.TELL;
    this.given = { apiKey: env.KEY, baseUrl: env.UPSTREAM, poll: JSON.parse(env.POLL) };
  }

  settings() {
    return this.tells === "queue" ? { ...this.given, queue: { send: (/** @type {object} */ message) => this.take({ sent: message }) } } : this.given;
  }

  async onDone(/** @type {any} */ video, /** @type {any} */ delivery) {
    if (this.tells === "queue") return super.onDone(video, delivery);
    await this.take({ done: video, ...delivery });
  }

  async onFailed(/** @type {any} */ error, /** @type {any} */ delivery) {
    if (this.tells === "queue") return super.onFailed(error, delivery);
    const { code, detail, last } = error;
    await this.take({ failed: { isOurs: error instanceof VideoError, code, detail, last }, ...delivery });
  }

  async take(/** @type {object} */ what) {
    told.push(what);
    this.refusals -= 1;
    if (this.refusals >= 0) throw new Error("not taken");
  }

  async fetch(/** @type {Request} */ request) {
    const action = /^\/laboratory\/[^/]*\/(.*)$/.exec(new URL(request.url).pathname)?.[1];
    if (action === undefined) return super.fetch(request);
    switch (action) {
      case "look":
        return Response.json({ rows: this.rows, sockets: this.sockets(), changes: (await this.storage.list({ prefix: "event:" })).size });
      case "alarms":
        await Promise.all([super.alarm(), super.alarm(), super.alarm()]);
        break;
      case "spoil-all":
        await this.storage.put({ watch: "no watch" });
        break;
      case "spoil-watch": {
        const { id, kind } = await this.storage.get("watch");
        await this.storage.put({ watch: { id, kind, seq: "seven" } });
        break;
      }
      case "spoil-snapshot":
        await this.storage.put({ watch: { ...(await this.storage.get("watch")), snapshot: new TextEncoder().encode("no snapshot") } });
        break;
    }
    return Response.json({});
  }
}

const watch = createVideoWatch({ watcher: (/** @type {any} */ env) => env.WATCHER });

export default {
  /** @param {Request} request @param {any} env @param {any} ctx */
  fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const [, place, id] = pathname.split("/");
    if (place !== "laboratory") return watch(request, env, ctx);
    if (id) return env.WATCHER.get(env.WATCHER.idFromName(`video/${id}`)).fetch(request);
    aheadMs += Number(searchParams.get("ahead") ?? 0);
    return Response.json({ told, ticking });
  },
};
