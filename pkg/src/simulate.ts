/**
 * A pretend server behind the signature of fetch. It only turns the model's answers into Response objects,
 * streams and rejections; what is answered, and when a clip is finished, the model decides. Nothing runs at
 * import: the module is loaded by the first fetch.
 */

import type { Glue } from "./generated/simulator.glue.js";
import type { Crash, Loader } from "./instantiate.js";
import { catalogue } from "./scenarios.js";
import type { VideoErrorCode } from "./types.js";
import { warnOfUnknown } from "./warn.js";

export interface SimulatorOptions {
  /** The only key that opens it. By default it takes any key, and requests without one, as a client behind a proxy sends them. */
  apiKey?: string | undefined;
  /** Decides all that looks like chance: ids, durations, faults. Default 0. */
  seed?: number | undefined;
  /** The scenario of videos that name none. Default "happy". */
  scenario?: string | undefined;
  /** 1 (the default) = as a real video, 60 = sixty times faster. */
  speed?: number | undefined;
  /**
   * The folder of clip-1.svg to clip-6.svg and tour.webm; may be relative in a browser. A function is given the URL of
   * each request: a server that serves the media itself links them where its caller sees it. Default
   * "https://simulator.invalid/media".
   */
  mediaBase?: string | URL | ((request: URL) => string | URL) | undefined;
  /** Where redirects to another origin lead. Default "https://other-origin.invalid". */
  otherOrigin?: string | URL | undefined;
  /** How long each response takes, in milliseconds. Default 20 to 60, divided by `speed`. */
  latencyMs?: number | undefined;
}

/** One scenario, as a list shows it. */
export interface SimulatorScenario {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Courses of real videos, wordings of a healthy server, trouble that passes, bad ends. */
  readonly group: "life" | "dialect" | "fault" | "end";
  /** How a client with default options ends: "done" or a VideoErrorCode. */
  readonly expect: "done" | VideoErrorCode;
}

/** What one video has of its own; what is absent comes from SimulatorOptions. */
export interface SimulatedVideoOptions {
  scenario?: string | undefined;
  seed?: number | undefined;
  speed?: number | undefined;
  /** Default: one that looks like a UUID. */
  id?: string | undefined;
  /** Unix time. Default: now. */
  createdMs?: number | undefined;
  /** When it was asked for before, in ms since its creation: these requests are played back. */
  asked?: readonly number[] | undefined;
}

/** A video as plain data: createVideo of another simulator, after a reload say, makes it go on from it. */
export type SavedVideo = { [K in keyof SimulatedVideoOptions]-?: Exclude<SimulatedVideoOptions[K], undefined> };

/** One request that reached the simulator. */
export interface SimulatedRequest {
  /** Milliseconds since the video was created. */
  readonly atMs: number;
  /** The HTTP status; null when there was no answer. */
  readonly status: number | null;
  /** The fault that befell it, if any. */
  readonly fault: string | null;
  /** It carried the right key, where one is needed. */
  readonly key: boolean;
}

export interface Simulator {
  /**
   * Give it to VideoClient as `fetch`. Any origin and mount path will do. A redirect is never followed: the answer is
   * the plain 30x response, or a TypeError for `redirect: "error"`.
   */
  readonly fetch: typeof globalThis.fetch;
  /** A new video; its id. Throws a RangeError for options that cannot work. */
  createVideo(options?: SimulatedVideoOptions): string;
  /** The requests for a video so far, those from before a restore included; empty for an unknown id. */
  requests(id: string): readonly SimulatedRequest[];
  /** What is needed to go on with a video elsewhere; undefined for an unknown id. */
  saveVideo(id: string): SavedVideo | undefined;
}

/** The names of all scenarios; the first is the default. */
export const simulatorScenarios: readonly string[] = /* @__PURE__ */ catalogue.map(({ name }) => name);
/** All scenarios with a title and a sentence on each. */
export const scenarioCatalogue: readonly SimulatorScenario[] = catalogue;

/** @internal */
export type Module = Glue["exports"];
/** @internal */
type Model = InstanceType<Module["Simulator"]>;

/** An answer, as pkg/wasm/simulator writes it. */
interface Answer {
  readonly fate: "answer";
  readonly status: number;
  readonly headers: [string, string][];
  /** The body: `open`, then so many spaces, then `close`, and then its end. */
  readonly open: string;
  readonly filler: number;
  readonly close: string;
  readonly end: "whole" | "stall" | "cut";
}
type Told = Answer | { readonly fate: "reset" } | { readonly fate: "hang" };

const OPTIONS: Readonly<Record<keyof SimulatorOptions, 1>> = {
  apiKey: 1, seed: 1, scenario: 1, speed: 1, mediaBase: 1, otherOrigin: 1, latencyMs: 1,
};
const VIDEO: Readonly<Record<keyof SimulatedVideoOptions, 1>> = { scenario: 1, seed: 1, speed: 1, id: 1, createdMs: 1, asked: 1 };
const CHUNK = 65_536;
const MIN_LATENCY_MS = 20;
const MAX_LATENCY_MS = 60;

/** A pretend server of the model that the loader brings. @internal */
export function simulate(loader: Loader<Module>, options: SimulatorOptions = {}): Simulator {
  if (typeof Response !== "function") {
    throw new TypeError("the simulator answers with a Response, which this host lacks: pretend browsers need it from outside");
  }
  warnOfUnknown("createSimulator()", options, OPTIONS);
  const { apiKey, seed = 0, scenario = "happy", speed = 1, latencyMs } = options;
  const { mediaBase: base = "https://simulator.invalid/media" } = options;
  const mediaBase = typeof base === "function" ? base : resolved(base);
  const { origin: otherOrigin } = new URL(options.otherOrigin ?? "https://other-origin.invalid");
  check(scenario, speed, seed);
  if (latencyMs !== undefined && !(latencyMs >= 0 && latencyMs < Infinity)) {
    throw new RangeError("latencyMs must be a finite number, 0 or more");
  }

  // Two sources, so that the number of requests does not change the ids of later videos.
  const births = random(seed);
  const delays = random(seed + 1);
  const videos = new Map<string, Omit<SavedVideo, "asked"> & { asked: readonly number[] }>();
  let model: Model | undefined;
  let crash: Crash | undefined;
  let starting: Promise<Model> | undefined;

  const register = (to: Model, id: string): void => {
    const video = videos.get(id);
    if (!video) return;
    to.createVideo(id, video.seed, video.scenario, video.speed, video.createdMs);
    const path = `/api/video-editor/generate/video/${encodeURIComponent(id)}`;
    for (const at of video.asked) to.handle("GET", path, apiKey, "", video.createdMs + at, undefined);
  };

  const start = async (): Promise<Model> => {
    const instance = await loader.load();
    const started = new instance.exports.Simulator(
      apiKey,
      seed,
      scenario,
      speed,
      typeof mediaBase === "string" ? mediaBase : "",
      otherOrigin,
    );
    for (const id of videos.keys()) register(started, id);
    crash = instance.crash;
    return (model = started);
  };
  const ready = (): Promise<Model> => {
    // A lost instance answers nothing any more: a new one begins, with what is known of the videos.
    if (crash?.happened) starting = model = crash = undefined;
    return (starting ??= start().catch((error: unknown) => {
      starting = undefined;
      throw error;
    }));
  };

  const requests = (id: string): readonly SimulatedRequest[] => {
    const text = crash?.happened ? undefined : model?.requests(id);
    return text === undefined ? [] : (JSON.parse(text) as SimulatedRequest[]);
  };

  return {
    async fetch(input, init) {
      const request = typeof input === "string" || input instanceof URL ? undefined : input;
      const signal = (init?.signal === undefined ? request?.signal : init.signal) ?? undefined;
      signal?.throwIfAborted();
      const url = new URL(request?.url ?? String(input), "https://simulator.invalid");
      const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
      const headers = new Headers(init?.headers ?? request?.headers);
      const body = init?.body === undefined ? request?.clone() : new Response(init.body);
      const text = method === "GET" || !body ? "" : await unlessAborted(body.text(), signal);

      const server = await unlessAborted(ready(), signal);
      const key = headers.get("x-api-key") ?? undefined;
      const media = typeof mediaBase === "string" ? undefined : resolved(mediaBase(url));
      const answer = server.handle(method, url.pathname + url.search, key, text, Date.now(), media);
      crash?.check();
      const told = JSON.parse(answer) as Told;
      const drawn = (MIN_LATENCY_MS + delays() * (MAX_LATENCY_MS - MIN_LATENCY_MS)) / speed;
      const latency = latencyMs ?? drawn;
      if (latency > 0) await pause(latency, signal);

      if (told.fate === "hang") return unlessAborted(new Promise<never>(() => {}), signal);
      if (told.fate === "reset") throw new TypeError("fetch failed: the connection was reset");
      const redirects = told.status >= 300 && told.status < 400;
      if (redirects && (init?.redirect ?? request?.redirect) === "error") {
        throw new TypeError("fetch failed: unexpected redirect");
      }
      const { status } = told;
      return new Response(status === 204 ? null : bodyOf(told, signal), { status, headers: told.headers });
    },

    createVideo(own = {}) {
      warnOfUnknown("createVideo()", own, VIDEO);
      const drawn = { seed: Math.floor(births() * 2 ** 32), id: uuid(births) };
      const video = {
        scenario: own.scenario ?? scenario,
        seed: own.seed ?? drawn.seed,
        speed: own.speed ?? speed,
        id: own.id ?? drawn.id,
        createdMs: own.createdMs ?? Date.now(),
        asked: own.asked ?? [],
      };
      check(video.scenario, video.speed, video.seed);
      if (video.id === "" || videos.has(video.id)) throw new RangeError(`the id "${video.id}" is empty or taken`);
      videos.set(video.id, video);
      if (model) register(model, video.id);
      return video.id;
    },

    requests,

    saveVideo(id) {
      const video = videos.get(id);
      if (!video || !model || crash?.happened) return video && { ...video };
      // Those with a wrong key moved nothing.
      const asked = requests(id).filter(({ key }) => key).map(({ atMs }) => atMs);
      return { ...video, asked };
    },
  };
}

function check(scenario: string, speed: number, seed: number): void {
  if (!simulatorScenarios.includes(scenario)) throw new RangeError(`there is no scenario called "${scenario}"`);
  if (!(speed > 0 && speed < Infinity)) throw new RangeError("speed must be a finite number above 0");
  if (!(Number.isSafeInteger(seed) && seed >= 0)) throw new RangeError("seed must be a whole number, 0 or more");
}

function resolved(base: string | URL): string {
  const { href } = new URL(base, globalThis.location?.href);
  return href.replace(/\/$/, "");
}

/** The body, as a stream where it is long or does not come to a proper end. */
function bodyOf(told: Answer, signal: AbortSignal | undefined): BodyInit {
  if (told.end === "whole" && told.filler === 0) return told.open + told.close;
  const encoder = new TextEncoder();
  let left = told.filler;
  let abort = (): void => {};
  const leave = (): void => signal?.removeEventListener("abort", abort);
  return new ReadableStream<Uint8Array>({
    start(controller) {
      abort = () => controller.error(signal?.reason);
      signal?.addEventListener("abort", abort, { once: true });
      if (told.open !== "") controller.enqueue(encoder.encode(told.open));
    },
    pull(controller) {
      if (left > 0) {
        const size = Math.min(CHUNK, left);
        left -= size;
        controller.enqueue(new Uint8Array(size).fill(0x20));
        return;
      }
      // The listener stays while a body stalls: aborting is the only way out of it.
      if (told.end === "stall") return new Promise<never>(() => {});
      leave();
      if (told.end === "cut") {
        controller.error(new TypeError("terminated: the connection was cut"));
        return;
      }
      controller.enqueue(encoder.encode(told.close));
      controller.close();
    },
    cancel: leave,
  });
}

/** What `work` comes to, or a rejection with the signal's reason as soon as it aborts. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    const leave = (): void => signal.removeEventListener("abort", abort);
    work.then(resolve, reject).finally(leave);
  });
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await unlessAborted(new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))), signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Numbers from 0 to just under 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function uuid(next: () => number): string {
  return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, (place) =>
    (place === "x" ? Math.floor(next() * 16) : 8 + Math.floor(next() * 4)).toString(16),
  );
}
