/** The one error class. What goes into it was decided by the core; here it only becomes an `Error`. */

import type { VideoErrorCode, VideoUpdate } from "./types.js";

/** A failure as the WebAssembly module describes it. @internal */
export interface PlainError {
  readonly code: VideoErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly httpStatus?: number;
  readonly detail?: string;
}

/** What is known beside the failure itself. @internal */
interface Rest {
  readonly last?: VideoUpdate | undefined;
  readonly resumeToken?: string | undefined;
  readonly cause?: unknown;
}

/** Why there is no video. */
export class VideoError extends Error {
  /** Survives minifiers, which rename classes. */
  static override readonly name: string = "VideoError";
  override readonly name = "VideoError";
  readonly code: VideoErrorCode;
  /** Whether trying again later, with `resumeToken`, can help. */
  readonly retryable: boolean;
  readonly httpStatus?: number;
  /** The server's own words, if any: at most 2,000 characters. */
  readonly detail?: string;
  /** The last update before it. */
  readonly last?: VideoUpdate;
  readonly resumeToken?: string;

  /** @internal */
  constructor(plain: PlainError, rest: Rest = {}) {
    super(plain.message, "cause" in rest ? { cause: rest.cause } : undefined);
    this.code = plain.code;
    this.retryable = plain.retryable;
    if (plain.httpStatus !== undefined) this.httpStatus = plain.httpStatus;
    if (plain.detail !== undefined) this.detail = plain.detail;
    // Not enumerable, for a console would show all that the server sent before it comes to the rest.
    if (rest.last !== undefined) Object.defineProperty(this, "last", { value: rest.last, enumerable: false });
    if (rest.resumeToken !== undefined) this.resumeToken = rest.resumeToken;
  }

  /** What Node and its kin print: long texts are cut, so that a terminal holds the error, the caller's line and the code. */
  [Symbol.for("nodejs.util.inspect.custom")](_depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    return inspect(this, { ...options, customInspect: false, maxStringLength: 300 });
  }
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
    if (safely(() => thrown instanceof VideoError)) throw thrown;
    throw invalidArgument("options hold something that cannot be read");
  }
}

/** What loading or running the module threw, as an error of ours with what else is known: one that is ours may be told to many. @internal */
export function asVideoError(thrown: unknown, rest: Rest = {}): VideoError {
  // From an argument that was refused there is nothing to go on.
  if (safely(() => isPlainError(thrown))) return new VideoError(thrown as PlainError, (thrown as PlainError).retryable ? rest : {});
  const words = safely(() => String((thrown as Partial<Error> | null | undefined)?.message ?? thrown)) ?? "without words";
  return new VideoError({ code: "internal", message: `the WebAssembly module failed: ${words}`, retryable: true }, { ...rest, cause: thrown });
}

/** Not an error of the host's: some of these have a code too, and come from another realm. */
function isPlainError(thrown: unknown): boolean {
  return typeof (thrown as Partial<PlainError> | null | undefined)?.retryable === "boolean";
}

/** Nothing, where `act` throws: what somebody else's code throws may be an object that throws when it is looked at. */
function safely<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
