/**
 * One video watched by a Durable Object: alarms are its clock, its storage is its memory, and whoever wants to
 * know hangs on a WebSocket that survives its sleep. When to ask, what an answer means and when to give up is the
 * machine's to say; here it is carried out. The key is read when it is needed, and is never kept or told.
 */

import { DurableObject } from "cloudflare:workers";
import { checkedBase, endpointOf } from "./address.js";
import { invalidArgument, readable, VideoError, type PlainError } from "./error.js";
import { start, step } from "./machine.workerd.js";
import { hasRoomFor, type Held } from "./room.js";
import { log, type Video } from "./route.js";
import { containsKey, keyFrom, redact, SHORTEST } from "./secret.js";
import type { DoneUpdate, MachineOptions, PollCommand, PollEvent, Step, VideoUpdate } from "./types.js";
import { exchange, SIZE_LIMIT, textOf, TIME_LIMIT_MS } from "./upstream.js";
import { isVideoId } from "./video-id.js";
import { shortened } from "./watch-body.js";
import { deliveryIdOf, post, signingKeyFrom } from "./watch-delivery.js";
import { MOST_BYTES, Viewers, type ViewersHost } from "./watch-viewers.js";
import { warnOfUnknown } from "./warn.js";

type WithoutRaw<T> = T extends unknown ? Omit<T, "raw"> : never;

/** An update as it is kept and sent: without the body that it was read from. */
export type WatchedUpdate = WithoutRaw<VideoUpdate>;
/** The finished video, likewise. */
export type WatchedVideo = WithoutRaw<DoneUpdate>;

/** How a watcher works; its key, at least. */
export interface WatcherSettings {
  /** Sent upstream as x-api-key, of at least 8 characters. Never stored, logged or told. */
  apiKey: string;
  /** Default "https://iacrea.com". Plain http to localhost, 127.0.0.0/8 or [::1] only. */
  baseUrl?: string | URL | undefined;
  /** Bounds of the poll, taken when a watch begins. Default: 6 hours, and no number of failures in a row ends it. */
  poll?: MachineOptions | undefined;
  /** Headers and body of one request together, in milliseconds. Default 30,000. */
  requestTimeoutMs?: number | undefined;
  /**
   * Longest body that is read. Default and most: 1 MiB. Of one that is longer than can be kept in all the forms that it
   * is kept in, the texts of clips are left out, or the clips; never the outcome.
   */
  maxResponseBytes?: number | undefined;
  /** How long the end of a watch is remembered after it was delivered, in milliseconds. Default a day. */
  retentionMs?: number | undefined;
  /** Gets a {@link WatchMessage} at the end: a Cloudflare Queue, say. */
  queue?: { send(body: unknown): Promise<unknown> } | undefined;
  /** Gets a {@link WatchMessage} at the end, as JSON in a POST; any answer but 2xx is a failure. */
  callbackUrl?: string | URL | undefined;
  /**
   * Signs what the callback gets, by https://www.standardwebhooks.com, so that it can tell it from what anybody sends:
   * the base64 of 24 to 64 random bytes, with "whsec_" before it or not. Never stored, logged or sent.
   */
  callbackSecret?: string | undefined;
  /** Used instead of the global fetch, for the video API alone. */
  fetch?: typeof globalThis.fetch | undefined;
}

const SETTINGS: Readonly<Record<keyof WatcherSettings, 1>> = {
  apiKey: 1, baseUrl: 1, poll: 1, requestTimeoutMs: 1, maxResponseBytes: 1, retentionMs: 1, queue: 1, callbackUrl: 1, callbackSecret: 1, fetch: 1,
};

/** Of which watch a message is. */
export interface WatchDelivery {
  /**
   * Hexadecimal digits, the same each time that this end of this video is delivered, also by a watch that was begun
   * anew and finds it again: keep it, and drop what comes a second time. It is a digest of id and kind with the url and
   * `videoId` of the finished video, or with the error's code and HTTP status; what is generated again has another url.
   */
  readonly deliveryId: string;
  /** The id that was asked for. */
  readonly id: string;
  readonly kind: "video" | "auto";
}

/** Why a watch ended without a video, as a message can hold it. */
export type WatchFailure = Pick<VideoError, "code" | "message" | "retryable" | "httpStatus" | "detail"> & Partial<Pick<VideoError, "reason">>;

/** What a queue or a callback is sent at the end of a watch. */
export type WatchMessage = WatchDelivery &
  (
    | { readonly type: "done"; readonly video: WatchedVideo }
    | { readonly type: "failed"; readonly error: WatchFailure; readonly last?: WatchedUpdate }
  );

/** What the host gives an object; Cloudflare's `DurableObjectState` is one. */
export interface WatcherContext {
  readonly id: object;
  readonly storage: object;
}

interface Storage {
  get(keys: readonly string[]): Promise<Map<string, unknown>>;
  list(range: { readonly start: string; readonly end: string; readonly limit: number }): Promise<Map<string, Uint8Array>>;
  put(entries: Readonly<Record<string, unknown>>): Promise<void>;
  delete(keys: readonly string[]): Promise<number>;
  getAlarm(): Promise<number | null>;
  setAlarm(atMs: number): Promise<void>;
  deleteAlarm(): Promise<void>;
  deleteAll(): Promise<void>;
  sync(): Promise<void>;
}

interface Context extends ViewersHost {
  readonly storage: Storage;
  blockConcurrencyWhile(act: () => Promise<void>): Promise<void>;
  setWebSocketAutoResponse(pair: object): void;
}

/** What is kept of a watch, beside the last body and the changes: one value, since each that is written has its price. */
interface Watch extends Video {
  readonly startedMs: number;
  /** The machine's; none before the first question, and none after the end. */
  readonly snapshot?: Uint8Array;
  /** The object lives through this pause: its next question is asked without a word to the disk. */
  readonly isShortPause: boolean;
  /** Of the latest change; 0 before the first. */
  readonly seq: number;
  /** The number of the oldest change that is kept, and the bytes of all that are. */
  readonly kept?: { readonly from: number; readonly bytes: number };
  /** The API said something, so there is a last body. */
  readonly heard: boolean;
  /** What it said last was a failure that is being tried again. */
  readonly retrying: boolean;
  /** Its last response was a 202. */
  readonly isAccepted?: boolean;
  /** When a hint last hastened a request, or will. */
  readonly hintedAtMs?: number;
  readonly end?: { readonly type: "done" } | { readonly type: "failed"; readonly error: PlainError; readonly resumeToken?: string };
  readonly delivery?: {
    readonly attempts: number;
    readonly untilMs: number;
    /** Who need not be told any more. */
    readonly took?: readonly ("queue" | "callback")[];
  };
  /** Somebody wants another watch, which begins when this one's end was told. */
  readonly again?: boolean;
  /** How often in a row there was no step to take, because the settings cannot be had or the module cannot run. */
  readonly heldUp?: number;
}

/** A change as viewers are told of it. */
type Change =
  | { readonly type: "update"; readonly update: WatchedUpdate }
  | { readonly type: "done"; readonly update: WatchedVideo }
  | { readonly type: "failed"; readonly error: WatchFailure; readonly update?: WatchedUpdate };

/** A step as it will be written down: all of it, or nothing. */
interface Entry {
  readonly watch: Watch;
  /** What is new beside it, by key. */
  readonly values: Readonly<Record<string, Uint8Array>>;
  readonly change: string | undefined;
  /** The changes that are kept no longer, by key. */
  readonly dropped: readonly string[];
  readonly alarmMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The machine's own, where the settings say nothing. */
const MIN_INTERVAL_MS = 2_000;
/** After a crash the alarm comes back by so much later than the next question is allowed. */
const LEASE_SLACK_MS = 500;
/** The host takes an object out of memory once it was idle for ten seconds. */
const AWAKE_MS = 8_000;
/** Later alarms are set in steps; no host takes any number. */
const LONGEST_ALARM_MS = DAY_MS;
/** When settings cannot be read, or the module traps: until the next try, and after some of these. */
const TROUBLE_MS = 30_000;
const LONGEST_TROUBLE_MS = 300_000;
/** About three days of it: after that it is tried again when anybody comes. */
const MOST_TROUBLES = 864;
const HINT_EVERY_MS = 60_000;
const FIRST_ANSWER_MS = 10_000;
const KEPT_CHANGES = 1_000;
/** Of all kept changes together; the latest is kept in any case. */
const KEPT_BYTES = 1_048_576;
/** The host deletes so many at once. */
const DELETED_AT_ONCE = 128;
/** Cloudflare stores at most 2 MB in one value. */
const LONGEST_VALUE = 1_900_000;
const DELIVERY_MS = 3 * DAY_MS;
const LONGEST_BACKOFF_MS = HOUR_MS;
/** How long an alarm waits for a hook of the user's: a little less than the 15 minutes that the host gives an alarm. */
const HOOK_MS = 870_000;
/** How long anybody waits for the settings. */
const SETTINGS_MS = 10_000;
/**
 * The buffers of all bodies that steps are taken with in this isolate, which objects share. Until it is written down, a
 * step holds its body in some four forms. An isolate has 128 MB.
 */
const STEPS_BYTES = 16 * 1_048_576;
/** A step is written down so long after its request, at most. */
const STEP_MS = 30_000;
const steps: Held = new Map();
const UNWATCHED = "this video is not watched; a GET of its status by a page of yours, or POST .../watch, begins to watch it";
const EVENT_ID = /^([0-9a-z]{1,11})-(\d{1,12})$/;

/** The host's class, as users' compilers are to see it: Cloudflare's types know an object by this mark. */
const Base = DurableObject as unknown as new <Env>(ctx: WatcherContext, env: Env) => { readonly __DURABLE_OBJECT_BRAND: never };

/**
 * Watches one video to its end, whatever happens to the process it runs in. Export it (or a class that extends it)
 * from the Worker, bind it as a Durable Object with SQLite storage, and give `createVideoWatch` the binding.
 */
export class VideoWatcher<Env = unknown> extends Base<Env> {
  protected declare readonly ctx: WatcherContext;
  protected declare readonly env: Env;
  readonly #host: Context;
  readonly #viewers: Viewers;
  #watch: Watch | undefined;
  /** Of what was done before, this object knows what is on the disk. */
  #madeMs = 0;
  /** This object has lived through a request of its own, so that none before its next one can have been lost. */
  #hasRequested = false;
  /** A step is being taken, request and all. */
  #polling = false;
  /** Meanwhile a hint came. Should the object die, the request is sent again, and serves the hint too. */
  #isHinted = false;
  /** Steps are taken one after the other; the request is part of the step. */
  #lane: Promise<void> = Promise.resolve();
  /** The user's hook while it runs, and until it was heard that it went through. */
  #hook: Promise<void> | undefined;
  /** Until it is known whether the latest who wanted to begin to watch could. */
  #beginning: Promise<void> | undefined;
  /** Those who wait for the first answer. */
  readonly #waiting = new Set<() => void>();

  constructor(ctx: WatcherContext, env: Env) {
    super(ctx, env);
    const host = ctx as unknown as Context;
    this.#host = host;
    this.#viewers = new Viewers(host);
    host.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    void host.blockConcurrencyWhile(async () => {
      const kept = (await host.storage.get([WATCH])).get(WATCH);
      this.#madeMs = Date.now();
      if (isWatch(kept)) this.#watch = kept;
      else if (kept !== undefined) await this.#mend(kept);
    });
  }

  /** Override it to choose the settings; by default the key is `env.IACREA_API_KEY`, the address `env.IACREA_BASE_URL`. */
  settings(): WatcherSettings | Promise<WatcherSettings> {
    const { IACREA_API_KEY, IACREA_BASE_URL } = this.env as { IACREA_API_KEY: string; IACREA_BASE_URL?: string };
    return { apiKey: IACREA_API_KEY, baseUrl: IACREA_BASE_URL };
  }

  /**
   * Called when the video is finished, until it resolves: after failures again and again for three days, with pauses
   * of up to an hour, and after a crash once more. The host gives it 15 minutes; while one call runs in this object no
   * other begins, and what it comes to counts, however late. By default it tells the queue and the callback of the
   * settings, each until that one took it.
   */
  async onDone(video: WatchedVideo, delivery: WatchDelivery): Promise<void> {
    await this.#tell({ ...delivery, type: "done", video });
  }

  /** Called when the watch ended without a video; in all else like {@link onDone}. */
  async onFailed(error: VideoError, delivery: WatchDelivery): Promise<void> {
    const { last } = error;
    await this.#tell({ ...delivery, type: "failed", error: failureOf(error), ...(last ? { last: withoutRaw(last) } : {}) });
  }

  /** For `createVideoWatch` alone. */
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const id = searchParams.get("id") ?? "";
    const video: Video = { id, kind: searchParams.get("kind") === "auto" ? "auto" : "video" };
    try {
      // After some failures in a row, as of a deployment that is broken, the host gives an alarm up.
      if (this.#watch && !this.#polling && (await this.#host.storage.getAlarm()) === null) await this.#host.storage.setAlarm(Date.now());
      switch (pathname) {
        case "/watch":
          await this.#begin(video, true);
          return json(202, { id, watching: !this.#watch?.end });
        case "/status":
          return await this.#status(video, searchParams.has("begin"));
        case "/update":
          return await this.#update();
        case "/events":
          return await this.#events(searchParams.get("after"), searchParams.has("stream"));
        case "/hint":
          await this.#hint();
          return json(202, {});
        default:
          return json(404, { error: "there is nothing at this path" });
      }
    } catch (error) {
      log("the watcher failed", error);
      if (error instanceof TookTooLong) return json(503, { error: error.message }, { "retry-after": "10" });
      return json(500, { error: error instanceof VideoError ? "the watcher's settings cannot work" : "the watcher failed" });
    }
  }

  /** For the host alone. */
  alarm(): Promise<void> {
    const turn = this.#lane.then(() => this.#act());
    // Should the storage fail, the host hears of it; the next alarm gets its turn all the same.
    this.#lane = turn.catch(() => {});
    return turn;
  }

  /** For the host alone, which answers "ping" by itself. */
  webSocketMessage(socket: object): void {
    this.#viewers.refuse(socket as WorkerSocket);
  }

  /** For the host alone. */
  webSocketClose(socket: object, code: number): void {
    this.#viewers.confirm(socket as WorkerSocket, code);
  }

  /** For the host alone. */
  webSocketError(): void {}

  /** Begins to watch, unless that was done before; `again` also where the watch is over, once its end was told. */
  #begin(video: Video, again = false): Promise<void> {
    const beginning = this.#beginOnce(video, again);
    this.#beginning = beginning.catch(() => {});
    return beginning;
  }

  async #beginOnce({ id, kind }: Video, again: boolean): Promise<void> {
    const isDone = () => this.#watch && !(again && this.#watch.end);
    if (isDone()) return;
    const settings = await this.#settings();
    // What cannot work is refused before anything is kept.
    await start(id, Date.now(), settings.poll);
    if (isDone()) return;
    if (!this.#watch?.delivery) return this.#anew({ id, kind }, settings);
    // The next attempt to deliver comes when it would have come, or whoever asks again and again would set its pace.
    const alarmMs = (await this.#host.storage.getAlarm()) ?? Date.now();
    if (this.#watch?.delivery) await this.#keep({ ...this.#watch, again }, alarmMs);
  }

  /** Begins to watch; after another watch no sooner than the next question of that would be allowed. */
  async #anew(video: Video, { minIntervalMs }: Settings): Promise<void> {
    const pauseMs = this.#watch ? minIntervalMs : 0;
    this.#viewers.dismiss();
    const { kept, seq = 0 } = this.#watch ?? {};
    const from = kept?.from ?? Math.max(seq - KEPT_CHANGES, 1);
    const old = Array.from({ length: seq - from + 1 }, (_, at) => eventKey(from + at));
    await Promise.all([this.#keep(newWatch(video), Date.now() + pauseMs), ...this.#delete(old)]);
  }

  /** What is stored is damaged, or of another version: the job is paid for, so it is watched anew if its name is left. */
  async #mend(kept: unknown): Promise<void> {
    const video = kept as Partial<Video> | null;
    log("what is stored is no watch", video?.id);
    if (isVideo(video)) await this.#keep(newWatch(video), Date.now());
  }

  /** What there is to do when the alarm comes. */
  async #act(): Promise<void> {
    const watch = this.#watch;
    if (!watch) return;
    try {
      this.#polling = !watch.end;
      if (!watch.end) await this.#poll(watch);
      else if (watch.delivery) await this.#deliver();
      else await this.#forget();
    } catch (error) {
      log(`the watch of ${watch.kind}/${watch.id} is held up`, error);
      // The host would give up an alarm that throws again and again.
      await this.#holdUp(this.#watch ?? watch);
    } finally {
      this.#polling = false;
    }
    if (this.#isHinted) {
      this.#isHinted = false;
      await this.#hint();
    }
  }

  /** Puts the next try off, the longer the oftener this has happened in a row, and not for ever: each try has its price. */
  async #holdUp(watch: Watch): Promise<void> {
    const heldUp = (watch.heldUp ?? 0) + 1;
    await this.#keep({ ...watch, heldUp }, Date.now() + Math.min(TROUBLE_MS * 2 ** (heldUp - 1), LONGEST_TROUBLE_MS));
    if (heldUp < MOST_TROUBLES) return;
    log(`the watch of ${watch.kind}/${watch.id} is held up for about three days; it goes on when anybody asks for it`);
    await this.#host.storage.deleteAlarm();
  }

  /** Steps until the machine wants to sleep, or has come to the end. */
  #poll(watch: Watch): Promise<void> {
    return withPlace((place) => this.#pollIn(place, watch));
  }

  async #pollIn(place: object, watch: Watch): Promise<void> {
    const settings = await this.#settings();
    let before = watch;
    let from = await this.#woken(watch, settings.poll);
    let entry = await this.#entry(watch, from, settings);
    while (from.command.type === "fetch") {
      if (!(await this.#mayAsk(before, entry, settings))) return;
      before = entry.watch;
      const { snapshot, command } = from;
      const event = await asked(watch, settings, command.giveUpAtMs, place);
      const nowMs = Date.now();
      from = await step(snapshot, event, nowMs);
      this.#hasRequested = true;
      entry = await this.#entry(before, from, settings, event);
      if (event.type !== "response" || !isTooLong(entry)) continue;
      log(`the status of ${watch.kind}/${watch.id} is longer than can be stored`, "texts of its clips, or the clips, are left out");
      for (const body of shortened(event.body)) {
        const less = { ...event, body };
        from = await step(snapshot, less, nowMs);
        entry = await this.#entry(before, from, settings, less);
        if (!isTooLong(entry)) break;
      }
    }
    await this.#write(entry);
  }

  /** Whether the question of `asking` may be asked; from here on it is not asked again too soon, whoever dies. */
  async #mayAsk(before: Watch, asking: Entry, { minIntervalMs }: Settings): Promise<boolean> {
    if (before.isShortPause && !this.#hasRequested && Date.now() < this.#madeMs + minIntervalMs) {
      // An object before this one may have asked in its last moment: to the machine it has, and its answer is lost.
      await this.#write(asking);
      return false;
    }
    if (!before.isShortPause || !this.#hasRequested) {
      await this.#write(asking);
      // A request that the disk does not know of would be sent again at once after a crash. Nor would the machine know
      // how often that has happened: where each request brings the object down, this is what ends the watch.
      await this.#host.storage.sync();
      return true;
    }
    // Should this object die now, the alarm comes again, to one that was just made. If it is replaced by one already,
    // the host stops it where it looks at the storage.
    await this.#host.storage.get([WATCH]);
    this.#watch = asking.watch;
    return true;
  }

  /** The step for which the alarm came. */
  async #woken({ id, snapshot }: Watch, poll: MachineOptions): Promise<Step> {
    const nowMs = Date.now();
    return snapshot ? stepped(id, decoded(snapshot), { type: "wake" }, nowMs, poll) : start(id, nowMs, poll);
  }

  /** What a step comes to in writing. */
  async #entry(before: Watch, { snapshot, command }: Step, settings: Settings, event?: PollEvent): Promise<Entry> {
    const nowMs = Date.now();
    const { heldUp: _, ...known } = before;
    let watch: Watch = { ...known, snapshot: encoded(snapshot), isShortPause: false };
    const told = command.type === "failed" ? undefined : command.update;
    if (told) watch = { ...watch, heard: true, retrying: told.retrying !== undefined };
    const change = changeOf(command);
    if (change) watch = { ...watch, seq: watch.seq + 1 };
    let alarmMs = nowMs;
    switch (command.type) {
      case "fetch":
        alarmMs += settings.minIntervalMs + LEASE_SLACK_MS;
        break;
      case "sleep":
        alarmMs = Math.min(command.untilMs, nowMs + LONGEST_ALARM_MS);
        watch = { ...watch, isShortPause: alarmMs - nowMs < AWAKE_MS };
        break;
      default: {
        // Nothing follows, so the machine's memory makes room for the end.
        const { snapshot: _done, ...ended } = watch;
        watch = { ...ended, end: endOf(command), delivery: { attempts: 0, untilMs: nowMs + DELIVERY_MS } };
      }
    }

    const text = change && JSON.stringify({ id: eventId(watch, watch.seq), ...change });
    let dropped: readonly string[] = [];
    const isStatus = command.type === "failed" ? command.error.code === "video_failed" : watch.heard && !watch.retrying;
    const values: Record<string, Uint8Array> = {};
    if (event?.type === "response") watch = { ...watch, isAccepted: event.httpStatus === 202 };
    if (event?.type === "response" && isStatus && saysStatus(command, told) && event.body !== (await this.#stored(BODY))) values[BODY] = encoded(event.body);
    if (text !== undefined) {
      const bytes = encoded(text);
      values[eventKey(watch.seq)] = bytes;
      const room = await this.#room(watch, bytes.length);
      ({ dropped } = room);
      watch = { ...watch, kept: room.kept };
    }
    return { watch, values, change: text, dropped, alarmMs };
  }

  /** What is kept with one more change of so many bytes, the latest of the watch, and which of the oldest make room for it. */
  async #room({ seq, kept }: Watch, bytes: number): Promise<{ kept: NonNullable<Watch["kept"]>; dropped: readonly string[] }> {
    // An earlier version kept a thousand of any length, and did not count.
    let { from, bytes: sum } = kept ?? { from: Math.max(seq - KEPT_CHANGES, 1), bytes: 0 };
    sum += bytes;
    const dropped: string[] = [];
    while (from < seq && (sum > KEPT_BYTES || seq - from >= KEPT_CHANGES)) {
      const key = eventKey(from);
      sum -= ((await this.#host.storage.get([key])).get(key) as Uint8Array | undefined)?.length ?? 0;
      dropped.push(key);
      from += 1;
    }
    return { kept: { from, bytes: Math.max(sum, bytes) }, dropped };
  }

  /** A text that is stored, if it is. */
  async #stored(key: string): Promise<string | undefined> {
    const bytes = (await this.#host.storage.get([key])).get(key) as Uint8Array | undefined;
    return bytes && decoded(bytes);
  }

  /** Writes down where the watch stands and when the alarm comes, in one breath: the host makes one transaction of it. */
  async #keep(watch: Watch, alarmMs: number, values: Entry["values"] = {}): Promise<void> {
    const { storage } = this.#host;
    this.#watch = watch;
    await Promise.all([storage.put({ ...values, [WATCH]: watch }), storage.setAlarm(alarmMs)]);
  }

  #delete(keys: readonly string[]): Promise<unknown>[] {
    const deletions = [];
    for (let at = 0; at < keys.length; at += DELETED_AT_ONCE) deletions.push(this.#host.storage.delete(keys.slice(at, at + DELETED_AT_ONCE)));
    return deletions;
  }

  /** Writes a step down and tells of it, in this order: the host holds back what is sent until the rest is safe. */
  async #write({ watch, values, change, dropped, alarmMs }: Entry): Promise<void> {
    const writes: Promise<unknown>[] = [this.#keep(watch, alarmMs, values), ...this.#delete(dropped)];
    this.#viewers.expire();
    if (change !== undefined) {
      const bytes = values[eventKey(watch.seq)]?.length ?? 0;
      this.#viewers.publish({ seq: watch.seq, text: change, bytes, isLast: watch.end !== undefined });
    }
    if (hasAnswer(watch)) for (const go of this.#waiting) go();
    await Promise.all(writes);
  }

  /** One try to tell of the end. */
  async #deliver(): Promise<void> {
    const settings = await this.#settings();
    const watch = this.#watch;
    if (!watch?.end || !watch.delivery) return;
    const { delivery, end, ...rest } = watch;
    const { attempts, untilMs } = delivery;
    const retire = () => {
      this.#hook = undefined;
      return this.#watch?.again ? this.#anew(watch, settings) : this.#keep({ ...rest, end }, Date.now() + settings.retentionMs);
    };
    if (Date.now() >= untilMs) {
      log(`the end of ${watch.kind}/${watch.id} could not be delivered`, `after ${attempts} attempts`);
      await retire();
      return;
    }
    const backoffMs = Math.min(1_000 * 2 ** attempts, LONGEST_BACKOFF_MS);
    await this.#keep({ ...watch, delivery: { ...delivery, attempts: attempts + 1 } }, Date.now() + backoffMs);
    try {
      this.#hook ??= this.#call(watch, end).catch((error: unknown) => {
        this.#hook = undefined;
        throw error;
      });
      await withinMs(HOOK_MS, this.#hook, "the hook");
    } catch (error) {
      log(`the end of ${watch.kind}/${watch.id} is not delivered yet`, error);
      // With it, who took it meanwhile.
      await this.#keep(this.#watch ?? watch, Date.now() + backoffMs);
      return;
    }
    await retire();
  }

  /** Calls the hook of the user's that this end is for. */
  async #call(watch: Watch, end: NonNullable<Watch["end"]>): Promise<void> {
    const change = JSON.parse((await this.#stored(eventKey(watch.seq))) ?? "null") as Change | null;
    if (!change || change.type === "update" || change.type !== end.type) throw new Error("the last change that is stored is not the end of the watch");
    const delivery: WatchDelivery = { deliveryId: await deliveryIdOf(watch, change), id: watch.id, kind: watch.kind };
    if (change.type === "done") {
      await this.onDone(change.update, delivery);
    } else if (end.type === "failed") {
      const last = change.update ? ({ ...change.update, raw: undefined } as VideoUpdate) : undefined;
      await this.onFailed(new VideoError(end.error, { last, resumeToken: end.resumeToken }), delivery);
    }
  }

  /** As if it had never been. */
  async #forget(): Promise<void> {
    const { storage } = this.#host;
    this.#watch = undefined;
    this.#viewers.dismiss();
    await Promise.all([storage.deleteAlarm(), storage.deleteAll()]);
  }

  /**
   * Somebody says that there is news. Anybody may say so, so it hastens one request in a minute; but one of those who
   * say so may be right, so that what comes too soon, or while the answer to an earlier request is awaited, is put off.
   */
  async #hint(): Promise<void> {
    const alarmMs = this.#watch && (await this.#host.storage.getAlarm());
    const watch = this.#watch;
    // Before the first request there is nothing to hasten.
    if (!watch?.snapshot || watch.end) return;
    if (this.#polling) {
      this.#isHinted = true;
      return;
    }
    const dueMs = Math.max(Date.now(), (watch.hintedAtMs ?? 0) + HINT_EVERY_MS);
    // The request that comes anyway will do, or that of an earlier hint.
    if ((alarmMs ?? Infinity) > dueMs) await this.#keep({ ...watch, hintedAtMs: dueMs }, dueMs);
  }

  /** The last body, as the API would say it. */
  async #status(video: Video, mayBegin: boolean): Promise<Response> {
    if (mayBegin) await this.#begin(video);
    else if (!this.#watch) return json(404, { error: UNWATCHED });
    await this.#firstAnswer();
    const watch = this.#watch;
    if (!watch || !hasAnswer(watch)) return json(503, { error: "the video API has not answered yet" }, { "retry-after": "1" });
    // By a 202 without a status: the job goes on, and no more is known.
    if (!watch.heard && !watch.end) return json(202, {});
    if (watch.end?.type === "failed" && watch.end.error.code !== "video_failed") {
      const { code, message } = watch.end.error;
      return json(code === "not_found" ? 404 : 502, { error: message, code });
    }
    return new Response(await this.#stored(BODY), { headers: { "content-type": "application/json" } });
  }

  async #firstAnswer(): Promise<void> {
    if (!this.#watch || hasAnswer(this.#watch)) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, FIRST_ANSWER_MS);
      this.#waiting.add(go);
    });
  }

  /** The latest change. */
  async #update(): Promise<Response> {
    const watch = this.#watch;
    if (!watch) return json(404, { error: UNWATCHED });
    const id = eventId(watch, watch.seq);
    if (watch.seq === 0) return json(200, { id });
    const { type, ...rest } = JSON.parse((await this.#stored(eventKey(watch.seq))) ?? "{}") as Change;
    if (type === "failed") {
      const { error, update } = rest as Extract<Change, { type: "failed" }>;
      return json(200, { id, update, ended: { type, error } });
    }
    return json(200, { ...rest, ...(type === "done" ? { ended: { type } } : {}) });
  }

  /** A WebSocket with the latest change, or with all that came after one and are kept, and with those that follow. */
  async #events(after: string | null, isStream: boolean): Promise<Response> {
    const named = after === null ? undefined : EVENT_ID.exec(after);
    if (named === null) return json(400, { error: "the last event id is none" });
    // A client asks for the status and for its events at once.
    if (!this.#watch) await this.#beginning;
    const watch = this.#watch;
    // Not 404, by which a client knows a server without streams: somebody may begin to watch in a moment.
    if (!watch) return json(503, { error: UNWATCHED }, { "retry-after": "1" });
    let sent = Math.max(watch.seq - 1, 0);
    if (named) {
      sent = Number(named[2]);
      if (named[1] !== watch.startedMs.toString(36) || sent > watch.seq) {
        return json(400, { error: "the last event id is of another watch" });
      }
    }
    const isOver = watch.end !== undefined && sent === watch.seq;
    // What a stream understands as: do not come again.
    if (isOver && isStream) return new Response(null, { status: 204 });
    const { 0: far, 1: near } = new WebSocketPair();
    if (!this.#viewers.accept(near, sent)) {
      return json(503, { error: "too many look on at this video; request its status, and come again" }, { "retry-after": "10" });
    }
    if (isOver) this.#viewers.dismiss([near]);
    else await this.#catchUp(near, sent);
    return new Response(null, { status: 101, webSocket: far } as ResponseInit);
  }

  /** Tells a viewer of all that is kept after `sent`, as far as one connection may carry it; then it is told of the rest as it happens. */
  async #catchUp(socket: WorkerSocket, sent: number): Promise<void> {
    let at = sent;
    for (;;) {
      const { seq = 0, kept = { from: 1, bytes: 0 } } = this.#watch ?? {};
      if (at >= seq) return;
      // About as many as the connection may carry, or a hundred viewers would hold all that is kept a hundred times.
      const mean = kept.bytes / (seq - kept.from + 1);
      const limit = Math.min(Math.ceil(MOST_BYTES / Math.max(mean, 1)), 50);
      const changes = await this.#host.storage.list({ start: eventKey(at + 1), end: eventKey(seq + 1), limit });
      if (changes.size === 0) return;
      for (const [key, change] of changes) {
        at = Number(key.slice(EVENT.length));
        const isLast = this.#watch?.end !== undefined && this.#watch.seq === at;
        if (!this.#viewers.send(socket, { seq: at, text: decoded(change), bytes: change.length, isLast })) return;
      }
    }
  }

  /** Sends what happened to those that the settings name, whether or not another takes it, and to each until it did. */
  async #tell(message: WatchMessage): Promise<void> {
    const { queue, callbackUrl, callbackKey } = await this.#settings();
    const once = async (name: "queue" | "callback", send: (() => Promise<unknown>) | undefined) => {
      if (!send || this.#watch?.delivery?.took?.includes(name)) return;
      await send();
      const watch = this.#watch;
      if (watch?.delivery) this.#watch = { ...watch, delivery: { ...watch.delivery, took: [...(watch.delivery.took ?? []), name] } };
    };
    const ends = await Promise.allSettled([
      once("queue", queue && (() => queue.send(message))),
      once("callback", callbackUrl === undefined ? undefined : () => post(callbackUrl, message, callbackKey)),
    ]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /** The settings of now, if they can work. Nothing that a hook throws or gives is passed on with the key in it. */
  #settings(): Promise<Settings> {
    return settingsOf(() => this.settings());
  }
}

/** @internal */
export type Settings = ReturnType<typeof checkedSettings>;

/** What a hook of the user's gives for settings, if it comes in time and can work. @internal */
export async function settingsOf(hook: () => WatcherSettings | Promise<WatcherSettings>): Promise<Settings> {
  const given = await withinMs(SETTINGS_MS, (async () => hook())(), "settings() of the watcher");
  return readable(() => checkedSettings(given));
}

function checkedSettings(given: WatcherSettings) {
  if (typeof given !== "object" || given === null) throw invalidArgument("settings must be an object");
  warnOfUnknown("settings() of a watcher", given, SETTINGS);
  const { baseUrl, poll, requestTimeoutMs = TIME_LIMIT_MS, maxResponseBytes = SIZE_LIMIT, retentionMs = DAY_MS, queue, callbackUrl, callbackSecret, fetch } = given;
  const apiKey = keyFrom(given.apiKey);
  if (apiKey === undefined || apiKey.length < SHORTEST) {
    throw invalidArgument(`apiKey must be a text that a header can hold, of at least ${SHORTEST} characters`);
  }
  // A timer of more would come at once.
  if (!(requestTimeoutMs > 0 && requestTimeoutMs <= 2 ** 31 - 1)) throw invalidArgument("requestTimeoutMs must be a number above 0");
  if (!(maxResponseBytes > 0 && maxResponseBytes <= SIZE_LIMIT)) {
    throw invalidArgument(`maxResponseBytes must be a number above 0, and at most ${SIZE_LIMIT}`);
  }
  if (!(retentionMs >= 0 && retentionMs < Infinity)) throw invalidArgument("retentionMs must be a number, 0 or more");
  if (fetch !== undefined && typeof fetch !== "function") throw invalidArgument("fetch must be a function");
  if (queue !== undefined && typeof queue?.send !== "function") throw invalidArgument("queue must have a function send");
  const callback = callbackUrl === undefined ? undefined : addressOf(callbackUrl);
  const callbackKey = callbackSecret === undefined ? undefined : signingKeyFrom(callbackSecret);
  const base = checkedBase(baseUrl, { withKey: true });
  // A paid job is not given up because the API is down for some minutes.
  const { timeoutMs = 6 * HOUR_MS, maxConsecutiveFailures = Infinity, minIntervalMs = MIN_INTERVAL_MS } = poll ?? {};
  return {
    apiKey,
    endpoints: { video: endpointOf(base, "video"), auto: endpointOf(base, "auto") },
    poll: { ...poll, timeoutMs, maxConsecutiveFailures },
    minIntervalMs,
    limits: { timeMs: requestTimeoutMs, bytes: maxResponseBytes },
    retentionMs,
    queue,
    callbackUrl: callback,
    callbackKey,
    fetch,
  };
}

/** Takes steps, of whose requests the bodies count together until it is over. @internal */
export async function withPlace<T>(act: (place: object) => Promise<T>): Promise<T> {
  const place = {};
  try {
    return await act(place);
  } finally {
    steps.delete(place);
  }
}

/** One request, and what came of it; where too much is under way in this isolate, it is one that was lost. @internal */
export async function asked({ id, kind }: Video, settings: Settings, giveUpAtMs: number | undefined, place: object): Promise<PollEvent> {
  const { apiKey, endpoints, fetch, limits } = settings;
  const leftMs = giveUpAtMs === undefined ? Infinity : Math.max(giveUpAtMs - Date.now(), 0);
  const url = endpoints[kind] + encodeURIComponent(id);
  const timeMs = Math.min(limits.timeMs, leftMs);
  const reserve = (bytes: number) => hasRoomFor(steps, place, bytes, STEPS_BYTES, timeMs + STEP_MS);
  const said = await exchange(url, apiKey, fetch, { ...limits, timeMs, reserve });
  if (said === "late" || said === "lost") return { type: "network_error" };
  const { status, redirects, headers, bytes } = said;
  // What is no HTTP at all is no answer.
  if (!redirects && !(Number.isInteger(status) && status >= 200 && status <= 599)) return { type: "network_error" };
  const header = (name: string) => {
    const value = headers.get(name);
    return value === null || containsKey(value, apiKey) ? null : value;
  };
  return {
    type: "response",
    httpStatus: redirects && !(status >= 300 && status < 400) ? 0 : status,
    retryAfter: header("retry-after"),
    date: header("date"),
    body: redact(textOf(bytes ?? new Uint8Array(), headers.get("content-type"), apiKey), apiKey),
  };
}

/** The next step from a snapshot that may be of another version of the machine, before a deployment. @internal */
export async function stepped(id: string, snapshot: string, event: PollEvent, nowMs: number, poll: MachineOptions): Promise<Step> {
  try {
    return await step(snapshot, event, nowMs);
  } catch (error) {
    if (!(error instanceof VideoError) || error.code !== "invalid_argument") throw error;
    // The job is paid for, so it is watched anew.
    const anew = await start(id, nowMs, poll);
    return event.type === "wake" ? anew : step(anew.snapshot, event, nowMs);
  }
}

function addressOf(url: string | URL): string {
  let address: URL | undefined;
  try {
    address = new URL(url);
  } catch {
    // As one of another scheme.
  }
  if (address?.protocol !== "https:" && address?.protocol !== "http:") throw invalidArgument("callbackUrl must be http or https");
  if (address.username || address.password) throw invalidArgument("callbackUrl must not hold a user name or password");
  return address.href;
}

/** Nothing is known yet. */
function newWatch({ id, kind }: Video): Watch {
  return { id, kind, startedMs: Date.now(), isShortPause: false, seq: 0, heard: false, retrying: false };
}

function isVideo(video: Partial<Video> | null): video is Video {
  return typeof video?.id === "string" && isVideoId(video.id) && (video.kind === "video" || video.kind === "auto");
}

/** Whether this was kept by this version, or one like it, with all that the steps rely on. */
function isWatch(kept: unknown): kept is Watch {
  const watch = kept as Watch | null;
  if (!isVideo(watch)) return false;
  const { startedMs, snapshot, seq, kept: changes = { from: 1, bytes: 0 }, hintedAtMs = 0, heldUp = 0, end, delivery } = watch;
  const { attempts = 0, untilMs = 0, took = [] } = delivery ?? {};
  return (
    [startedMs, seq, changes.from, changes.bytes, hintedAtMs, heldUp, attempts, untilMs].every((number) => Number.isSafeInteger(number) && number >= 0) &&
    // Or it would take for ever to drop the oldest.
    (!watch.kept || (changes.from > 0 && seq - changes.from <= KEPT_CHANGES)) &&
    (!snapshot || snapshot instanceof Uint8Array) &&
    (!end || end.type === "done" || typeof end.error?.code === "string") &&
    Array.isArray(took)
  );
}

/** Whether the body that led to this has a status: a 202 may have none, and the last that had one is what is kept. */
function saysStatus(command: PollCommand, told: VideoUpdate | undefined): boolean {
  return command.type === "failed" || typeof (told?.raw as { status?: unknown } | null | undefined)?.status === "string";
}

/** There is something to say about the video. */
function hasAnswer({ heard, isAccepted = false, end }: Watch): boolean {
  return heard || isAccepted || end !== undefined;
}

/** What viewers are told of a command, if anything. */
function changeOf(command: PollCommand): Change | undefined {
  if (command.type === "done") return { type: "done", update: withoutRaw(command.update) };
  if (command.type === "failed") {
    const { last } = command.error;
    return { type: "failed", error: failureOf(command.error), ...(last ? { update: withoutRaw(last) } : {}) };
  }
  return command.update && { type: "update", update: withoutRaw(command.update) };
}

function endOf(command: Extract<PollCommand, { type: "done" | "failed" }>): NonNullable<Watch["end"]> {
  if (command.type === "done") return { type: "done" };
  const { resumeToken } = command.error;
  return { type: "failed", error: failureOf(command.error), ...(resumeToken === undefined ? {} : { resumeToken }) };
}

/** @internal */
export function failureOf({ code, reason, message, retryable, httpStatus, detail }: VideoError): WatchFailure {
  return { code, reason, message, retryable, ...(httpStatus === undefined ? {} : { httpStatus }), ...(detail === undefined ? {} : { detail }) };
}

/** @internal */
export function withoutRaw<T extends VideoUpdate>({ raw: _, ...rest }: T): WithoutRaw<T> {
  return rest as unknown as WithoutRaw<T>;
}

const WATCH = "watch";
const BODY = "body";
const EVENT = "event:";

/** In the order of the changes. */
function eventKey(seq: number): string {
  return EVENT + String(seq).padStart(12, "0");
}

/** As viewers name a change: a watch that begins anew has other names. */
function eventId({ startedMs }: Watch, seq: number): string {
  return `${startedMs.toString(36)}-${seq}`;
}

function isTooLong({ watch, values }: Entry): boolean {
  return [watch.snapshot, ...Object.values(values)].some((value) => value !== undefined && value.length > LONGEST_VALUE);
}

/** Bytes are stored as they are; a text with one letter from abroad would take twice the room. */
function encoded(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json", ...headers } });
}

class TookTooLong extends Error {}

/** What `work` comes to, unless it takes too long. */
async function withinMs<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TookTooLong(`${what} took more than ${ms / 1_000} s; it is tried again`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
