// @ts-check
// What a program does with the package over a long life, and a ledger of what that leaves behind: timers, listeners,
// finalizers, pollers, and the module's memory and table. It runs unchanged in a page and in a Node process, so it
// imports nothing; it asserts nothing either, but returns figures.

/** @typedef {typeof import("../../pkg/dist/index.js").VideoClient} ClientClass */

/** Keeps count of what is handed to the host from now on; to be called before the package is imported. */
export function openLedger() {
  const timers = new Set();
  // Weakly: what hangs on an object that nobody has any more is not left behind.
  /** @type {WeakMap<EventTarget, Map<string, Set<unknown>>>} */
  const listeners = new WeakMap();
  /** @type {Set<WeakRef<EventTarget>>} */
  const targets = new Set();
  let finalizers = 0;
  /** @type {WeakRef<object>[]} */
  let watched = [];
  /** @type {WebAssembly.Memory | undefined} */
  let memory;
  /** @type {WebAssembly.Table[]} */
  let tables = [];
  let asked = { timers: 0, listeners: 0 };

  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const setTimeout = (/** @type {(...given: any[]) => void} */ act, /** @type {number} */ ms, /** @type {any[]} */ ...rest) => {
    asked.timers += 1;
    const timer = set((...given) => {
      timers.delete(timer);
      act(...given);
    }, ms, ...rest);
    timers.add(timer);
    return timer;
  };
  const clearTimeout = (/** @type {any} */ timer) => {
    timers.delete(timer);
    clear(timer);
  };
  Object.assign(globalThis, { setTimeout, clearTimeout });

  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    asked.listeners += 1;
    const target = this ?? globalThis;
    let types = listeners.get(target);
    if (!types) {
      targets.add(new WeakRef(target));
      listeners.set(target, (types = new Map()));
    }
    types.set(type, (types.get(type) ?? new Set()).add(listener));
    return add.call(target, type, listener, options);
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    const target = this ?? globalThis;
    const types = listeners.get(target);
    types?.get(type)?.delete(listener);
    return remove.call(target, type, listener, options);
  };

  const Registry = FinalizationRegistry;
  /** @extends {Registry<any>} */
  class Counting extends Registry {
    /** @param {(held: any) => void} cleanup */
    constructor(cleanup) {
      super((/** @type {any} */ held) => {
        finalizers -= 1;
        cleanup(held);
      });
    }
    /** @param {WeakKey} target @param {any} held @param {WeakKey} [token] */
    register(target, held, token) {
      finalizers += 1;
      super.register(target, held, token);
    }
    /** @param {WeakKey} token */
    unregister(token) {
      const was = super.unregister(token);
      if (was) finalizers -= 1;
      return was;
    }
  }
  globalThis.FinalizationRegistry = /** @type {any} */ (Counting);

  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = /** @type {any} */ (
    async (/** @type {WebAssembly.Module} */ module, /** @type {any} */ imports) => {
      const instance = await instantiate(module, imports);
      const exports = Object.values(instance.exports);
      memory = exports.find((value) => value instanceof WebAssembly.Memory);
      tables = exports.filter((value) => value instanceof WebAssembly.Table);
      return instance;
    }
  );

  // How long the table is says little: it doubles. A slot that is given back holds nothing.
  const taken = (/** @type {WebAssembly.Table} */ table) => {
    let count = 0;
    for (let at = 0; at < table.length; at += 1) if ((table.get(at) ?? undefined) !== undefined) count += 1;
    return count;
  };

  const hanging = () => {
    let count = 0;
    for (const reference of targets) {
      const target = reference.deref();
      if (!target) targets.delete(reference);
      else for (const { size } of listeners.get(target)?.values() ?? []) count += size;
    }
    return count;
  };

  return {
    /** Keeps an eye on whether it is ever collected. @param {object} object */
    watch: (object) => void watched.push(new WeakRef(object)),
    /** What is there right now. */
    read: () => ({
      timers: timers.size,
      listeners: hanging(),
      finalizers,
      pages: (memory?.buffer.byteLength ?? 0) / 65_536,
      slots: tables.reduce((sum, table) => sum + taken(table), 0),
      length: tables.reduce((sum, table) => sum + table.length, 0),
      asked: { ...asked },
    }),
    /** How many of what was watched are still there; call it after collecting. */
    alive() {
      watched = watched.filter((reference) => reference.deref());
      return watched.length;
    },
  };
}

/** @typedef {ReturnType<typeof openLedger>} Ledger */

const CLIPS = ["success", "pending"].map((status, at) => ({ id: `clip-${at}`, effect: "CAMERA_PUSH_IN", category: "kitchen", status }));
const PENDING = { status: "PENDING", creditsTotal: 90 };
const GENERATING = { status: "GENERATING_VIDEO", creditsTotal: 90, generatedContent: CLIPS };
const DONE = { status: "DONE", url: "https://media.example/video.webm" };

/** Answers out of memory, by what the id says. */
export function answers() {
  let inFlight = 0;
  /** @type {Map<string, number>} */
  const counts = new Map();
  const figures = { requests: 0, most: 0 };
  const answer = (/** @type {string} */ id) => {
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    if (id.startsWith("missing")) return new Response("{}", { status: 404 });
    if (id.startsWith("failing")) return count < 3 ? new Response("busy", { status: 503, headers: { "retry-after": "0" } }) : Response.json(DONE);
    return Response.json(id.startsWith("endless") || count === 1 ? PENDING : count === 2 ? GENERATING : DONE);
  };
  return {
    figures,
    /** @type {typeof globalThis.fetch} */
    async fetch(/** @type {any} */ input) {
      const id = String(input).split("/").at(-1) ?? "";
      figures.requests += 1;
      figures.most = Math.max(figures.most, (inFlight += 1));
      await undefined;
      inFlight -= 1;
      if (!id.startsWith("silent")) return answer(id);
      return new Promise(() => {}); // whatever becomes of its signal
    },
    /** Forgets who asked. */
    clear: () => counts.clear(),
  };
}

const QUICK = { minIntervalMs: 0, maxIntervalMs: 1 };
const reasonOf = (/** @type {Promise<unknown>} */ promise) => promise.then(() => "done", (reason) => (typeof reason?.code === "string" ? reason.code : reason?.name));

/**
 * Each way in which a poll can come to its end, by the name that it ends with.
 * @type {((own: InstanceType<ClientClass>, id: string, ledger: Ledger) => Promise<string>)[]}
 */
export const ENDINGS = [
  (own, id, ledger) => {
    const poll = own.poll(`done-${id}`, { ...QUICK, onUpdate: () => {} });
    ledger.watch(poll);
    return reasonOf(poll.done);
  },
  (own, id) => reasonOf(own.waitForVideo(`missing-${id}`, QUICK)),
  async (own, id) => {
    for await (const update of own.poll(`done-${id}`, QUICK)) if (update.status === "GENERATING_VIDEO") return "left";
    return "never";
  },
  (own, id) => {
    const controller = new AbortController();
    return reasonOf(own.waitForVideo(`endless-${id}`, { signal: controller.signal, onUpdate: () => controller.abort() }));
  },
  (own, id) => {
    const controller = new AbortController();
    const reason = reasonOf(own.waitForVideo(`silent-${id}`, { signal: controller.signal }));
    queueMicrotask(() => queueMicrotask(() => controller.abort(new DOMException("enough", "TimeoutError"))));
    return reason;
  },
  (own, id, ledger) => {
    const poll = own.poll(`endless-${id}`);
    ledger.watch(poll);
    const leave = poll.subscribe(() => {
      leave();
      poll.cancel();
    });
    return reasonOf(poll.done);
  },
  (own, id) => reasonOf(own.waitForVideo(`silent-${id}`, { timeoutMs: 1 })),
  (own, id) => reasonOf(own.getStatus(`done-${id}`)),
  (own, id) => {
    const controller = new AbortController();
    const reason = reasonOf(own.getStatus(`silent-${id}`, { signal: controller.signal }));
    queueMicrotask(() => queueMicrotask(() => controller.abort()));
    return reason;
  },
  async (own, id) => {
    const settled = await own.waitForVideos([`done-${id}`, `missing-${id}`, `done-${id}`], { ...QUICK, concurrency: 1 });
    return settled.map(({ status }) => status).join();
  },
  (own, id) => reasonOf(own.waitForVideo(`failing-${id}`, { ...QUICK, maxConsecutiveFailures: 2 })),
  (own, id) => reasonOf(own.waitForVideo(id, { resumeToken: "damaged" })),
];
/** What they end with. */
export const ENDS = ["done", "not_found", "left", "AbortError", "TimeoutError", "AbortError", "timeout", "done", "AbortError", "fulfilled,rejected,fulfilled", "http", "invalid_argument"];

/** The last client lives on: what it keeps of polls that have ended is left behind. @type {InstanceType<ClientClass> | undefined} */
export let living;

/**
 * So many polls one after another, each ending in another way.
 * @param {ClientClass} VideoClient @param {Ledger} ledger @param {number} count
 */
export async function inARow(VideoClient, ledger, count) {
  const { fetch, figures, clear } = answers();
  /** @type {Record<string, number>} */
  const ends = {};
  let own = new VideoClient({ baseUrl: "https://videos.example", apiKey: "key-of-a-test", fetch });
  for (let at = 0; at < count; at += 1) {
    if (at % 500 === 499) {
      clear();
      own = new VideoClient({ baseUrl: "https://videos.example", apiKey: "key-of-a-test", fetch });
    }
    const kind = at % ENDINGS.length;
    const end = await ENDINGS[kind]?.(own, String(at), ledger);
    living = own;
    const told = end === ENDS[kind] ? "right" : `${kind}: ${end}`;
    ends[told] = (ends[told] ?? 0) + 1;
  }
  return { ends, figures };
}

/**
 * So many polls at once on one client; nine of ten are done, of the others half is aborted by one signal.
 * @param {ClientClass} VideoClient @param {Ledger} ledger @param {number} count
 */
export async function atOnce(VideoClient, ledger, count) {
  const { fetch, figures } = answers();
  const own = (living = new VideoClient({ baseUrl: "https://videos.example", fetch }));
  const controller = new AbortController();
  const polls = Array.from({ length: count }, (_, at) => {
    const endless = at % 10 === 0;
    const poll = own.poll(`${endless ? "endless" : "done"}-${at}`, { minIntervalMs: 20, maxIntervalMs: 50, ...(at % 20 === 0 && { signal: controller.signal }) });
    ledger.watch(poll);
    return poll;
  });
  await Promise.all(polls.filter((_, at) => at % 10 !== 0).map(({ done }) => done));
  controller.abort();
  own[/** @type {typeof Symbol.dispose} */ (Symbol.dispose ?? Symbol.for("Symbol.dispose"))]();
  /** @type {Record<string, number>} */
  const ends = {};
  for (const { done } of polls) {
    const end = await reasonOf(done);
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return { ends, figures };
}
