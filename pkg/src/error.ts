/**
 * The one error class. What goes into it was decided by the core, with its catalogue of messages; here it only becomes
 * an `Error`. What goes wrong before the module is there has its messages below.
 */

import type { RetryNotice, VideoErrorCode, VideoUpdate } from "./types.js";

/** A failure as the WebAssembly module describes it. @internal */
export interface PlainError {
  readonly code: VideoErrorCode;
  /** What was kept by an older version has none. */
  readonly reason?: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly httpStatus?: number;
  readonly detail?: string;
  readonly url?: string;
  /** What the host threw. */
  readonly cause?: unknown;
  /** Of a timeout: the failure of the last request, without the server's words. */
  readonly failure?: PlainError;
}

/** What is known beside the failure itself. @internal */
interface Rest {
  readonly videoId?: string | undefined;
  readonly last?: VideoUpdate | undefined;
  readonly resumeToken?: string | undefined;
  readonly cause?: unknown;
}

/**
 * Marks errors of this class for every copy of the package: one that is imported, one that is required, one in a bundle.
 * A function, for a bundler may not drop what is called at the top of a file.
 */
const brand = () => Symbol.for("iacrea-video.VideoError");

export interface VideoError {
  /** What the host threw, the key redacted; for "timeout" the failure of the last request as a `VideoError`, if it had failed. */
  readonly cause?: unknown;
}

/** Why there is no video. */
export class VideoError extends Error {
  /** Survives minifiers, which rename classes. */
  static override readonly name: string = "VideoError";
  override readonly name = "VideoError";
  readonly code: VideoErrorCode;
  /** What went wrong, more closely: the key of the message, for words of your own. https://github.com/iacrea/iacrea-video/blob/main/docs/errors.md lists them. */
  readonly reason: string;
  /** Whether trying again later, with `resumeToken`, can help. */
  readonly retryable: boolean;
  readonly httpStatus?: number;
  /** The server's own words, if any: at most 2,000 characters. The message does not repeat them. */
  readonly detail?: string;
  /** Of which video. */
  readonly videoId?: string;
  /** What was requested; holds no key. */
  readonly url?: string;
  /** The last update before it. */
  readonly last?: VideoUpdate;
  readonly resumeToken?: string;

  /** Whether it is a `VideoError`, of whichever copy of the package; so does `instanceof`. */
  static is(value: unknown): value is VideoError {
    return safely(() => (value as Record<symbol, unknown> | null | undefined)?.[brand()] === true) ?? false;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class that extends this one has instances of its own.
    return this === VideoError ? VideoError.is(value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /** @internal */
  constructor(plain: PlainError, rest: Rest = {}) {
    const given = "cause" in rest ? rest : plain;
    super(plain.message, "cause" in given ? { cause: given.cause } : undefined);
    Object.defineProperty(this, brand(), { value: true });
    this.code = plain.code;
    this.reason = plain.reason ?? plain.code;
    this.retryable = plain.retryable;
    if (plain.httpStatus !== undefined) this.httpStatus = plain.httpStatus;
    if (plain.detail !== undefined) this.detail = plain.detail;
    // Where the module is not there yet, nobody has looked at the id.
    if (typeof rest.videoId === "string") this.videoId = rest.videoId;
    if (plain.url !== undefined) this.url = plain.url;
    // Not enumerable, for a console would show all that the server sent before it comes to the rest.
    if (rest.last !== undefined) Object.defineProperty(this, "last", { value: rest.last, enumerable: false });
    if (rest.resumeToken !== undefined) this.resumeToken = rest.resumeToken;
  }

  /** What Node and its kin print: long texts are cut, so that a terminal holds the error, the caller's line and the code. */
  [Symbol.for("nodejs.util.inspect.custom")](_depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    return inspect(this, { ...options, customInspect: false, maxStringLength: 300 });
  }

  /** All but the stack and the body of the last update, for a log. Of what the host threw only its name, code and message. */
  toJSON(): object {
    const { name, code, reason, message, retryable, httpStatus, detail, videoId, url, resumeToken, cause } = this;
    const last = this.last && { ...this.last, raw: undefined };
    return { name, code, reason, message, retryable, httpStatus, detail, videoId, url, last, resumeToken, cause: plainCause(cause) };
  }
}

/** What `JSON.stringify` may show of a cause. */
function plainCause(cause: unknown): unknown {
  return safely(() => {
    if (VideoError.is(cause)) return cause.toJSON();
    if (typeof cause !== "object" || cause === null) return typeof cause === "string" ? cause : undefined;
    const { name, code, message } = cause as Partial<Record<string, unknown>>;
    const text = (value: unknown) => (typeof value === "string" ? value : undefined);
    return { name: text(name), code: text(code), message: text(message) };
  });
}

/** The messages of what goes wrong outside the module, by their reasons. `@` stands for the host's words. */
const MESSAGES = {
  module_failed: "The WebAssembly module failed: @. This is probably a bug: the next call makes a new one; please report it.",
  module_not_loaded: "The WebAssembly module could not be loaded: @. Check where it comes from, and try again.",
  module_late: "The WebAssembly module was not loaded in time. Its server or the network is probably slow: check where it comes from, and try again.",
  single_instance: "The WebAssembly module failed, and the bundler's plugin that imported it makes one instance only. Start this server anew, and report the failure.",
  no_webassembly: "This host has no WebAssembly, which is probably too old or has it disabled. Use another one, or poll on a server.",
  webassembly_forbidden:
    "Compiling WebAssembly is forbidden here. A page's Content-Security-Policy needs 'wasm-unsafe-eval' in its script-src; " +
    "a bundle for an edge runtime must be resolved with that runtime's export condition.",
} as const;

/** A failure outside the module. @internal */
export function outside(reason: keyof typeof MESSAGES, { code = "internal", words = "", ...rest }: Rest & { code?: "internal" | "timeout"; words?: string } = {}): VideoError {
  // What the host cannot do now it cannot do later.
  const retryable = !["no_webassembly", "webassembly_forbidden", "single_instance"].includes(reason);
  return new VideoError({ code, reason, message: MESSAGES[reason].replace("@", () => words), retryable }, rest);
}

/** A failure as the module describes it; `notice` is the last one of those that were retried. @internal */
export function failed(plain: PlainError, rest: Rest, notice?: RetryNotice): VideoError {
  const { failure } = plain;
  if (!failure) return new VideoError(plain, rest);
  // The module keeps the numbers alone of what it retries.
  const isNoticed = notice !== undefined && notice.reason === failure.reason && notice.httpStatus === failure.httpStatus;
  const { detail } = plain;
  const known: PlainError = isNoticed ? { ...notice, retryable: failure.retryable } : { ...failure, ...(detail !== undefined && { detail }) };
  return new VideoError(plain, { ...rest, cause: new VideoError(known, { videoId: rest.videoId }) });
}

/** An argument that is refused before WebAssembly is asked. @internal */
export function invalidArgument(what: string): VideoError {
  return new VideoError({ code: "invalid_argument", message: `invalid argument: ${what}`, retryable: false });
}

/**
 * What `act` reads of an object of the user's. Whatever its getters and traps throw is not passed on: it is
 * somebody's own, and may hold anything. @internal
 */
export function readable<T>(act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    if (VideoError.is(thrown)) throw thrown;
    throw invalidArgument("options hold something that cannot be read");
  }
}

/** What loading or running the module threw, as an error of ours with what else is known: one that is ours may be told to many. @internal */
export function asVideoError(thrown: unknown, rest: Rest = {}): VideoError {
  // From an argument that was refused there is nothing to go on.
  if (safely(() => isPlainError(thrown))) return new VideoError(thrown as PlainError, (thrown as PlainError).code === "invalid_argument" ? {} : rest);
  return outside("module_failed", { ...rest, words: wordsOf(thrown), cause: thrown });
}

/** What an error says, whatever it is. @internal */
export function wordsOf(thrown: unknown): string {
  return safely(() => String((thrown as Partial<Error> | null | undefined)?.message ?? thrown)) ?? "without words";
}

/** Not an error of the host's: some of these have a code too, and come from another realm. */
function isPlainError(thrown: unknown): boolean {
  return typeof (thrown as Partial<PlainError> | null | undefined)?.retryable === "boolean";
}

/** Nothing, where `act` throws: what somebody else's code throws may be an object that throws when it is looked at. @internal */
export function safely<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
