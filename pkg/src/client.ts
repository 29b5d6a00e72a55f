/**
 * The client: checks its options, then hands calls to the module. The entries differ only in where
 * the module comes from.
 */

import { checkedBase, endpointOf } from "./address.js";
import { LOADING_MS, within } from "./deadline.js";
import { dispose } from "./dispose.js";
import { Streams, type Follower } from "./follow.js";
import { asVideoError, invalidArgument, readable, type VideoError } from "./error.js";
import type { Instance, Loader } from "./instantiate.js";
import { Poller, type PollHandle, type PollListener } from "./poller.js";
import { isOfAnotherVersion } from "./resume-token.js";
import { abortionOf, Signals } from "./signals.js";
import { Tabs } from "./tabs.js";
import type { ClientOptions, DoneUpdate, PollManyOptions, PollOptions, VideoPoller, VideoStatus } from "./types.js";

/** What the module exports. @internal */
export interface Module {
  readonly Client: new (config: Config) => ClientHandle;
}

/** The module's side of one client. @internal */
interface ClientHandle {
  getStatus(id: string, controller: AbortController, resolve: (status: VideoStatus) => void, reject: (failure: unknown) => void): void;
  poll(id: string, options: PollOptions, listener: PollListener): PollHandle;
  limit(concurrency: number): { free(): void };
  lessons(): string;
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
  readonly #streams: Streams | undefined;
  readonly #tabs: Tabs | undefined;

  /** @internal */
  constructor(loader: Loader<Module>, options: ClientOptions) {
    this.#loader = loader;
    const { config, follow, acrossTabs } = readable(() => checked(options));
    if (acrossTabs) {
      const { endpoint, headers, credentials, maxResponseBytes } = config;
      // All that tells one user's requests from another's.
      const identity = [endpoint, [...headers], credentials ?? null, acrossTabs];
      this.#tabs = new Tabs(identity, maxResponseBytes, (...told) => this.#connected?.client.told(...told));
    }
    this.#config = { ...config, tabs: this.#tabs };
    if (follow) this.#streams = new Streams((id, signal) => openStream(config, id, signal));
  }

  /**
   * Asks once, and does not try again. `id` is any text but `""`, `"."` and `".."`; it becomes one encoded
   * segment of the path. Rejects with a `VideoError`, or with the signal's reason.
   */
  getStatus(id: string, options: { signal?: AbortSignal } = {}): Promise<VideoStatus> {
    return new Promise((resolve, reject) => {
      const { signal } = readable(() => checkedPoll(options)); // what is thrown in here rejects
      const abortion = signal && abortionOf(signal);
      if (abortion) return reject(abortion.reason);
      const controller = new AbortController();
      const unhooks: (() => void)[] = [];
      const settle = (act: () => void) => {
        for (const unhook of unhooks.splice(0)) unhook();
        this.#ended(controller);
        act();
      };
      const fail = (thrown: unknown) => settle(() => reject(asVideoError(thrown)));
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
    });
  }

  /** Waits until the video is done. Resolves with it; rejects with a `VideoError`, or with the signal's reason. */
  waitForVideo(id: string, options: PollOptions = {}): Promise<DoneUpdate> {
    return this.#poll(id, options).done;
  }

  /**
   * Starts at once, and gives the poll to watch, hasten and cancel. Polls of one id share their requests, at
   * the tightest pace among them; the last to leave ends the asking. An argument that cannot work rejects `done`.
   */
  poll(id: string, options: PollOptions = {}): VideoPoller {
    return this.#poll(id, options);
  }

  /** Waits for many videos, with few requests in flight. Settles like `Promise.allSettled`, in the order of `ids`. */
  async waitForVideos(ids: Iterable<string>, options: PollManyOptions = {}): Promise<PromiseSettledResult<DoneUpdate>[]> {
    if (typeof readable(() => ids?.[Symbol.iterator]) !== "function") throw invalidArgument("ids must be iterable");
    const shared = readable(() => checkedPoll(options));
    const concurrency = readable(() => {
      const { concurrency = 6 } = options;
      return concurrency;
    });
    let limit: { free(): void } | undefined;
    // All of them before the first poll begins: the iterable is somebody's code, and may throw.
    const polls = [...ids].map((id) =>
      this.#poll(id, shared, (client) => {
        limit ??= client.limit(concurrency);
      }).done,
    );
    const settled = await Promise.allSettled(polls);
    limit?.free();
    return settled;
  }

  /**
   * What this client's videos have taught so far of how long one takes, for the `lessons` of another: a short text with
   * nothing private in it. Before the first poll it is what the client was given, if anything.
   */
  lessons(): string | undefined {
    return this.#connected?.client.lessons() || this.#config.lessons;
  }

  /** Ends all polls of this client, as their `cancel()` does, and frees what the module keeps for it. */
  [dispose](): void {
    this.#isBrief = true;
    for (const call of [...this.#calls]) (call as Partial<Poller>).cancel?.();
    this.#ended();
  }

  #ended(call?: Poller | AbortController): void {
    this.#calls.delete(call as Poller);
    if (this.#calls.size || !this.#isBrief || !this.#connected) return;
    // What comes later starts anew, with the same lessons.
    this.#config.lessons = this.lessons();
    this.#connected.client.free();
    this.#connected = undefined;
  }

  #poll(id: string, given: PollOptions, prepare?: (client: ClientHandle) => void): Poller {
    let options: PollOptions = {};
    let refused: VideoError | undefined;
    try {
      options = readable(() => checkedPoll(given));
    } catch (error) {
      refused = asVideoError(error);
    }
    const entered = this.#tabs?.enter(id);
    const connect = async () => {
      if (refused) throw refused;
      const { timeoutMs } = options;
      // Anything else the core refuses.
      const limited = this.#loader.afar && typeof timeoutMs === "number" && timeoutMs > 0;
      const began = performance.now();
      const { instance, client } = await this.#connect(limited ? timeoutMs : Infinity);
      await entered;
      const spent = Math.round(performance.now() - began);
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
    const poller = new Poller(id, options, { signals: this.#signals, connect, ...follow });
    this.#calls.add(poller);
    const forget = () => {
      this.#tabs?.leave(id);
      this.#ended(poller);
    };
    poller.done.then(forget, forget);
    return poller;
  }

  /** The module's side of this client, in the instance that is alive; a "timeout" if it is not there after `ms`. */
  async #connect(ms = Infinity) {
    const loading = this.#loader.load();
    let instance: Instance<Module>;
    if ("exports" in loading) instance = loading;
    else if (ms >= LOADING_MS) instance = await loading;
    else instance = await within(ms, loading, "timeout", () => this.#loader.forget(loading));
    if (this.#connected?.instance !== instance) {
      this.#connected = { instance, client: new instance.exports.Client(this.#config) };
    }
    return this.#connected;
  }
}

/** A copy, so that what the caller does to the object later changes nothing. The core checks the numbers and the token. */
function checkedPoll(options: PollOptions): PollOptions {
  if (typeof options !== "object" || options === null) throw invalidArgument("options must be an object");
  const { signal, onUpdate, timeoutMs, minIntervalMs, maxIntervalMs, maxConsecutiveFailures, resumeToken: token } = options;
  if (onUpdate !== undefined && typeof onUpdate !== "function") throw invalidArgument("onUpdate must be a function");
  if (signal !== undefined && !isAbortSignal(signal)) throw invalidArgument("signal must be an AbortSignal");
  const resumeToken = ofThisVersion(token);
  // A key that is not given is there as undefined, which everyone reads the same way.
  return { signal, onUpdate, timeoutMs, minIntervalMs, maxIntervalMs, maxConsecutiveFailures, resumeToken } as PollOptions;
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
  lessons: string | undefined;
  readonly tabs?: Tabs | undefined;
}

function checked(options: ClientOptions): {
  readonly config: Config;
  readonly follow: ClientOptions["follow"];
  readonly acrossTabs: boolean | string;
} {
  if (typeof options !== "object" || options === null) throw invalidArgument("options must be an object");
  const { apiKey, baseUrl, kind = "video", credentials, fetch, follow, requestTimeoutMs = 30_000, maxResponseBytes = 1_048_576 } = options;
  const { concurrency = Infinity, requestsPerSecond = Infinity, acrossTabs = false, lessons } = options;
  if (kind !== "video" && kind !== "auto") throw invalidArgument('kind must be "video" or "auto"');
  if (credentials !== undefined && !["omit", "same-origin", "include"].includes(credentials)) {
    throw invalidArgument('credentials must be "omit", "same-origin" or "include"');
  }
  if (fetch !== undefined && typeof fetch !== "function") throw invalidArgument("fetch must be a function");
  if (lessons !== undefined && typeof lessons !== "string") throw invalidArgument("lessons must be a text");
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
  const endpoint = endpointOf(checkedBase(baseUrl, { page, withKey: key !== undefined }), kind);
  const config = { endpoint, headers, apiKey: key, credentials, fetch, requestTimeoutMs, maxResponseBytes, concurrency, requestsPerSecond, lessons };
  return { config, follow, acrossTabs };
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
    throw invalidArgument("headers or apiKey hold something that no HTTP header can");
  }
}
