/** The time that the module may take to come. Once it is there, the core keeps the time. */

import { outside } from "./error.js";

/** After so long a module that is on its way has failed, in milliseconds. */
export const LOADING_MS = 30_000;

/** What the module's loading comes to, unless `ms` pass first, LOADING_MS at most; then `giveUp` is called, and it has failed as `code`. */
export function within<T>(ms: number, loading: Promise<T>, code: "internal" | "timeout", giveUp: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = Math.min(ms, LOADING_MS);
    const late = () => {
      giveUp();
      const cause = new DOMException(`loading it took longer than ${limit} ms`, "TimeoutError");
      reject(outside("module_late", { code, cause }));
    };
    const timer = setTimeout(late, limit);
    const leave = () => clearTimeout(timer);
    loading.then(resolve, reject).finally(leave);
  });
}
