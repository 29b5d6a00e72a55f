/**
 * One poll as its owner holds it: promise, store and async iterator over what the module tells. It
 * passes on; when to ask, what an answer means and when to give up is decided in the core.
 */

import { bind } from "./bind.js";
import { dispose } from "./dispose.js";
import type { Follower, Following } from "./follow.js";
import type { Crash } from "./instantiate.js";
import { abortionOf, type Signals } from "./signals.js";
import { asVideoError, failed, type PlainError, type VideoError } from "./error.js";
import { traced } from "./trace.js";
import type { DoneUpdate, PollOptions, RetryNotice, VideoPoller, VideoUpdate } from "./types.js";
import { warn } from "./warn.js";

/** The module's side of one poll. */
export interface PollHandle extends Follower {
  askNow(): void;
  token(): string | undefined;
  leave(): void;
  free(): void;
}

/** What the module calls. */
export type PollListener = (event: PollEvent, value: unknown, update: VideoUpdate | undefined, token: string) => void;
type PollEvent = "" | "retrying" | "recovered" | "done" | "failed";

/** Where a poll runs. */
export interface Host {
  readonly signals: Signals;
  /** Hears of the failures of all polls. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Says on the console why a poll has no status yet that tells nobody else. */
  warn(message: string): void;
  /** Once the poll is over. */
  ended(): void;
  /** Where the client listens to live streams: hears of this video. */
  follow?(follower: Follower): Following;
  /** Resolves with how to start the module's side. */
  connect(): Promise<{ readonly crash: Crash; start(listener: PollListener): PollHandle }>;
}

export class Poller implements VideoPoller {
  readonly id: string;
  readonly #outcome: Promise<DoneUpdate>;
  #done: Promise<DoneUpdate> | undefined;
  #current: VideoUpdate | undefined;
  #retrying: RetryNotice | undefined;
  /** Also when that is over: at the end it says why. */
  #lastRetry: RetryNotice | undefined;
  /** Whoever is notified of failures. */
  #onRetry: ((notice: RetryNotice) => void)[] = [];
  #listeners: Set<(update: VideoUpdate) => void> | undefined;
  #resolve!: (update: DoneUpdate) => void;
  #reject!: (reason: unknown) => void;
  #handle: PollHandle | undefined;
  #following: Following | undefined;
  #token: string | undefined;
  /** Writes the first token, as long as there is none: most polls have a better one before anybody asks. */
  #firstToken: (() => string) | undefined;
  #state: "running" | "done" | "failed" | "left" = "running";
  #asksNow = false;
  /** Whether somebody hears of failures that are retried. */
  #isWatched = false;
  /** Whether somebody hears of the one that ends the poll. */
  #isAwaited = false;
  /** Iterators that wait for something to happen. */
  #waiting: (() => void)[] = [];
  #unhookSignal: (() => void) | undefined;
  #unhookCrash: (() => void) | undefined;

  /** `options` are checked, but for what the core checks, and nobody else's to change. */
  constructor(id: string, options: PollOptions, host: Host) {
    this.id = id;
    // What else it may be is refused later.
    if (typeof options.resumeToken === "string") this.#token = options.resumeToken;
    this.#firstToken = notBegun(id, options);
    this.#outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever awaits it still gets the rejection.
    this.#outcome.then(host.ended, host.ended);
    bind(this, Poller.prototype);
    void this.#start(options, host);
  }

  get current(): VideoUpdate | undefined {
    return this.#current;
  }

  /** The same as `done`, but for who hands it on: a rejection that nobody handles is theirs. */
  static outcomeOf(poller: Poller): Promise<DoneUpdate> {
    poller.#isAwaited = true;
    return poller.#outcome;
  }

  get done(): Promise<DoneUpdate> {
    // It may be read and left alone. What says so hangs on it, so it comes after the stack is made.
    return (this.#done ??= traced(Poller.outcomeOf(this), () => this.#done!.catch(() => {})));
  }

  get retrying(): RetryNotice | undefined {
    this.#isWatched = true;
    return this.#retrying;
  }

  subscribe(listener: (update: VideoUpdate) => void): () => void {
    // A function of its own for each call: the same listener may come twice.
    const own = (update: VideoUpdate) => listener(update);
    if (this.#state === "running") this.#listen(own);
    return () => void this.#listeners?.delete(own);
  }

  pollNow(): void {
    if (this.#handle) this.#handle.askNow();
    else this.#asksNow = true;
  }

  cancel(reason: unknown = new DOMException("The poll was cancelled.", "AbortError")): void {
    this.#leave(reason);
  }

  resumeToken(): string {
    return this.#handle?.token() ?? this.#lastToken();
  }

  [dispose](): void {
    this.cancel();
  }

  [Symbol.asyncIterator](): AsyncIterator<VideoUpdate, undefined> {
    let seen: VideoUpdate | undefined;
    let over = false;
    this.#isAwaited = true;
    return {
      next: async () => {
        while (!over) {
          if (this.#current !== seen && this.#state !== "left") {
            seen = this.#current;
            return { done: false, value: seen as VideoUpdate };
          }
          if (this.#state !== "running") {
            over = true;
            await traced(this.#outcome);
          } else {
            await new Promise<void>((wake) => this.#waiting.push(wake));
          }
        }
        return { done: true, value: undefined };
      },
      return: async () => {
        over = true;
        this.cancel();
        return { done: true, value: undefined };
      },
    };
  }

  async #start({ signal, onUpdate, onRetry }: PollOptions, host: Host): Promise<void> {
    try {
      const abortion = signal && abortionOf(signal);
      if (abortion) return this.#leave(abortion.reason);
      if (signal) this.#unhookSignal = host.signals.onAbort(signal, (reason) => this.#leave(reason));
      if (onUpdate) this.#listen(onUpdate);
      this.#onRetry = [onRetry, host.onRetry].filter((listener) => listener !== undefined);
      if (this.#onRetry.length) this.#isWatched = this.#isAwaited = true;
      const { crash, start } = await host.connect();
      if (this.#state !== "running") return;
      crash.check();
      this.#unhookCrash = crash.listen((trap) => this.#fail(asVideoError(trap, this.#rest())));
      const handle = start((...news) => this.#hear(host, ...news));
      if (this.#state !== "running") return release(handle); // left inside the very first update
      this.#handle = handle;
      if (this.#asksNow) handle.askNow();
      this.#following = host.follow?.(handle);
      // What it was told at once may have ended it.
      if (this.#state !== "running") this.#following?.leave();
    } catch (thrown) {
      this.#fail(asVideoError(thrown, this.#rest()));
    }
  }

  /** Most polls have none, and an empty set takes more than a poller. */
  #listen(listener: (update: VideoUpdate) => void): void {
    (this.#listeners ??= new Set()).add(listener);
  }

  #hear(host: Host, ...[event, value, update, token]: Parameters<PollListener>): void {
    if (this.#state !== "running") return;
    this.#token = token;
    this.#firstToken = undefined;
    // Whoever is notified of either finds both.
    if (update) this.#current = update;
    if (event) this.#retrying = event === "retrying" ? (this.#lastRetry = value as RetryNotice) : undefined;
    if (event === "retrying") {
      this.#following?.yield();
      const { attempt, message } = value as RetryNotice;
      // One failure alone is soon forgotten.
      if (attempt > 1 && !this.#current && !this.#isWatched) host.warn(message);
      for (const listener of this.#onRetry) {
        if (this.#state === "running") notify(listener, value as RetryNotice);
      }
    }
    if (update && this.#state === "running") this.#publish(update);
    if (event === "done" && this.#state === "running") {
      const handle = this.#settle("done");
      this.#resolve(this.#current as DoneUpdate);
      if (handle) release(handle);
    } else if (event === "failed") {
      this.#fail(failed(value as PlainError, this.#rest(), this.#lastRetry));
    }
  }

  #publish(update: VideoUpdate): void {
    this.#wake();
    for (const listener of [...(this.#listeners ?? [])]) {
      if (this.#listeners?.has(listener)) notify(listener, update); // else it left meanwhile
    }
  }

  /** What an error says beside itself. */
  #rest(): { videoId: string; last: VideoUpdate | undefined; resumeToken: string } {
    return { videoId: this.id, last: this.#current, resumeToken: this.#lastToken() };
  }

  #lastToken(): string {
    return (this.#token ??= this.#firstToken!());
  }

  #fail(error: VideoError): void {
    if (this.#state !== "running") return;
    const handle = this.#settle("failed");
    this.#reject(error);
    if (handle) release(handle);
    if (!this.#isAwaited) warn(`poll() failed, and nothing awaits its done: ${error.message}`);
  }

  #leave(reason: unknown): void {
    if (this.#state !== "running") return;
    this.#token = this.resumeToken();
    const handle = this.#settle("left");
    this.#reject(reason);
    // Last, for it may abort a request: that runs listeners, which may call back in.
    if (handle) release(handle);
  }

  /** From here on nothing is heard, and nothing hangs anywhere. What is left to do is to release the module's side. */
  #settle(state: "done" | "failed" | "left"): PollHandle | undefined {
    this.#state = state;
    this.#unhookSignal?.();
    this.#unhookCrash?.();
    this.#unhookSignal = this.#unhookCrash = undefined;
    this.#following?.leave();
    this.#listeners = undefined;
    this.#onRetry = [];
    this.#retrying = undefined;
    const handle = this.#handle;
    this.#handle = undefined;
    this.#wake();
    return handle;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Leaves, and frees; the latter not now, for the module may be in the middle of a call on it. */
function release(handle: PollHandle): void {
  handle.leave();
  queueMicrotask(() => handle.free());
}

/** Writes the token of a poll that began now and has not been told of: its options and the time, for the core to read like any other. */
function notBegun(id: unknown, { timeoutMs, minIntervalMs, maxIntervalMs, maxConsecutiveFailures }: PollOptions): () => string {
  const began = Date.now();
  return () => {
    // A lone surrogate makes an id that is refused anyway.
    const name = typeof id === "string" ? encodeURIComponent(id.replace(/\p{Surrogate}/gu, "\uFFFD")) : "";
    const numbers = [timeoutMs, minIntervalMs, maxIntervalMs, maxConsecutiveFailures].map((value) => {
      if (typeof value !== "number") return ""; // not given, or about to be refused
      // No exponents: what is longer than this is as good as for ever.
      return value === Infinity ? value : Math.min(Math.ceil(value), Number.MAX_SAFE_INTEGER);
    });
    const text = ["it1-new", name, began, ...numbers].join(",");
    return `${text},${checksum(text)}`;
  };
}

/** FNV-1a, as over every token. @internal */
export function checksum(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** Calls a listener. What it throws is reported, and ends nothing. */
function notify<T>(listener: (news: T) => void, news: T): void {
  try {
    const returned: unknown = listener(news);
    // An async listener throws later. It may be of another realm; what only has a `then` may do more than tell.
    if (Object.prototype.toString.call(returned) === "[object Promise]") Promise.resolve(returned).catch(report);
  } catch (error) {
    report(error);
  }
}

/** Shows what a callback threw, without letting it end anything. */
function report(error: unknown): void {
  try {
    if (typeof reportError === "function") reportError(error);
    else console.error(error);
  } catch {
    // What was thrown throws when it is looked at.
  }
}
