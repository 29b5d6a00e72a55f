// @ts-check
/**
 * A Worker for what no visitor can bring about: time that the test moves, hooks and a queue that fail as they are told,
 * a hook or a disk that waits until the test lets it go on, stored values that are damaged, and a count of the rows
 * that are written. What it does to an object is requested at `/laboratory/{id}/...`; all other paths are the watch's.
 */

import { due, hostTime, isOfTheHost, moment, moveTo, ticking, until } from "./clock.mjs";
// @ts-ignore -- beside it once it runs
import { createVideoWatch, VideoError, VideoWatcher, VideoWorkflow } from "./cloudflare.js";

/** What the hooks and the queue were given, in this order. @type {object[]} */
const told = [];
/** The requests for videos, in this order. @type {{ id: string, atMs: number }[]} */
const asked = [];

/** What waits for the test: how often it was let go on, and how many wait. */
const gates = { hook: gate(), list: gate(), settings: gate() };

function gate() {
  return {
    isShut: false,
    turn: 0,
    waiting: 0,
    async pass() {
      const { turn } = this;
      this.waiting += 1;
      await until(() => !this.isShut || this.turn > turn);
      this.waiting -= 1;
    },
  };
}

/**
 * @typedef {object} Environment
 * @property {string} KEY
 * @property {string} UPSTREAM
 * @property {string} POLL JSON
 * @property {string} CLOCK where time begins
 * @property {"hooks" | "queue" | "callback"} TELL
 * @property {string} REFUSALS how often an end is not taken
 * @property {string} [CALLBACK]
 * @property {string} [CALLBACK_SECRET]
 * @property {string} [RETENTION_MS]
 * @property {string} [WEBHOOK_TOKEN]
 */

export class Watcher extends VideoWatcher {
  rows = 0;
  refusals;
  /** The alarm that is under way. @type {Promise<void> | undefined} */
  turn;
  /** How many alarms have ended. */
  ended = 0;

  constructor(/** @type {any} */ ctx, /** @type {Environment} */ env) {
    const { storage } = ctx;
    const { put, list, setAlarm } = storage;
    storage.put = (/** @type {object} */ entries) => {
      this.rows += Object.keys(entries).length;
      return put.call(storage, entries);
    };
    storage.setAlarm = (/** @type {number} */ atMs) => {
      this.rows += 1;
      return setAlarm.call(storage, hostTime(atMs));
    };
    storage.list = async (/** @type {object} */ range) => {
      const found = await list.call(storage, range);
      await gates.list.pass();
      return found;
    };
    super(ctx, env);
    this.storage = storage;
    this.ring = () => setAlarm.call(storage, hostTime(0));
    this.refusals = Number(env.REFUSALS);
    this.sockets = () => ctx.getWebSockets().length;
    this.tells = env.TELL;
    this.given = {
      apiKey: env.KEY,
      baseUrl: env.UPSTREAM,
      poll: { timeoutMs: undefined, maxConsecutiveFailures: undefined, ...JSON.parse(env.POLL) },
      callbackUrl: env.CALLBACK,
      callbackSecret: env.CALLBACK_SECRET,
      retentionMs: env.RETENTION_MS === undefined ? undefined : Number(env.RETENTION_MS),
      fetch: (/** @type {string} */ url, /** @type {RequestInit} */ init) => {
        asked.push({ id: decodeURIComponent(url.slice(url.lastIndexOf("/") + 1)), atMs: Date.now() });
        return fetch(url, init);
      },
    };
  }

  async settings() {
    await gates.settings.pass();
    return this.tells === "queue" ? { ...this.given, queue: { send: (/** @type {object} */ message) => this.take({ sent: message }) } } : this.given;
  }

  async onDone(/** @type {any} */ video, /** @type {any} */ delivery) {
    if (this.tells !== "hooks") return super.onDone(video, delivery);
    await this.take({ done: video, ...delivery });
  }

  async onFailed(/** @type {any} */ error, /** @type {any} */ delivery) {
    if (this.tells !== "hooks") return super.onFailed(error, delivery);
    const { code, detail, last } = error;
    await this.take({ failed: { isOurs: error instanceof VideoError, code, detail, last }, ...delivery });
  }

  async take(/** @type {object} */ what) {
    told.push(what);
    await gates.hook.pass();
    this.refusals -= 1;
    if (this.refusals >= 0) throw new Error("not taken");
  }

  alarm() {
    const turn = super.alarm().finally(() => {
      this.ended += 1;
      if (this.turn === turn) this.turn = undefined;
    });
    this.turn = turn;
    return turn;
  }

  /** Time passes, alarm by alarm; each is waited for. @param {number} untilMs */
  async pass(untilMs) {
    for (;;) {
      const { ended } = this;
      await this.turn;
      const atMs = await this.storage.getAlarm();
      if (this.turn || this.ended !== ended) continue;
      if (atMs === null || atMs > untilMs) break;
      if (!isOfTheHost(atMs)) {
        moveTo(atMs);
        await this.ring();
      }
      // It comes, unless somebody puts it off before it does.
      for (let isPutOff = false; this.ended === ended && !isPutOff; await moment()) {
        const nextMs = await this.storage.getAlarm();
        isPutOff = !this.turn && nextMs !== null && !isOfTheHost(nextMs);
      }
    }
    moveTo(untilMs);
  }

  /** As if there had been so many changes, all like the first; after a restart it is so. @param {number} count */
  async grow(count) {
    const [[key, bytes] = [], watch] = await Promise.all([this.storage.list({ prefix: "event:" }).then((/** @type {Map<string, Uint8Array>} */ all) => [...all][0]), this.storage.get("watch")]);
    const change = JSON.parse(new TextDecoder().decode(bytes));
    let sum = bytes.length;
    for (let seq = 2; seq <= count; seq += 1) {
      const encoded = new TextEncoder().encode(JSON.stringify({ ...change, id: change.id.replace(/1$/, seq) }));
      sum += encoded.length;
      await this.storage.put({ [key.slice(0, -String(seq).length) + seq]: encoded });
    }
    await this.storage.put({ watch: { ...watch, seq: count, kept: { from: 1, bytes: sum } } });
  }

  /** How many changes are stored, and their bytes. */
  async kept() {
    /** @type {Uint8Array[]} */
    const changes = [...(await this.storage.list({ prefix: "event:" })).values()];
    return { changes: changes.length, bytes: changes.reduce((sum, { length }) => sum + length, 0) };
  }

  async fetch(/** @type {Request} */ request) {
    const { pathname, searchParams } = new URL(request.url);
    const action = /^\/laboratory\/[^/]*\/(.*)$/.exec(pathname)?.[1];
    if (action === undefined) return super.fetch(request);
    switch (action) {
      case "look":
        return Response.json({ rows: this.rows, sockets: this.sockets(), ...(await this.kept()) });
      case "pass":
        await this.pass(Number(searchParams.get("until")));
        break;
      case "alarms":
        await Promise.all([super.alarm(), super.alarm(), super.alarm()]);
        break;
      case "hint":
        await super.fetch(new Request("https://watcher/hint"));
        break;
      case "give":
        Object.assign(this.given, JSON.parse(searchParams.get("settings") ?? "{}"));
        break;
      case "lose-alarm":
        await this.storage.deleteAlarm();
        break;
      case "grow":
        await this.grow(Number(searchParams.get("to")));
        break;
      case "spoil-all":
        await this.storage.put({ watch: "no watch" });
        break;
      case "spoil-watch": {
        const { id, kind } = await this.storage.get("watch");
        await this.storage.put({ watch: { id, kind, seq: "seven" } });
        break;
      }
      case "spoil-kept":
        await this.storage.put({ watch: { ...(await this.storage.get("watch")), seq: 1e15, kept: { from: 1, bytes: 0 } } });
        break;
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
 * Waits for a video as a Workflow would, with an engine that keeps what a step said, and for which a pause is over at
 * once; what the step `spoilt` kept has the snapshot of another version. Gives the video, and how long the longest was
 * that a step kept.
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
      sleep: async (/** @type {string} */ _, /** @type {number} */ ms) => moveTo(Date.now() + ms),
      async waitForEvent(/** @type {string} */ _, /** @type {{ timeout: number }} */ { timeout }) {
        moveTo(Date.now() + timeout);
        throw new Error("no event came");
      },
    },
  );
  return { video, longest };
}

/**
 * A stream of server-sent events whose reader does not read for so long after its end: what it then finds. The object
 * behind it is only a socket that sends a change of so many bytes.
 * @param {{ bytes: number, waitMs: number }} how
 */
async function unread({ bytes, waitMs }) {
  // Known to workerd.
  const { 0: far, 1: near } = new /** @type {any} */ (globalThis).WebSocketPair();
  const answer = new Response(null, /** @type {ResponseInit} */ ({ status: 101, webSocket: far }));
  const namespace = { idFromName: (/** @type {string} */ name) => name, get: () => ({ fetch: async () => answer }) };
  const own = createVideoWatch({ watcher: () => namespace });
  const { body } = await own(new Request("https://worker/api/video-editor/generate/video/unread/events"), {});
  near.accept();
  near.send(JSON.stringify({ id: "x-1", type: "update", text: "x".repeat(bytes) }));
  near.close(1_013, "");
  // The heartbeat ends with the stream.
  await until(() => ticking() === 0);
  moveTo(Date.now() + waitMs);
  // This timer is due by now, and began later than any of the stream's.
  await new Promise((resolve) => setTimeout(resolve));
  try {
    return { read: (await new Response(body).text()).length };
  } catch (error) {
    return { error: String(error) };
  }
}

const watcher = (/** @type {any} */ env) => env.WATCHER;
const open = createVideoWatch({ watcher });
const guarded = createVideoWatch({ watcher, webhookToken: (/** @type {any} */ env) => env.WEBHOOK_TOKEN });

export default {
  /** @param {Request} request @param {any} env @param {any} ctx */
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const [, place, id] = pathname.split("/");
    if (place === "unread") return Response.json(await unread({ bytes: Number(searchParams.get("bytes")), waitMs: Number(searchParams.get("wait")) }));
    if (place === "workflow") return Response.json(await waited(env, ctx, id ?? "", searchParams.get("spoilt")));
    if (place !== "laboratory") return (env.WEBHOOK_TOKEN === undefined ? open : guarded)(request, env, ctx);
    if (id) return env.WATCHER.get(env.WATCHER.idFromName(`${searchParams.get("kind") ?? "video"}/${id}`)).fetch(request);
    for (const [name, gate] of Object.entries(gates)) {
      const does = searchParams.get(name);
      if (does === "shut") gate.isShut = true;
      if (does === "open") gate.isShut = false;
      if (does === "next") gate.turn += 1;
    }
    moveTo(Date.now() + Number(searchParams.get("ahead") ?? 0));
    const waiting = { hook: gates.hook.waiting, list: gates.list.waiting, settings: gates.settings.waiting };
    return Response.json({ nowMs: Date.now(), told, asked, ticking: ticking(), due: due(), waiting });
  },
};
