// @ts-check
/**
 * Tabs of one browser in virtual time: each runs a copy of the package of its own, and they share a lock manager, channels
 * and a server, all in memory. Whatever happens to a tab is a task in its context, so a tab can be frozen (its tasks wait)
 * or closed (they are dropped, and its locks are given up). Real tabs are in `tests/life`.
 */

import { leap, still } from "./virtual.mjs";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { entry } from "./package.mjs";

/** @typedef {import("../../pkg/dist/index.js").PollOptions} PollOptions */
/** @typedef {import("../../pkg/dist/index.js").ClientOptions} ClientOptions */
/** @typedef {import("../../pkg/dist/index.js").VideoUpdate} VideoUpdate */
/** @typedef {"locks" | "BroadcastChannel" | "digest" | "permission" | "lock replies" | "queue replies" | "digest replies"} Lack what a tab's browser lacks */

leap();
const compiled = new WebAssembly.Module(readFileSync(new URL("iacrea-video.wasm", entry)));

/** Whose code is running. @type {AsyncLocalStorage<Tab>} */
const current = new AsyncLocalStorage();
const outside = { setTimeout, clearTimeout, setInterval, clearInterval, navigator: globalThis.navigator, crypto: globalThis.crypto };

/**
 * Calls `act` later, whatever becomes of the tab that is running now. What is on its way takes a millisecond at least, so that
 * it arrives in the order in which it was sent.
 * @param {() => void} act @param {number} [ms]
 */
const later = (act, ms = 0) => void current.exit(() => outside.setTimeout(act, Math.max(ms, 1)));

/** One tab, without what the browser gives to its script. */
class Tab {
  /** @type {"active" | "frozen" | "closed"} */
  #state = "active";
  /** Tasks that came while it was frozen. @type {(() => void)[]} */
  #waiting = [];
  /** @type {Set<() => void>} */
  #closing = new Set();
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  window = new EventTarget();
  /** @type {any} */ navigator;
  /** How many requests it could not send, for want of a network. */
  refusals = 0;
  /** @type {any} */ crypto;
  /** @type {any} */ BroadcastChannel;

  get isClosed() {
    return this.#state === "closed";
  }

  /** @template T @param {() => T} act @returns {T} */
  run(act) {
    return current.run(this, act);
  }

  /** Runs `act` in the tab as soon as it runs anything. @param {() => void} act */
  task(act) {
    if (this.#state === "active") this.run(act);
    else if (this.#state === "frozen") this.#waiting.push(act);
  }

  /** Calls `act` when the tab is closed; returns how to take that back. @param {() => void} act */
  onClose(act) {
    this.#closing.add(act);
    return () => void this.#closing.delete(act);
  }

  freeze() {
    this.#state = "frozen";
  }

  thaw() {
    this.#state = "active";
    this.run(() => this.document.dispatchEvent(new Event("resume")));
    for (const act of this.#waiting.splice(0)) later(() => this.task(act));
  }

  /** Another tab is in front of it, or no more. @param {boolean} isHidden */
  cover(isHidden) {
    this.document.visibilityState = isHidden ? "hidden" : "visible";
    this.run(() => this.document.dispatchEvent(new Event("visibilitychange")));
  }

  /** @param {boolean} isOnline */
  connect(isOnline) {
    this.navigator.onLine = isOnline;
    this.run(() => this.window.dispatchEvent(new Event(isOnline ? "online" : "offline")));
  }

  /** Its script computes for so long, and nothing else runs. @param {number} ms */
  block(ms) {
    this.#state = "frozen";
    later(() => {
      if (this.isClosed) return;
      this.#state = "active";
      for (const act of this.#waiting.splice(0)) this.task(act);
    }, ms);
  }

  close() {
    this.#state = "closed";
    this.#waiting = [];
    for (const act of [...this.#closing]) act();
  }
}

/** @param {typeof outside.setTimeout | typeof outside.setInterval} set @param {typeof outside.clearTimeout} clear */
function timersOf(set, clear) {
  /** Of those that a frozen tab has not been called for yet. */
  const cleared = new WeakSet();
  /** @type {WeakMap<object, () => void>} */
  const forget = new WeakMap();
  return {
    set: (/** @type {(...given: any[]) => void} */ act, /** @type {number} */ ms, /** @type {any[]} */ ...given) => {
      const tab = current.getStore();
      if (!tab) return set(act, ms, ...given);
      let isDue = false;
      /** @type {any} */
      const timer = set(() => {
        // An interval has one task at a time, however long the tab is frozen.
        if (isDue) return;
        isDue = true;
        tab.task(() => {
          isDue = false;
          if (!cleared.has(timer)) act(...given);
        });
      }, ms);
      forget.set(timer, tab.onClose(() => clear(timer)));
      return timer;
    },
    clear: (/** @type {any} */ timer) => {
      if (timer !== null && typeof timer === "object") {
        cleared.add(timer);
        forget.get(timer)?.();
      }
      clear(timer);
    },
  };
}

const timeouts = timersOf(outside.setTimeout, outside.clearTimeout);
const intervals = timersOf(outside.setInterval, outside.clearInterval);
Object.assign(globalThis, { setTimeout: timeouts.set, clearTimeout: timeouts.clear, setInterval: intervals.set, clearInterval: intervals.clear });

/** What a script finds in the global object of its own tab. @param {string} name @param {(tab: Tab) => unknown} give @param {unknown} [otherwise] */
function ofTab(name, give, otherwise) {
  const get = () => {
    const tab = current.getStore();
    return tab ? give(tab) : otherwise;
  };
  Object.defineProperty(globalThis, name, { get, configurable: true });
}
ofTab("document", (tab) => tab.document);
ofTab("addEventListener", (tab) => tab.window.addEventListener.bind(tab.window));
ofTab("removeEventListener", (tab) => tab.window.removeEventListener.bind(tab.window));
ofTab("navigator", (tab) => tab.navigator, outside.navigator);
ofTab("crypto", (tab) => tab.crypto, outside.crypto);
ofTab("BroadcastChannel", (tab) => tab.BroadcastChannel, globalThis.BroadcastChannel);

/** `navigator.locks`, as far as exclusive locks go. */
class LockManager {
  /** @typedef {{ tab: Tab, name: string, act: (lock: object | null) => unknown, resolve: (value: unknown) => void, reject: (reason: unknown) => void, forget: () => void }} Request */
  /** @type {Map<string, Request>} */
  #held = new Map();
  /** @type {Map<string, Request[]>} */
  #queues = new Map();
  /** All that were ever asked for, as any script of the origin can list them. @type {Set<string>} */
  names = new Set();

  /** @param {Tab} tab @param {string} name @param {{ ifAvailable?: boolean, steal?: boolean, signal?: AbortSignal }} options @param {Request["act"]} act */
  request(tab, name, { ifAvailable = false, steal = false, signal }, act) {
    this.names.add(name);
    return new Promise((resolve, reject) => {
      if (signal && (ifAvailable || steal)) throw new DOMException("a signal goes with neither", "NotSupportedError");
      if (signal?.aborted) throw signal.reason;
      /** @type {Request} */
      const request = { tab, name, act, resolve, reject, forget: () => {} };
      request.forget = tab.onClose(() => this.#drop(request));
      signal?.addEventListener("abort", () => {
        if (!this.#queues.get(name)?.includes(request)) return;
        this.#drop(request);
        reject(signal.reason);
      });
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      if (steal) {
        const robbed = this.#held.get(name);
        this.#held.delete(name);
        if (robbed) later(() => robbed.tab.task(() => robbed.reject(new DOMException("stolen", "AbortError"))));
        queue.unshift(request);
      } else if (ifAvailable && (this.#held.has(name) || queue.length > 0)) {
        return later(() => tab.task(() => settle(request, null)));
      } else queue.push(request);
      this.#grant(name);
    });
  }

  /** @param {string} name */
  #grant(name) {
    if (this.#held.has(name)) return;
    const next = this.#queues.get(name)?.shift();
    if (!next) return;
    this.#held.set(name, next);
    later(() => next.tab.task(() => void settle(next, { name, mode: "exclusive" }).then(() => this.#drop(next))));
  }

  /** It is over, or its tab is. @param {Request} request */
  #drop(request) {
    request.forget();
    const { name } = request;
    this.#queues.set(name, (this.#queues.get(name) ?? []).filter((other) => other !== request));
    if (this.#held.get(name) === request) this.#held.delete(name);
    this.#grant(name);
  }
}

/** @param {Request} request @param {object | null} lock */
async function settle({ act, resolve, reject }, lock) {
  try {
    const value = act(lock);
    resolve(value);
    await value;
  } catch (error) {
    reject(error);
  }
}

/**
 * What a server says of a video that long after its first request: two changes in a second while it is generated and
 * rendered, so that each interval has news. @param {number} ms
 */
export function course(ms) {
  if (ms < 500) return { status: "PENDING" };
  if (ms < 6_000) {
    const ready = Math.floor(ms / 500);
    const clips = Array.from({ length: 12 }, (_, at) => ({ id: `clip-${at}`, category: "kitchen", status: at < ready ? "success" : "pending" }));
    return { status: "GENERATING_VIDEO", generatedContent: clips };
  }
  if (ms < 12_000) return { status: "RENDERING_VIDEO", progress: Math.floor((ms - 6_000) / 500) / 12 };
  return { status: "DONE", url: "https://media.example/video.webm" };
}

/** What never ends: a queue. */
const endless = () => ({ status: "PENDING" });

let copies = 0;

/**
 * A browser without a tab yet, and a server.
 * @param {object} [how]
 * @param {(ms: number) => unknown} [how.says] the body, or a response, by the time since the first request for the video
 * @param {number} [how.latencyMs] of each response; it says what was so when the request came
 * @param {(from: Tab, to: Tab) => number} [how.channelMs] how long a message takes
 */
export function openBrowser({ says = endless, latencyMs = 0, channelMs = () => 0 } = {}) {
  const locks = new LockManager();
  /** @type {Set<any>} */
  const ports = new Set();
  /** All that was sent over channels, and their names. @type {{ name: string, text: string }[]} */
  const messages = [];
  /** @typedef {{ tab: Tab, id: string, atMs: number }} Arrival */
  /** @type {Arrival[]} */
  const requests = [];
  /** When each video was first asked for. @type {Map<string, number>} */
  const begun = new Map();
  /** Those who wait for the next. @type {Set<(arrival: Arrival) => void>} */
  const waiting = new Set();
  const traffic = { inFlight: 0, maxInFlight: 0 };
  const browser = { requests, traffic, messages, lockNames: locks.names, latencyMs, open, requestAfter };

  /** @param {Tab} tab @param {string} url @param {RequestInit} init */
  function fetch(tab, url, { signal }) {
    if (!tab.navigator.onLine) {
      tab.refusals += 1;
      return Promise.reject(new TypeError("Failed to fetch"));
    }
    const id = String(url).split("/").at(-1) ?? "";
    const atMs = performance.now();
    const arrival = { tab, id, atMs };
    requests.push(arrival);
    for (const act of [...waiting]) act(arrival);
    const firstAt = begun.get(id) ?? atMs;
    begun.set(id, firstAt);
    const body = says(atMs - firstAt);
    traffic.maxInFlight = Math.max(traffic.maxInFlight, (traffic.inFlight += 1));
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = () => {
        if (isOver) return;
        isOver = true;
        traffic.inFlight -= 1;
        forget();
      };
      const forget = tab.onClose(end);
      signal?.addEventListener("abort", () => {
        end();
        reject(signal.reason);
      });
      later(() => {
        end();
        tab.task(() => resolve(body instanceof Response ? body.clone() : Response.json(body)));
      }, browser.latencyMs);
    });
  }

  /** @param {Tab} tab */
  const channelOf = (tab) =>
    class {
      /** @type {((event: { data: any }) => void) | null} */
      onmessage = null;
      isOpen = true;
      #forget = tab.onClose(() => this.close());
      /** @param {string} name */
      constructor(name) {
        this.name = name;
        ports.add(this);
      }
      /** @param {unknown} message */
      postMessage(message) {
        if (!this.isOpen) throw new DOMException("closed", "InvalidStateError");
        const text = JSON.stringify(message);
        messages.push({ name: this.name, text });
        for (const port of ports) {
          if (port === this || port.name !== this.name) continue;
          const hear = () => void (port.isOpen && port.onmessage?.({ data: JSON.parse(text) }));
          later(() => port.tab.task(hear), channelMs(tab, port.tab));
        }
      }
      tab = tab;
      close() {
        this.isOpen = false;
        ports.delete(this);
        this.#forget();
      }
    };

  /**
   * A tab with a client. Its module is there already, unless it comes `late`: then `arrive()` brings it.
   * @param {ClientOptions} [options] @param {{ lacks?: Lack, late?: boolean }} [how]
   */
  async function open(options = {}, { lacks, late = false } = {}) {
    const tab = new Tab();
    const refused = () => Promise.reject(new DOMException("not here", "SecurityError"));
    /** What a silent lock manager was asked for. @type {((lock: object | null) => unknown)[]} */
    const wanted = [];
    const silent = (/** @type {string} */ _, /** @type {object} */ __, /** @type {any} */ act) => new Promise(() => void wanted.push(act));
    /** Says that somebody else has the lock, and never gives it. @param {string} name @param {any} how @param {any} act */
    const halfSilent = (name, how, act) => (how.ifAvailable ? Promise.resolve(act(null)) : silent(name, how, act));
    /** @param {string} name @param {object} how @param {any} act */
    const request = (name, how, act) => locks.request(tab, name, how, act);
    /** @type {Partial<Record<Lack, (name: string, how: object, act: any) => Promise<unknown>>>} */
    const lacking = { "permission": refused, "lock replies": silent, "queue replies": halfSilent };
    tab.navigator = { onLine: true, ...(lacks !== "locks" && { locks: { request: (lacks && lacking[lacks]) ?? request } }) };
    // The real one takes a thread, for which virtual time does not wait.
    const digest = async (/** @type {string} */ _, /** @type {Uint8Array} */ bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()).buffer;
    const mute = () => new Promise(() => {});
    tab.crypto = lacks === "digest" ? {} : { subtle: { digest: lacks === "digest replies" ? mute : digest } };
    tab.BroadcastChannel = lacks === "BroadcastChannel" ? undefined : channelOf(tab);
    /** @type {(module: WebAssembly.Module) => void} */
    let bring = () => {};
    const arrival = new Promise((resolve) => void (bring = resolve));
    copies += 1;
    const { VideoClient } = await still(tab.run(() => import(new URL(`slim.js?tab=${copies}`, entry).href)));
    const wasm = late ? () => arrival : compiled;
    const client = new VideoClient({ baseUrl: "https://videos.example", acrossTabs: true, ...options, wasm, fetch: (/** @type {any} */ url, /** @type {any} */ init) => fetch(tab, url, init) });
    return Object.assign(tab, {
      client,
      arrive: () => bring(compiled),
      wanted,
      /** Those that it sent itself. */
      requests: () => requests.filter((request) => request.tab === tab),
      /** Starts a poll, and keeps what it tells. @param {string} id @param {PollOptions} [options] */
      poll(id, options = {}) {
        return tab.run(() => {
          /** @type {{ atMs: number, update: VideoUpdate }[]} */
          const updates = [];
          const poll = client.poll(id, { ...options, onUpdate: (/** @type {VideoUpdate} */ update) => void updates.push({ atMs: performance.now(), update }) });
          /** @type {Promise<string>} */
          const end = poll.done.then(() => "done", (/** @type {any} */ reason) => reason.code ?? reason.name);
          return { updates, end, cancel: () => tab.run(() => poll.cancel()), resumeToken: () => tab.run(() => poll.resumeToken()) };
        });
      },
    });
  }

  /** The next request from now on; `undefined` where there is none within `ms`. @param {number} ms @returns {Promise<Arrival | undefined>} */
  function requestAfter(ms) {
    return new Promise((resolve) => {
      const act = (/** @type {Arrival | undefined} */ arrival) => {
        waiting.delete(act);
        resolve(arrival);
      };
      waiting.add(act);
      later(() => act(undefined), ms);
    });
  }

  return browser;
}
