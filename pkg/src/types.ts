/**
 * The public types. They are written by hand, so that each arm of a union carries its own docs; a
 * Rust test holds them against the core, and neither side can gain or lose a name alone.
 *
 * Wire facts are "documented" where the API's public documentation states them, else "inferred".
 */

import type { VideoError } from "./error.js";

declare global {
  // The same names as in TypeScript's library "esnext.disposable", which compilers before 5.2 lack and a reference to which
  // they refuse. Where the library is there too, the declarations merge.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
}

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
  /** The parsed body itself, with all that the server said. `undefined` after a resume, until the first response, and for a 202 without a status. */
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
  /**
   * Where the video is: http or https, without blanks. Its name on the wire is not documented: the likely names are tried
   * in three levels of the body, then the only address that no name and no ending says is something else.
   */
  readonly url: string;
  /** The server's id of the video, or the one that was asked for. */
  readonly id: string;
  /** As the server wrote it, where that is not the documented `DONE` but `completed` or the like, with the video beside it. */
  readonly rawStatus?: string;
}

/**
 * In between: waiting to start, or a failed clip is being generated again. `getStatus` gives it for a response 202 without
 * a status too; a poll keeps the status that it has.
 */
export interface PendingVideo extends VideoBase {
  readonly status: "PENDING";
  /** The server's words, such as "Re-generating video in error". */
  readonly message?: string;
}

/** The server gave up. A poll rejects with `video_failed`. */
export interface FailedVideo extends VideoBase {
  readonly status: "ERROR";
  /** The server's words: those of the error, else its `message`. */
  readonly message?: string;
  /**
   * As the server wrote it, where that is not the documented `ERROR` but `failed` or the like: a poll ends with that after
   * three in a row over at least 30 s, and until then it is `UNRECOGNIZED`.
   */
  readonly rawStatus?: string;
}

/** A status this version does not know. Polling goes on, unless its word means failure and comes again and again. */
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

/**
 * A status within a poll. Clips and credits that the server omits are carried forward. Narrow it by `status`. A poll with
 * a `resumeToken` begins with an update of what the token knows, before the first response: it has status, `overall` and
 * the states of the clips, no address, no text, and `raw` is undefined. It is never `DONE`.
 */
export type VideoUpdate = VideoStatus & PollProgress;

/** What a poll resolves with. */
export type DoneUpdate = DoneVideo & PollProgress;

/** Every way it can end badly. */
export type VideoErrorCode =
  /** An option, id (of at most 4,096 bytes of UTF-8) or token that cannot work; no request was sent. */
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
  apiKey?: string | undefined;
  /**
   * Where the API is; default `https://iacrea.com`. In a browser it may be relative (`"/"`, `"/video-proxy"`).
   * With a key it must be https, or plain http to `localhost`, 127.0.0.0/8 or `[::1]`.
   */
  baseUrl?: string | URL | undefined;
  /** Which of the two documented calls to make: `.../generate/video/{id}` or `.../generate/video/auto/{id}`. Default `"video"`. */
  kind?: "video" | "auto" | undefined;
  /** Further headers, such as your proxy's session token. */
  headers?: ConstructorParameters<typeof Headers>[0] | undefined;
  /** As for `fetch`. */
  credentials?: "omit" | "same-origin" | "include" | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /**
   * `"events"`: listen to the live stream that `createVideoWatch` of `iacrea-video/cloudflare` offers beside each
   * video (`.../{id}/events`, server-sent events), and ask when it has news, instead of every few seconds. Nothing
   * else changes: where there is no stream, or it breaks, or three others of this client are open, it polls.
   */
  follow?: "events" | undefined;
  /**
   * `true`: pages and workers of this origin that wait for the same video ask once between them (Web Locks,
   * BroadcastChannel; where a browser lacks either, each asks for itself). They must send the same requests: the
   * address, the headers, the key and the credentials are part of who they are, as a digest that tells nothing of
   * them. Where only a cookie, or a `fetch` of your own, tells one user from another, give a text that does (the
   * user's id) instead of `true`. What pages hear of each other is checked like a response, but scripts of one origin are
   * one party: one that means to can listen and talk along. Default `false`.
   */
  acrossTabs?: boolean | string | undefined;
  /** For headers and body of one request together, in milliseconds. Default 30,000. */
  requestTimeoutMs?: number | undefined;
  /** Longest body that is read, in bytes; in no more parts either. Default 1 MiB. */
  maxResponseBytes?: number | undefined;
  /**
   * How many requests of this client may be in flight at once: 1 or more, whole. Default Infinity; `waitForVideos`
   * has a limit of its own, and the tightest counts.
   */
  concurrency?: number | undefined;
  /**
   * How many requests of this client may leave in a second, above 0; they are spread out evenly, nearly finished videos
   * first. Default Infinity: as many as the pace of each video has it. Either way an answer 429 to one of several
   * videos slows them all down, until the server has no complaints any more.
   */
  requestsPerSecond?: number | undefined;
  /** Called with every failure of every poll of this client that is going to be retried, for a log say; beside the poll's own `onRetry`. */
  onRetry?: ((notice: RetryNotice) => void) | undefined;
  /**
   * A key in a page can be read by whoever opens the page, so it is warned of once on the console, unless the page is on
   * this machine (`localhost` and its like) or this is true: where nobody else opens the page, say. Default false.
   */
  allowBrowserKey?: boolean | undefined;
}

export interface PollOptions {
  /** Aborting rejects with `signal.reason` itself, at once, and no further request is sent. */
  signal?: AbortSignal | undefined;
  /**
   * Called with the first status (with a `resumeToken` that is what the token knows), then whenever something changes. Time
   * and the count of requests alone are no change. What it throws is reported and does not end the poll.
   */
  onUpdate?: ((update: VideoUpdate) => void) | undefined;
  /** Called with every failure that is going to be retried, also before the first status. What it throws is reported and does not end the poll. */
  onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Milliseconds from the start, above 0; measured on a clock that cannot be stepped. Default 1,200,000 (20 minutes). `Infinity` waits for ever. */
  timeoutMs?: number | undefined;
  /** Shortest pause between two requests, in milliseconds. Default 2,000, the API's own advice, or `maxIntervalMs` where that is given and shorter. */
  minIntervalMs?: number | undefined;
  /** Longest pause between two requests while all is well. Default 5,000, likewise, or `minIntervalMs` where that is given and longer. */
  maxIntervalMs?: number | undefined;
  /** Give up at this many transient failures in a row: 1 or more, `Infinity` allowed. Default 10. */
  maxConsecutiveFailures?: number | undefined;
  /**
   * Go on where an earlier poll of the same video stopped, with its progress, and its deadline or `timeoutMs` from now on,
   * whichever is sooner; only after a "timeout" a whole `timeoutMs` begins. A token can be forged, so it makes a poll slower
   * or shorter than it would be without, never faster or longer: give shorter intervals and longer limits than the defaults
   * again. One that another version of this package has written is dropped, with a warning on the console; one that is
   * damaged, or of another video, is "invalid_argument".
   */
  resumeToken?: string | undefined;
}

/** Options of many polls at once. */
export interface PollManyOptions extends Omit<PollOptions, "onUpdate" | "resumeToken"> {
  /** Most requests in flight. Default 6. */
  concurrency?: number | undefined;
  /** As in {@link PollOptions}, for each of the videos. */
  onUpdate?: ((update: VideoUpdate) => void) | undefined;
}

/** A video that a poll is to be made of, and what an earlier poll of it left. */
export interface VideoToResume {
  readonly id: string;
  /** As in {@link PollOptions}. */
  readonly resumeToken?: string | undefined;
}

/** What became of one of many videos, as `Promise.allSettled` has it; with what to go on from where there is no video. */
export type SettledVideo = PromiseFulfilledResult<DoneUpdate> | (PromiseRejectedResult & { readonly resumeToken: string });

/** One poll that is under way. Its methods may be destructured and handed on; all of it works behind a Proxy. */
export interface VideoPoller extends AsyncIterable<VideoUpdate> {
  readonly id: string;
  /** The latest update, the same object until there is a new one; fits `useSyncExternalStore`. With a `resumeToken` it is there before the first response. */
  readonly current: VideoUpdate | undefined;
  /** The failure that is being retried now, also before the first status; the same object until there is a new one. */
  readonly retrying: RetryNotice | undefined;
  /** Resolves with the finished video; rejects with a `VideoError` or the reason of an abort. Safe to ignore: a failure is then a warning on the console. */
  readonly done: Promise<DoneUpdate>;
  /** Calls `listener` with each update from now on; returns how to stop that. */
  subscribe(listener: (update: VideoUpdate) => void): () => void;
  /**
   * Ask now: a webhook came, say. Joins a request that is in flight, and waits where the server asked to. It never leaves
   * sooner than a second (or `minIntervalMs`, where that is shorter) after the last request, however often it is called.
   */
  pollNow(): void;
  /** Leaves the poll; `done` rejects with `reason`, by default an `AbortError`. */
  cancel(reason?: unknown): void;
  /** What another page or process needs to go on, whatever the id: at most 16,384 ASCII characters. Holds no key. */
  resumeToken(): string;
  /** As `cancel()`. */
  [Symbol.dispose](): void;
  /** Yields the newest update, skipping those a slow reader missed; ends after `DONE`, throws what `done` rejects with. Leaving the loop early cancels the poll. */
  [Symbol.asyncIterator](): AsyncIterator<VideoUpdate, undefined>;
}

/** A failure that is going to be retried. */
export interface RetryNotice {
  readonly videoId: string;
  readonly code: VideoErrorCode;
  /** Key of the catalogue of messages, for words of your own: https://github.com/iacrea/iacrea-video/blob/main/docs/errors.md lists them. */
  readonly reason: string;
  /** What happened, where, the likely cause and the cure, in one or two sentences. */
  readonly message: string;
  /** 1 for the first failure in a row. Requests while the device is offline are not counted. */
  readonly attempt: number;
  /** Until the next request, in milliseconds, as of this notice; until the deadline where that comes first. */
  readonly nextMs: number;
  /** What was requested; holds no key. Empty from a machine, which makes no request. */
  readonly url: string;
  readonly httpStatus?: number;
  /** The server's own words, if any. */
  readonly detail?: string;
  /** What the host threw, the key redacted. */
  readonly cause?: unknown;
}

/** What happened to a poll that an engine carries. */
export type PollEvent =
  /**
   * An answer to the request, whatever its status; `0` for a redirect that `fetch` hides. `body` is the text of it, and
   * `oversized` says that there is more of it, which was not read. `date` is the header of that name: a `retryAfter` that is
   * a date is counted from it, for the server's clock may not be right.
   */
  | {
      readonly type: "response";
      readonly httpStatus: number;
      readonly retryAfter?: string | null | undefined;
      readonly date?: string | null | undefined;
      readonly oversized?: boolean | undefined;
      readonly body: string;
    }
  /** No answer came, or none in time. */
  | { readonly type: "network_error" }
  /**
   * The time came, or a webhook did. Also for an engine that has lost its place: it never asks sooner than `minIntervalMs` after
   * the last question, and takes one whose answer was never told for a failed one.
   */
  | { readonly type: "wake" };

/** What an engine is to do next. */
export type PollCommand =
  /** Ask the API once, and step with what comes of it; no need to wait for it beyond `giveUpAtMs`, the poll's deadline. */
  | { readonly type: "fetch"; readonly giveUpAtMs?: number; readonly update?: VideoUpdate }
  /** Step with a wake at that Unix time. */
  | { readonly type: "sleep"; readonly untilMs: number; readonly update?: VideoUpdate; /** The failure that is being retried, if one is. */ readonly retrying?: RetryNotice }
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
