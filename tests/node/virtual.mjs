// @ts-check
/**
 * Virtual time, for whoever imports this before anything that reads a clock: timers and clocks are those of
 * @sinonjs/fake-timers, and time leaps to the next timer whenever the program waits for nothing else. An hour passes in
 * a moment, in the same steps however busy the machine is. Nothing may wait for a socket, a process or a thread here:
 * time would not wait for it.
 */

import FakeTimers from "@sinonjs/fake-timers";
import { syncBuiltinESMExports } from "node:module";
import { after } from "node:test";

export const clock = FakeTimers.install({
  now: Date.UTC(2026, 0, 1),
  toFake: ["Date", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
});
// `import { setTimeout } from "node:timers/promises"` is bound to a copy.
syncBuiltinESMExports();

// Node's own has a timer of its own.
AbortSignal.timeout = (ms) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms);
  return controller.signal;
};

/** From here on time leaps. Before it, what is slow to begin (the module) is loaded. */
export function leap() {
  clock.setTickMode({ mode: "nextAsync" });
}

after(() => clock.uninstall());
