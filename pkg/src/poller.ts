/**
 * One poll as its owner holds it: promise, store and async iterator over what the module tells. It
 * passes on; when to ask, what an answer means and when to give up is decided in the core.
 */

import type { Crash } from "./instantiate.js";
import type { Signals } from "./signals.js";
import { asVideoError, invalidArgument, VideoError, type PlainError } from "./error.js";
import type { DoneUpdate, PollOptions, VideoPoller, VideoUpdate } from "./types.js";

/** The module's side of one poll. */
export interface PollHandle {
  askNow(): void;
  token(): string | undefined;
  leave(): void;
  free(): void;
}

/** What the module calls. */
export type PollListener = (event: "update" | "done" | "failed", value: unknown, token?: string) => void;

/** Where a poll runs. */
export interface Host {
  readonly signals: Signals;
  /** Resolves with how to start the module's side. */
  connect(): Promise<{ readonly crash: Crash; start(listener: PollListener): PollHandle }>;
}

/** `Symbol.dispose` where the host has it. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

export class Poller implements VideoPoller {
  readonly id: string;
  readonly done: Promise<DoneUpdate>;
  #current: VideoUpdate | undefined;
  #listeners = new Set<(update: VideoUpdate) => void>();
  #resolve!: (update: DoneUpdate) => void;
  #reject!: (reason: unknown) => void;
  #handle: PollHandle | undefined;
  #token: string;
  #state: "running" | "done" | "failed" | "left" = "running";
  #asksNow = false;
  /** Iterators that wait for something to happen. */
  #waiting: (() => void)[] = [];
  /** Take back what was hung onto signals. */
  #unhooks: (() => void)[] = [];

  constructor(id: string, options: PollOptions, host: Host) {
    this.id = id;
    this.#token = options.resumeToken ?? notBegun(id, options.timeoutMs);
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {}); // whoever awaits it still gets the rejection
    void this.#start(options, host);
  }

  get current(): VideoUpdate | undefined {
    return this.#current;
  }

  subscribe(listener: (update: VideoUpdate) => void): () => void {
    // A function of its own for each call: the same listener may come twice.
    const own = (update: VideoUpdate) => listener(update);
    if (this.#state === "running") this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  pollNow(): void {
    if (this.#handle) this.#handle.askNow();
    else this.#asksNow = true;
  }

  cancel(reason: unknown = new DOMException("The poll was cancelled.", "AbortError")): void {
    this.#leave(reason);
  }

  resumeToken(): string {
    return this.#handle?.token() ?? this.#token;
  }

  [dispose](): void {
    this.cancel();
  }

  [Symbol.asyncIterator](): AsyncIterator<VideoUpdate, undefined> {
    let seen: VideoUpdate | undefined;
    let over = false;
    return {
      next: async () => {
        while (!over) {
          if (this.#current !== seen && this.#state !== "left") {
            seen = this.#current;
            return { done: false, value: seen as VideoUpdate };
          }
          if (this.#state !== "running") {
            over = true;
            await this.done;
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

  async #start({ signal, onUpdate }: PollOptions, host: Host): Promise<void> {
    try {
      if (onUpdate !== undefined && typeof onUpdate !== "function") throw invalidArgument("onUpdate must be a function");
      if (signal !== undefined && !isAbortSignal(signal)) throw invalidArgument("signal must be an AbortSignal");
      if (signal?.aborted) return this.#leave(signal.reason);
      if (signal) this.#unhooks.push(host.signals.onAbort(signal, () => this.#leave(signal.reason)));
      if (onUpdate) this.#listeners.add(onUpdate);
      const { crash, start } = await host.connect();
      if (this.#state !== "running") return;
      crash.check();
      this.#unhooks.push(crash.listen((trap) => this.#fail(asVideoError(trap))));
      const handle = start((event, value, token) => this.#hear(event, value, token));
      if (this.#state !== "running") return; // the module trapped
      this.#handle = handle;
      if (this.#asksNow) handle.askNow();
    } catch (thrown) {
      this.#fail(asVideoError(thrown));
    }
  }

  #hear(event: "update" | "done" | "failed", value: unknown, token?: string): void {
    if (this.#state !== "running") return;
    if (token !== undefined) this.#token = token;
    if (event === "update") {
      this.#publish(value as VideoUpdate);
    } else if (event === "done") {
      this.#settle("done");
      this.#resolve(this.#current as DoneUpdate);
    } else {
      this.#fail(new VideoError(value as PlainError, { last: this.#current, resumeToken: this.#token }));
    }
  }

  #publish(update: VideoUpdate): void {
    this.#current = update;
    this.#wake();
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue; // left meanwhile
      try {
        listener(update);
      } catch (error) {
        report(error);
      }
    }
  }

  #fail(error: VideoError): void {
    if (this.#state !== "running") return;
    this.#settle("failed");
    this.#reject(error);
  }

  #leave(reason: unknown): void {
    if (this.#state !== "running") return;
    this.#token = this.resumeToken();
    this.#handle?.leave();
    this.#settle("left");
    this.#reject(reason);
  }

  /** From here on nothing is heard, and nothing hangs anywhere. */
  #settle(state: "done" | "failed" | "left"): void {
    this.#state = state;
    for (const unhook of this.#unhooks.splice(0)) unhook();
    this.#listeners.clear();
    const handle = this.#handle;
    this.#handle = undefined;
    // Not now: the module may be in the middle of a call on it.
    if (handle) queueMicrotask(() => handle.free());
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** The token of a poll that has not begun; the core reads it like any other. */
function notBegun(id: unknown, timeoutMs: unknown): string {
  const timeout = typeof timeoutMs === "number" ? String(Math.ceil(timeoutMs)) : "";
  // A lone surrogate makes an id that is refused anyway.
  const name = typeof id === "string" ? encodeURIComponent(id.replace(/\p{Surrogate}/gu, "\uFFFD")) : "";
  return `iv1-new,${name},${Date.now()},${timeout}`;
}

function isAbortSignal(value: unknown): value is AbortSignal {
  return typeof value === "object" && value !== null && "aborted" in value && "addEventListener" in value;
}

/** Shows what a callback threw, without letting it end anything. */
function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
