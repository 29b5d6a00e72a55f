// @ts-check
/**
 * A Worker for what no visitor can bring about: hooks and a queue that fail as they are told, time that is put
 * forward, a slow disk, stored values that are damaged, and a count of the rows that are written. What it does to
 * an object is asked for at `/laboratory/{id}/...`; all other paths are the watch's.
 */

// @ts-ignore -- beside it once it runs
import { createVideoWatch, VideoError, VideoWatcher, VideoWorkflow } from "./cloudflare.js";

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
/** What comes in minutes comes in tenths of seconds. */
const { setTimeout } = globalThis;
globalThis.setTimeout = /** @type {any} */ ((/** @type {() => void} */ act, /** @type {number} */ ms) => setTimeout(act, ms < 60_000 ? ms : ms / 600));
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
 * @property {string} [HOOK_MS] how long a hook takes
 * @property {string} [CALLBACK]
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
    this.hookMs = Number(env.HOOK_MS ?? 0);
    this.sockets = () => ctx.getWebSockets().length;
    this.tells = env.TELL;
    this.given = { apiKey: env.KEY, baseUrl: env.UPSTREAM, poll: { timeoutMs: undefined, maxConsecutiveFailures: undefined, ...JSON.parse(env.POLL) }, callbackUrl: env.CALLBACK };
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
    await new Promise((resolve) => setTimeout(resolve, this.hookMs));
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
      case "lose-alarm":
        await this.storage.deleteAlarm();
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

class Workflow extends VideoWorkflow {
  settings() {
    const { KEY, UPSTREAM, POLL } = /** @type {Environment} */ (/** @type {any} */ (this).env);
    return { apiKey: KEY, baseUrl: UPSTREAM, poll: JSON.parse(POLL) };
  }
}

/**
 * Waits for a video as a Workflow would, with an engine that keeps what a step said; what the step `spoilt` kept has
 * the snapshot of another version. Gives the video, and how long the longest was that a step kept.
 * @param {any} env @param {any} ctx @param {string} id @param {string | null} spoilt
 */
async function waited(env, ctx, id, spoilt) {
  let longest = 0;
  const workflow = new /** @type {any} */ (Workflow)(ctx, env);
  const video = await workflow.run(
    { payload: { id } },
    {
      async do(/** @type {string} */ name, /** @type {() => Promise<any>} */ act) {
        const kept = structuredClone(await act());
        longest = Math.max(longest, JSON.stringify(kept).length);
        return name === spoilt ? { ...kept, snapshot: `another ${kept.snapshot}` } : kept;
      },
      sleep: (/** @type {string} */ _, /** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      waitForEvent: (/** @type {string} */ _, /** @type {{ timeout: number }} */ { timeout }) =>
        new Promise((_, reject) => setTimeout(() => reject(new Error("no event came")), timeout)),
    },
  );
  return { video, longest };
}

const watch = createVideoWatch({ watcher: (/** @type {any} */ env) => env.WATCHER });

export default {
  /** @param {Request} request @param {any} env @param {any} ctx */
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const [, place, id] = pathname.split("/");
    if (place === "workflow") return Response.json(await waited(env, ctx, id ?? "", searchParams.get("spoilt")));
    if (place !== "laboratory") return watch(request, env, ctx);
    if (id) return env.WATCHER.get(env.WATCHER.idFromName(`video/${id}`)).fetch(request);
    aheadMs += Number(searchParams.get("ahead") ?? 0);
    return Response.json({ told, ticking });
  },
};
