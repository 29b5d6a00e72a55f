/**
 * From a compiled module to a running instance: lazily, once, and again after a failure. Each instance
 * has glue of its own, and a trap in it is caught at its border: whoever waits on the instance is told,
 * and the next caller gets a fresh one.
 */

import { LOADING_MS, within } from "./deadline.js";
import { outside, safely, VideoError, wordsOf } from "./error.js";

/** What the build makes of wasm-bindgen's glue. */
export interface Glue<T> {
  readonly imports: WebAssembly.Imports;
  readonly exports: T;
  setWasm(exports: WebAssembly.Exports): void;
  /** Clears all timers of the instance. */
  clearTimers(): void;
}

/** A running instance. */
export interface Instance<T> {
  readonly exports: T;
  readonly crash: Crash;
}

/** The end of an instance: a trap in it, after which nothing of it can be used. */
export interface Crash {
  readonly happened: boolean;
  /** Throws the trap, once there was one. */
  check(): void;
  /** Calls `act` with the trap when it comes; returns how to take that back. */
  listen(act: (trap: unknown) => void): () => void;
}

/** Where instances come from. */
export interface Loader<T> {
  /** The instance that is alive, made at the first call. */
  load(): Instance<T> | Promise<Instance<T>>;
  /** Has the next call begin anew if this is still under way. Whoever waits for it still gets it. */
  forget(loading: Promise<Instance<T>>): void;
}

/**
 * Instances of a module that `compile` brings. Calls that come together share one; a failure is forgotten, so
 * that the next call tries again.
 */
export function lazy<T>(createGlue: () => Glue<T>, compile: () => Promise<WebAssembly.Module>): Loader<T> {
  let module: WebAssembly.Module | undefined;
  let loading: Promise<Instance<T>> | undefined;
  let alive: Instance<T> | undefined;
  const start = async () => {
    try {
      module ??= await compile();
      const glue = createGlue();
      const instance = await WebAssembly.instantiate(module, glue.imports);
      return (alive = begin(glue, instance, () => {
        alive = undefined;
      }));
    } catch (error) {
      const words = module && OTHER;
      // Whoever brought another one may bring the right one next.
      module = undefined;
      throw explained(error, words);
    }
  };
  return {
    load() {
      if (alive) return alive;
      if (!loading) {
        const own = within(LOADING_MS, start(), "internal", () => {});
        const forget = () => this.forget(own);
        own.then(forget, forget);
        loading = own;
      }
      return loading;
    },
    forget(given) {
      if (loading === given) loading = undefined;
    },
  };
}

/**
 * Instances of a module that the host has compiled, as edge runtimes do. They are made within the call: there,
 * a promise dies with the request that made it, so none may be left for another request to wait on.
 */
export function precompiled<T>(createGlue: () => Glue<T>, module: WebAssembly.Module): Loader<T> {
  let alive: Instance<T> | undefined;
  return {
    load() {
      if (!alive) {
        try {
          const glue = createGlue();
          alive = begin(glue, new WebAssembly.Instance(module, glue.imports), () => {
            alive = undefined;
          });
        } catch (error) {
          throw notLoaded(error, OTHER);
        }
      }
      return alive;
    },
    forget() {},
  };
}

export function begin<T>(glue: Glue<T>, instance: Pick<WebAssembly.Instance, "exports">, forget: () => void): Instance<T> {
  let trapped: { readonly trap: unknown } | undefined;
  const acts = new Set<(trap: unknown) => void>();
  const onTrap = (trap: unknown) => {
    trapped = { trap };
    forget();
    for (const act of [...acts]) act(trap);
  };
  // Nothing of a lost instance goes on: no request, and no timer that would keep a process alive.
  const stop = () => {
    glue.clearTimers();
    abortRequests(instance.exports);
  };
  glue.setWasm(guarded(instance.exports, onTrap, stop));
  (instance.exports as { __wbindgen_start(): void }).__wbindgen_start();
  const crash: Crash = {
    get happened() {
      return trapped !== undefined;
    },
    check() {
      if (trapped) throw trapped.trap;
    },
    listen(act) {
      acts.add(act);
      return () => void acts.delete(act);
    },
  };
  return { exports: glue.exports, crash };
}

/**
 * The exports, with each function watched. Whatever escapes one is a trap, or has skipped Rust's
 * cleaning up: the instance is lost. Timers and promises call in too, with nobody to catch what they
 * throw, so the trap is handed to `onTrap`, and calls into the lost instance do nothing. `stop` is called then, and
 * again when a call has returned that the trapped one was made from, since that one went on to its end.
 */
function guarded(exports: WebAssembly.Exports, onTrap: (trap: unknown) => void, stop: () => void): WebAssembly.Exports {
  const nothing = [0, 0, 0, 0]; // glue reads up to four results from an array
  let lost = false;
  const watched: WebAssembly.Exports = {};
  for (const [name, value] of Object.entries(exports)) {
    watched[name] =
      typeof value !== "function"
        ? value
        : (...parameters: unknown[]) => {
            if (lost) return nothing;
            try {
              return value(...parameters) as unknown;
            } catch (trap) {
              lost = true;
              onTrap(trap);
              return nothing;
            } finally {
              if (lost) stop();
            }
          };
  }
  return watched;
}

/** Aborts the requests under way. What an instance holds of JavaScript, their controllers too, is in its tables. */
function abortRequests(exports: WebAssembly.Exports): void {
  for (const table of Object.values(exports)) {
    if (tagOf(table) !== "WebAssembly.Table") continue;
    const { length } = table as WebAssembly.Table;
    for (let at = 0; at < length; at += 1) {
      const held: unknown = (table as WebAssembly.Table).get(at);
      try {
        if (tagOf(held) === "AbortController") (held as AbortController).abort();
      } catch {
        // An object of somebody else's that throws when it is looked at.
      }
    }
  }
}

/** What kind of object it is, whichever realm it comes from. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** The smallest module there is. */
const EMPTY = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** Said of a module that compiles and does not link, or does not begin. */
const OTHER = "it is of another version of this package, or no module of it: ";

function notLoaded(error: unknown, before: string): VideoError {
  // Node says of whatever failed that fetch failed, and what it was beneath.
  const cause = safely(() => (error as Error).cause);
  return outside("module_not_loaded", { words: before + wordsOf(error) + (cause ? ` (${wordsOf(cause)})` : ""), cause: error });
}

/** Hosts word a refusal each in their own way, or blame the module. One that refuses even the empty module says why itself. `before` comes before its words. */
export function explained(error: unknown, before = ""): VideoError {
  if (VideoError.is(error)) return error;
  try {
    // WebKit's policy forbids only the instance.
    new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(EMPTY)));
    return notLoaded(error, before);
  } catch {
    return outside(typeof WebAssembly === "undefined" ? "no_webassembly" : "webassembly_forbidden", { cause: error });
  }
}
