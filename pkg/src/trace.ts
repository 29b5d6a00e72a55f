/**
 * Errors that show where they were waited for. An error of a poll is made in a timer or in the answer to a request, where
 * none of the caller's functions is on the stack; where its rejection reaches one that waits, engines know who that is.
 */

import { VideoError } from "./error.js";

/** Of V8, and of engines that follow it. */
interface Tracing {
  captureStackTrace?(error: object, above: Function): void;
}

/**
 * `work`, whose VideoError has the stack of whoever awaits the result. The engine follows a promise to the function that
 * awaits it only where nothing else hangs on that promise, so the result must be handed on as it is; what is to hang on it
 * may come with `rejecting`, when the stack is there.
 */
export async function traced<T>(work: Promise<T>, rejecting?: () => void): Promise<T> {
  try {
    return await work;
  } catch (error) {
    // Above this function, so that a terminal shows the caller's line and none of this package.
    if (error instanceof VideoError) (Error as Tracing).captureStackTrace?.(error, traced);
    rejecting?.();
    throw error;
  }
}
