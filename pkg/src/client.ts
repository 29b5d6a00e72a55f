/**
 * The client: checks its options, then hands calls to the module. The entries differ only in where
 * the module comes from.
 */

import { checkedBase, endpointOf, isLoopback } from "./address.js";
import { bind } from "./bind.js";
import { LOADING_MS, within } from "./deadline.js";
import { leadsTo, reasonFor, withoutKey } from "./cause.js";
import { dispose } from "./dispose.js";
import { Streams, type Follower } from "./follow.js";
import { asVideoError, invalidArgument, readable, type VideoError } from "./error.js";
import type { Instance, Loader } from "./instantiate.js";
import { Poller, type PollHandle, type PollListener } from "./poller.js";
import { isOfAnotherVersion } from "./resume-token.js";
import { abortionOf, Signals } from "./signals.js";
import { Tabs } from "./tabs.js";
import { traced } from "./trace.js";
import type { ClientOptions, DoneUpdate, PollManyOptions, PollOptions, SettledVideo, VideoPoller, VideoStatus, VideoToResume } from "./types.js";
import { warn, warnOfUnknown } from "./warn.js";

/** What the module exports. @internal */
export interface Module {
  readonly Client: new (config: Config) => ClientHandle;
}

/** The module's side of one client. @internal */
interface ClientHandle {
  getStatus(id: string, controller: AbortController, resolve: (status: VideoStatus) => void, reject: (failure: unknown) => void): void;
  poll(id: string, options: PollOptions, listener: PollListener): PollHandle;
  limit(concurrency: number): { free(): void };
  redact(text: string): string | undefined;
  told(id: string, httpStatus: number, retryAfter: string | undefined, body: string): boolean;
  free(): void;
}

/** A client of the module that the loader brings. */
export class ModuleClient {
  readonly #loader: Loader<Module>;
  readonly #config: Config;
  #connected: { readonly instance: Instance<Module>; readonly client: ClientHandle } | undefined;
  /** Polls and single questions that are under way. */
  readonly #calls = new Set<Poller | AbortController>();
  /** Whether the module's side goes whenever nothing is under way: where the host tells nobody that a client is gone, and once it is disposed of. */
  #isBrief = typeof FinalizationRegistry === "undefined";
  readonly #signals = new Signals();
  readonly #onRetry: ClientOptions["onRetry"];
  /** Until it has warned. */
  #warn: typeof warn | undefined = warn;
  readonly #streams: Streams | undefined;
  readonly #tabs: Tabs | undefined;

  /** @internal */
  constructor(loader: Loader<Module>, options: ClientOptions) {
    this.#loader = loader;
    const { config, follow, acrossTabs, onRetry } = readable(() => checked(options));
    this.#onRetry = onRetry;
    if (acrossTabs) {
      const { endpoint, headers, credentials, maxResponseBytes } = config;
      // All that tells one user's requests from another's.
      const identity = [endpoint, [...headers], credentials ?? null, acrossTabs];
      const handle = ModuleClient.#handleOf(this);
      this.#tabs = new Tabs(identity, maxResponseBytes, (...told) => handle()?.told(...told));
    }
    this.#config = { ...config, tabs: this.#tabs, why: explainer(config, ModuleClient.#handleOf(this)), leads: leadsTo };
    if (follow) this.#streams = new Streams((id, signal) => openStream(config, id, signal));
    bind(this, ModuleClient.prototype);
  }

  /**
   * Resolves once the WebAssembly module is there, which the first call brings by itself otherwise: for tests with fake
   * timers, since no fake clock brings a module, and to warm up. Rejects with a `VideoError` if it cannot be loaded.
   */
  async ready(): Promise<void> {
    try {
      await this.#loader.load();
    } catch (thrown) {
      throw asVideoError(thrown);
    }
  }

  /**
   * Asks once, and does not try again. `id` is any text of at most 4,096 bytes of UTF-8 but `""`, `"."` and `".."`; it
   * becomes one encoded segment of the path. Rejects with a `VideoError`, or with the signal's reason.
   */
  getStatus(id: string, options: { signal?: AbortSignal | undefined } = {}): Promise<VideoStatus> {
    return traced(new Promise((resolve, reject) => {
      const { signal } = readable(() => checkedPoll(options, "getStatus()", { signal: 1 })); // what is thrown in here rejects
      const abortion = signal && abortionOf(signal);
      if (abortion) return reject(abortion.reason);
      const controller = new AbortController();
      const unhooks: (() => void)[] = [];
      const settle = (act: () => void) => {
        for (const unhook of unhooks.splice(0)) unhook();
        this.#ended(controller);
        act();
      };
      const fail = (thrown: unknown) => settle(() => reject(asVideoError(thrown, { videoId: id })));
      if (signal) {
        unhooks.push(this.#signals.onAbort(signal, (reason) => settle(() => {
          reject(reason);
          controller.abort();
        })));
      }
      this.#calls.add(controller);
      this.#connect().then(({ instance: { crash }, client }) => {
        if (controller.signal.aborted) return;
        crash.check();
        unhooks.push(crash.listen(fail));
        client.getStatus(id, controller, (status) => settle(() => resolve(status)), fail);
      }).catch(fail);
    }));
  }

  /** Waits until the video is done. Resolves with it; rejects with a `VideoError`, or with the signal's reason. */
  waitForVideo(id: string, options: PollOptions = {}): Promise<DoneUpdate> {
    return traced(Poller.outcomeOf(this.#poll(id, options, "waitForVideo()")));
  }

  /**
   * Starts at once, and gives the poll to watch, hasten and cancel. Polls of one id share their requests, at
   * the tightest pace among them; the last to leave ends the asking. An argument that cannot work rejects `done`.
   */
  poll(id: string, options: PollOptions = {}): VideoPoller {
    return this.#poll(id, options, "poll()");
  }

  /**
   * Waits for many videos, each with the token of an earlier poll where it has one, with few requests in flight. Settles
   * like `Promise.allSettled`, in the order of `videos`; what is rejected has a `resumeToken` too, whatever the reason.
   */
  async waitForVideos(videos: Iterable<string | VideoToResume>, options: PollManyOptions = {}): Promise<SettledVideo[]> {
    // A text is iterable too, letter by letter.
    const isList = readable(() => typeof videos?.[Symbol.iterator] === "function" && Object.prototype.toString.call(videos) !== "[object String]");
    if (!isList) throw invalidArgument("waitForVideos takes a list of ids, or any other iterable but a string");
    const shared = readable(() => checkedPoll(options, "waitForVideos()", { ...POLL, concurrency: 1 }));
    const concurrency = readable(() => {
      const { concurrency = 6 } = options;
      return concurrency;
    });
    let limit: { free(): void } | undefined;
    // All of them before the first poll begins: the iterable is somebody's code, and may throw.
    const polls = [...videos].map((video) =>
      this.#poll(video, shared, "", (client) => {
        limit ??= client.limit(concurrency);
      }),
    );
    const settled = await Promise.allSettled(polls.map(({ done }) => done));
    limit?.free();
    return settled.map((one, at) => (one.status === "fulfilled" ? one : { ...one, resumeToken: polls[at]!.resumeToken() }));
  }

  /** Ends all polls of this client, as their `cancel()` does, and frees what the module keeps for it. */
  [dispose](): void {
    this.#isBrief = true;
    for (const call of [...this.#calls]) (call as Partial<Poller>).cancel?.();
    this.#ended();
  }

  /**
   * The module's side of a client, for functions that the module keeps as long as that side: they must not hold the
   * client, or it would never be collected. So they are made where nothing else of it is in reach.
   */
  static #handleOf(client: ModuleClient): () => ClientHandle | undefined {
    const reference = typeof WeakRef === "function" ? new WeakRef(client) : strong(client);
    return () => {
      const alive = reference.deref();
      return alive && alive.#connected?.client;
    };
  }

  #ended(call?: Poller | AbortController): void {
    this.#calls.delete(call as Poller);
    if (this.#calls.size || !this.#isBrief || !this.#connected) return;
    // What comes later starts anew.
    this.#connected.client.free();
    this.#connected = undefined;
  }

  #poll(video: string | VideoToResume, given: PollOptions, of: string, prepare?: (client: ClientHandle) => void): Poller {
    let id = video as string;
    let options: PollOptions = {};
    let refused: VideoError | undefined;
    try {
      options = readable(() => checkedPoll(given, of));
      // Of the list of waitForVideos. What is neither is refused as an id.
      if (prepare && typeof video === "object" && video !== null) {
        warnOfUnknown("an entry of waitForVideos()", video, VIDEO, ["waitForVideos()", POLL]);
        const { id: own, resumeToken } = readable(() => ({ id: video.id, resumeToken: video.resumeToken }));
        id = own;
        options = { ...options, resumeToken } as PollOptions;
      }
    } catch (error) {
      refused = asVideoError(error);
    }
    this.#tabs?.enter(id);
    const connect = async () => {
      if (refused) throw refused;
      const { timeoutMs } = options;
      // Its time runs while the module is on its way. Anything else the core refuses.
      const limited = typeof timeoutMs === "number" && timeoutMs > 0;
      const began = performance.now();
      const { instance, client } = await this.#connect(limited ? timeoutMs : Infinity);
      const spent = Math.max(Math.round(performance.now() - began), 0);
      return {
        crash: instance.crash,
        start: (listener: PollListener) => {
          prepare?.(client);
          const rest = limited ? { ...options, timeoutMs: Math.max(timeoutMs - spent, 1) } : options;
          return client.poll(id, rest, listener);
        },
      };
    };
    const streams = this.#streams;
    const follow = streams && { follow: (follower: Follower) => streams.follow(id, follower) };
    const poller: Poller = new Poller(id, options, {
      signals: this.#signals,
      onRetry: this.#onRetry,
      connect,
      ...follow,
      warn: (message) => {
        this.#warn?.(`still no status, and requests fail: ${message} They are repeated; set onRetry to hear of each failure.`);
        this.#warn = undefined;
      },
      ended: () => {
        this.#tabs?.leave(id);
        this.#ended(poller);
      },
    });
    this.#calls.add(poller);
    return poller;
  }

  /** The module's side of this client, in the instance that is alive; a "timeout" if it is not there after `ms`. */
  async #connect(ms = Infinity) {
    const loading = this.#loader.load();
    let instance: Instance<Module>;
    if ("exports" in loading) instance = loading;
    else {
      instance = await (ms >= LOADING_MS ? loading : within(ms, loading, "timeout", () => this.#loader.forget(loading)));
      // A client that is made for nobody would be freed by nobody. This reaches nobody either.
      if (this.#calls.size === 0) throw new Error("all calls have ended");
    }
    if (this.#connected?.instance !== instance) {
      this.#connected = { instance, client: new instance.exports.Client(this.#config) };
    }
    return this.#connected;
  }
}

/** For hosts without WeakRef, where the module's side of a client goes with its last call. */
function strong<T>(value: T): { deref(): T | undefined } {
  return { deref: () => value };
}

/** What the module is told of an error that the host threw. */
function explainer(config: Config, handle: () => ClientHandle | undefined) {
  const redact = (text: string) => handle()?.redact(text) ?? "***";
  return (thrown: unknown, hasStatus: boolean) => ({
    reason: reasonFor(thrown, hasStatus, config.fetch !== undefined, config.endpoint),
    cause: config.apiKey === undefined ? thrown : withoutKey(thrown, redact),
  });
}

/** The options of a poll, of one of many, and of a client: of these types, so that the compiler misses none that is added. */
const POLL: Readonly<Record<keyof PollOptions, 1>> = {
  signal: 1, onUpdate: 1, onRetry: 1, timeoutMs: 1, minIntervalMs: 1, maxIntervalMs: 1, maxConsecutiveFailures: 1, resumeToken: 1,
};
const VIDEO: Readonly<Record<keyof VideoToResume, 1>> = { id: 1, resumeToken: 1 };
const CLIENT: Readonly<Record<keyof ClientOptions | "wasm", 1>> = {
  apiKey: 1, baseUrl: 1, kind: 1, headers: 1, credentials: 1, fetch: 1, follow: 1, acrossTabs: 1, requestTimeoutMs: 1,
  maxResponseBytes: 1, concurrency: 1, requestsPerSecond: 1, onRetry: 1, allowBrowserKey: 1, wasm: 1,
};

/** A copy, so that what the caller does to the object later changes nothing. The core checks the numbers and the token. */
function checkedPoll(options: PollOptions, of: string, known: object = POLL): PollOptions {
  if (typeof options !== "object" || options === null) throw invalidArgument("options must be an object");
  if (isAbortSignal(options)) throw invalidArgument("options must not be an AbortSignal: pass it as { signal }");
  warnOfUnknown(of, options, known, ["VideoClient", CLIENT]);
  const { signal, onUpdate, onRetry, timeoutMs, minIntervalMs, maxIntervalMs, maxConsecutiveFailures, resumeToken: token } = options;
  if (onUpdate !== undefined && typeof onUpdate !== "function") throw invalidArgument("onUpdate must be a function");
  if (onRetry !== undefined && typeof onRetry !== "function") throw invalidArgument("onRetry must be a function");
  if (signal !== undefined && !isAbortSignal(signal)) throw invalidArgument("signal must be an AbortSignal");
  const resumeToken = ofThisVersion(token);
  // A key that is not given is there as undefined, which everyone reads the same way.
  return { signal, onUpdate, onRetry, timeoutMs, minIntervalMs, maxIntervalMs, maxConsecutiveFailures, resumeToken } as PollOptions;
}

/** The token, unless another version has written it: its page would else be refused at every load, for as long as it keeps it. */
function ofThisVersion(token: string | undefined): string | undefined {
  if (typeof token !== "string" || !isOfAnotherVersion(token)) return token;
  try {
    console.warn(
      "iacrea-video: the resumeToken was written by another version of this package, so it was dropped and the video is polled from the start; keep the new poll's token in its place",
    );
  } catch {
    // A console of somebody's own.
  }
  return undefined;
}

/** By its shape: a signal may come from another realm. */
function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== "object" || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === "boolean" && typeof addEventListener === "function" && typeof removeEventListener === "function";
}

/** What the module is told of a client. @internal */
interface Config {
  readonly endpoint: string;
  readonly headers: Headers;
  readonly apiKey: string | undefined;
  readonly credentials: ClientOptions["credentials"];
  readonly fetch: typeof globalThis.fetch | undefined;
  readonly requestTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly concurrency: number;
  readonly requestsPerSecond: number;
  readonly tabs?: Tabs | undefined;
  /** Of what the host threw the reason, and what may be shown. */
  readonly why?: (thrown: unknown, hasStatus: boolean) => { readonly reason: string; readonly cause: unknown };
  readonly leads?: (location: unknown, url: string) => string | undefined;
}

function checked(options: ClientOptions): {
  readonly config: Config;
  readonly follow: ClientOptions["follow"];
  readonly acrossTabs: boolean | string;
  readonly onRetry: ClientOptions["onRetry"];
} {
  if (typeof options !== "object" || options === null) throw invalidArgument("options must be an object");
  warnOfUnknown("VideoClient", options, CLIENT, ["poll() and waitForVideo()", POLL]);
  const { apiKey, baseUrl, kind = "video", credentials, fetch, follow, requestTimeoutMs = 30_000, maxResponseBytes = 1_048_576 } = options;
  const { concurrency = Infinity, requestsPerSecond = Infinity, acrossTabs = false, onRetry, allowBrowserKey = false } = options;
  if (kind !== "video" && kind !== "auto") throw invalidArgument('kind must be "video" or "auto"');
  if (credentials !== undefined && !["omit", "same-origin", "include"].includes(credentials)) {
    throw invalidArgument('credentials must be "omit", "same-origin" or "include"');
  }
  if (fetch !== undefined && typeof fetch !== "function") throw invalidArgument("fetch must be a function");
  if (onRetry !== undefined && typeof onRetry !== "function") throw invalidArgument("onRetry must be a function");
  if (typeof allowBrowserKey !== "boolean") throw invalidArgument("allowBrowserKey must be true or false");
  if (typeof acrossTabs !== "boolean" && (typeof acrossTabs !== "string" || acrossTabs === "")) {
    throw invalidArgument("acrossTabs must be true, false or a text that is not empty");
  }
  if (follow !== undefined && follow !== "events") throw invalidArgument('follow must be "events"');
  for (const [name, value] of Object.entries({ requestTimeoutMs, maxResponseBytes, requestsPerSecond })) {
    if (typeof value !== "number" || !(value > 0)) throw invalidArgument(`${name} must be a number above 0`);
  }
  if (!(concurrency >= 1 && (Number.isInteger(concurrency) || concurrency === Infinity))) {
    throw invalidArgument("concurrency must be a whole number of at least 1");
  }
  if (apiKey !== undefined && (typeof apiKey !== "string" || apiKey.trim() === "")) {
    throw invalidArgument("apiKey must be a text that is not empty");
  }
  const headers = checkedHeaders(options.headers, apiKey);
  // Wherever the key came from, it is as secret.
  const key = headers.get("x-api-key") ?? undefined;
  const page = (globalThis as { location?: { href: string } }).location?.href;
  if (key !== undefined && !allowBrowserKey) warnOfKey();
  const endpoint = endpointOf(checkedBase(baseUrl, { page, withKey: key !== undefined }), kind);
  const config = { endpoint, headers, apiKey: key, credentials, fetch, requestTimeoutMs, maxResponseBytes, concurrency, requestsPerSecond };
  return { config, follow, acrossTabs, onRetry };
}

/** A page shows its key to all who open it; what has no document is no page. One that comes from this machine is under development. */
function warnOfKey(): void {
  try {
    const { document, location } = globalThis;
    const { hostname } = location;
    // Browsers know all names under localhost, and a file has none.
    if (!document || hostname === "" || isLoopback(hostname) || hostname.endsWith(".localhost")) return;
    warn(
      `the API key is in the page ${location.origin}, where everybody who opens it can read it. Let a server of yours add ` +
        "the key (createVideoProxy of iacrea-video/edge) and leave it out here, or set allowBrowserKey: true if nobody else opens this page.",
    );
  } catch {
    // No page, but something that resembles one.
  }
}

/** The live stream of one video, as `createVideoWatch` offers it. */
async function openStream({ endpoint, headers: own, credentials, fetch }: Config, id: string, signal: AbortSignal): Promise<Response> {
  const headers = new Headers(own);
  headers.set("accept", "text/event-stream");
  // Called unbound, as hosts demand. A redirect would carry the key on to wherever it leads, so there is no fallback.
  const ask = fetch ?? globalThis.fetch;
  return ask(`${endpoint}${encodeURIComponent(id)}/events?brief`, { headers, redirect: "manual", signal, ...(credentials && { credentials }) });
}

function checkedHeaders(init: HeadersInit | undefined, apiKey: string | undefined): Headers {
  try {
    const headers = new Headers(init);
    if (apiKey !== undefined) headers.set("x-api-key", apiKey);
    if (!headers.has("accept")) headers.set("accept", "application/json");
    return headers;
  } catch {
    // The host's own message quotes the value, which may be the key.
    throw invalidArgument("headers or apiKey hold a character that no HTTP header may");
  }
}
