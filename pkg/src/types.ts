/**
 * The public types. They are written by hand, so that each arm of a union carries its own docs; a
 * Rust test holds them against the core, and neither side can gain or lose a name alone.
 *
 * Wire facts are "documented" where the API's public documentation states them, else "inferred".
 */

/// <reference lib="esnext.disposable" preserve="true" />

import type { VideoError } from "./error.js";

/** State of one clip (documented); a value this version does not know is `"unrecognized"`. */
export type ContentStatus = "pending" | "success" | "error" | "unrecognized";

/** One clip. Its fields are documented for sister endpoints; any may be missing. */
export interface GeneratedContent {
  readonly id?: string;
  readonly url?: string;
  /** Camera movement, such as `CAMERA_PUSH_IN`. */
  readonly effect?: string;
  readonly format?: string;
  /** Auto videos only. */
  readonly category?: string;
  /** Auto videos only. */
  readonly text?: string;
  readonly status: ContentStatus;
}

interface VideoBase {
  /** Clips in the server's order; empty where it sent none. */
  readonly generatedContent: readonly GeneratedContent[];
  /** Credits remaining (inferred). */
  readonly creditsTotal?: number;
  /** Credits used (inferred). */
  readonly creditsUsed?: number;
  /** The parsed body itself, with all that the server said. `undefined` after a resume, until the first answer. */
  readonly raw: unknown;
}

/** Clips are being generated. */
export interface GeneratingVideo extends VideoBase {
  readonly status: "GENERATING_VIDEO";
}

/** All clips are ready, the final render starts. */
export interface StartRenderingVideo extends VideoBase {
  readonly status: "START_RENDERING_VIDEO";
  /** Of the render, 0 to 1. */
  readonly progress: number;
}

/** The final render is in progress. */
export interface RenderingVideo extends VideoBase {
  readonly status: "RENDERING_VIDEO";
  /** Of the render, 0 to 1; the server may count to 1 or to 100. */
  readonly progress: number;
}

/** The video is finished. */
export interface DoneVideo extends VideoBase {
  readonly status: "DONE";
  /** Where the video is. Its name on the wire is not documented: the likely names are tried, then the only web address in the body. */
  readonly url: string;
  /** The server's id of the video, or the one that was asked for. */
  readonly id: string;
}

/** In between: waiting to start, or a failed clip is being generated again. */
export interface PendingVideo extends VideoBase {
  readonly status: "PENDING";
  /** The server's words, such as "Re-generating video in error". */
  readonly message?: string;
}

/** The server gave up. A poll rejects with `video_failed`. */
export interface FailedVideo extends VideoBase {
  readonly status: "ERROR";
  readonly message?: string;
}

/** A status this version does not know. Polling goes on. */
export interface UnrecognizedVideo extends VideoBase {
  readonly status: "UNRECOGNIZED";
  /** As the server wrote it; empty where a `resumeToken` says no more, until the first response. */
  readonly rawStatus: string;
}

/** One answer of the server. Narrow it by `status`. */
export type VideoStatus =
  | PendingVideo
  | GeneratingVideo
  | StartRenderingVideo
  | RenderingVideo
  | DoneVideo
  | FailedVideo
  | UnrecognizedVideo;

/** How the wait goes. */
export interface PollProgress {
  /** The id that was asked for. */
  readonly videoId: string;
  /** The whole job, 0 to 1. It never falls, and is 1 only when `DONE`. */
  readonly overall: number;
  /** Estimate of the time left, in milliseconds; absent where there is no ground for one. */
  readonly remainingMs?: number;
  /** Since the poll began, in milliseconds. */
  readonly elapsedMs: number;
  /** Requests sent for this video so far. */
  readonly requests: number;
  /** Why the last request failed, while it is being tried again. */
  readonly retrying?: VideoErrorCode;
}

/** A status within a poll. Clips and credits that the server omits are carried forward. Narrow it by `status`. */
export type VideoUpdate = VideoStatus & PollProgress;

/** What a poll resolves with. */
export type DoneUpdate = DoneVideo & PollProgress;

/** Every way it can end badly. */
export type VideoErrorCode =
  /** An option, id or token that cannot work; no request was sent. */
  | "invalid_argument"
  /** HTTP 401 or 403. Never retried. */
  | "unauthorized"
  /** HTTP 404. Never retried. */
  | "not_found"
  /** The server answered `ERROR`. */
  | "video_failed"
  /** `timeoutMs` is over, or the server asked to wait beyond it. */
  | "timeout"
  /** No answer, or none within `requestTimeoutMs`: `maxConsecutiveFailures` times in a row. */
  | "network"
  /** HTTP 429, as often. */
  | "rate_limited"
  /** HTTP 408, 425 or 5xx, as often; any other 4xx at once. */
  | "http"
  /** An answer that is no video status or is too long, as often. */
  | "bad_response"
  /** A redirect. Refused at once, so that the key goes nowhere else. */
  | "redirected"
  /** The WebAssembly module could not be loaded, or trapped. */
  | "internal";

export interface ClientOptions {
  /** Sent as `x-api-key`. Leave it out in a browser, and point `baseUrl` at a proxy of yours that adds it. */
  apiKey?: string;
  /**
   * Where the API is; default `https://iacrea.com`. In a browser it may be relative (`"/"`, `"/video-proxy"`).
   * With a key it must be https, or plain http to `localhost`, 127.0.0.0/8 or `[::1]`.
   */
  baseUrl?: string | URL;
  /** Which of the two documented calls to make: `.../generate/video/{id}` or `.../generate/video/auto/{id}`. Default `"video"`. */
  kind?: "video" | "auto";
  /** Further headers, such as your proxy's session token. */
  headers?: ConstructorParameters<typeof Headers>[0];
  /** As for `fetch`. */
  credentials?: "omit" | "same-origin" | "include";
  /** Used instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /**
   * `"events"`: listen to the live stream that `createVideoWatch` of `iacrea-video/cloudflare` offers beside each
   * video (`.../{id}/events`, server-sent events), and ask when it has news, instead of every few seconds. Nothing
   * else changes: where there is no stream, or it breaks, or three others of this client are open, it polls.
   */
  follow?: "events";
  /**
   * `true`: pages and workers of this origin that wait for the same video ask once between them (Web Locks,
   * BroadcastChannel; where a browser lacks either, each asks for itself). They must send the same requests: the
   * address, the headers, the key and the credentials are part of who they are, as a digest that tells nothing of
   * them. Where only a cookie, or a `fetch` of your own, tells one user from another, give a text that does (the
   * user's id) instead of `true`. What pages hear of each other is checked like a response, but scripts of one origin are
   * one party: one that means to can listen and talk along. Default `false`.
   */
  acrossTabs?: boolean | string;
  /** For headers and body of one request together, in milliseconds. Default 30,000. */
  requestTimeoutMs?: number;
  /** Longest body that is read, in bytes; in no more parts either. Default 1 MiB. */
  maxResponseBytes?: number;
  /**
   * How many requests of this client may be in flight at once: 1 or more, whole. Default Infinity; `waitForVideos`
   * has a limit of its own, and the tightest counts.
   */
  concurrency?: number;
  /**
   * How many requests of this client may leave in a second, above 0; they are spread out evenly, nearly finished videos
   * first. Default Infinity: as many as the pace of each video has it. Either way an answer 429 to one of several
   * videos slows them all down, until the server has no complaints any more.
   */
  requestsPerSecond?: number;
  /** What `lessons()` of an earlier client gave, for a better word of the time left from the first video on. */
  lessons?: string;
}

export interface PollOptions {
  /** Aborting rejects with `signal.reason` itself, at once, and no further request is sent. */
  signal?: AbortSignal;
  /**
   * Called with the first status, then whenever something changes. Time and the count of requests alone
   * are no change. What it throws is reported and does not end the poll.
   */
  onUpdate?: (update: VideoUpdate) => void;
  /** Milliseconds from the start, above 0; measured on a clock that cannot be stepped. Default 1,200,000 (20 minutes). `Infinity` waits for ever. */
  timeoutMs?: number;
  /** Shortest pause between two requests, in milliseconds. Default 2,000, the API's own advice. */
  minIntervalMs?: number;
  /** Longest pause between two requests while all is well. Default 5,000, likewise. */
  maxIntervalMs?: number;
  /** Give up at this many transient failures in a row: 1 or more, `Infinity` allowed. Default 10. */
  maxConsecutiveFailures?: number;
  /**
   * Go on where an earlier poll of the same video stopped, with its deadline and progress. A token can be forged, so it
   * makes a poll slower or shorter than it would be without, never faster or longer: give shorter intervals and longer
   * limits than the defaults again. One that another version of this package has written is dropped, with a warning on
   * the console; one that is damaged, or of another video, is "invalid_argument".
   */
  resumeToken?: string;
}

/** Options of many polls at once. */
export interface PollManyOptions extends Omit<PollOptions, "onUpdate" | "resumeToken"> {
  /** Most requests in flight. Default 6. */
  concurrency?: number;
  /** As in {@link PollOptions}, for each of the videos. */
  onUpdate?: (update: VideoUpdate) => void;
}

/** One poll that is under way. */
export interface VideoPoller extends AsyncIterable<VideoUpdate> {
  readonly id: string;
  /** The latest update, the same object until there is a new one; fits `useSyncExternalStore`. */
  readonly current: VideoUpdate | undefined;
  /** Resolves with the finished video; rejects with a `VideoError` or the reason of an abort. Safe to ignore. */
  readonly done: Promise<DoneUpdate>;
  /** Calls `listener` with each update from now on; returns how to stop that. */
  subscribe(listener: (update: VideoUpdate) => void): () => void;
  /** Ask now: a webhook came, say. Joins a request that is in flight, and waits where the server asked to. */
  pollNow(): void;
  /** Leaves the poll; `done` rejects with `reason`, by default an `AbortError`. */
  cancel(reason?: unknown): void;
  /** What another page or process needs to go on. Holds no key. */
  resumeToken(): string;
  /** As `cancel()`. */
  [Symbol.dispose](): void;
  /** Yields the newest update, skipping those a slow reader missed; ends after `DONE`, throws what `done` rejects with. Leaving the loop early cancels the poll. */
  [Symbol.asyncIterator](): AsyncIterator<VideoUpdate, undefined>;
}

/** What happened to a poll that an engine carries. */
export type PollEvent =
  /** An answer to the request, whatever its status; `0` for a redirect that `fetch` hides. `body` is the text of it. */
  | { readonly type: "response"; readonly httpStatus: number; readonly retryAfter?: string | null; readonly body: string }
  /** No answer came, or none in time. */
  | { readonly type: "network_error" }
  /** The time came, or a webhook did. Also for an engine that has lost its place: it never asks sooner than `minIntervalMs` after the last question. */
  | { readonly type: "wake" };

/** What an engine is to do next. */
export type PollCommand =
  /** Ask the API once, and step with what comes of it; no need to wait for it beyond `giveUpAtMs`, the poll's deadline. */
  | { readonly type: "fetch"; readonly giveUpAtMs?: number; readonly update?: VideoUpdate }
  /** Step with a wake at that Unix time. */
  | { readonly type: "sleep"; readonly untilMs: number; readonly update?: VideoUpdate }
  | { readonly type: "done"; readonly update: DoneUpdate }
  | { readonly type: "failed"; readonly error: VideoError };

/** Where a poll stands, and what to do next. */
export interface Step {
  /** All of the poll's state as versioned text; it holds no key. */
  readonly snapshot: string;
  readonly command: PollCommand;
}

/** The bounds of a poll that an engine carries. */
export type MachineOptions = Pick<PollOptions, "timeoutMs" | "minIntervalMs" | "maxIntervalMs" | "maxConsecutiveFailures">;
