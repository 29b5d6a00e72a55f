/** Time limits on the way to the module. Once it is there, the core keeps the time. */

import { VideoError } from "./error.js";

/** Of a poll that sets no other, in milliseconds; as in the core. */
export const DEFAULT_TIMEOUT_MS = 1_200_000;

/** For the module to come, where no poll sets a limit. */
export const LOADING_MS = 30_000;

/** The longest that a timer can wait. */
const LONGEST = 2 ** 31 - 1;

/** What the module's loading comes to, unless `ms` pass first. */
export function within<T>(ms: number, loading: Promise<T>, code: "internal" | "timeout"): Promise<T> {
  if (ms > LONGEST) return loading;
  return new Promise((resolve, reject) => {
    const late = () => reject(new VideoError({ code, message: "the WebAssembly module was not loaded in time", retryable: true }));
    const timer = setTimeout(late, ms);
    const leave = () => clearTimeout(timer);
    loading.then(resolve, reject).finally(leave);
  });
}
