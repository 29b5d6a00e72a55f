// @ts-check
/**
 * Programs that a test starts end with it, however it ends. When its tests are over they are ended and waited for while
 * the process still runs: one that is killed only at its exit is no longer reaped, and leaves its handles to be closed by
 * a process that is being taken down. That remains for a test that ends otherwise: a runner that has waited for a test
 * file long enough sends it SIGTERM, and so do people.
 */

import { once } from "node:events";
import { after } from "node:test";

/** How each is ended. @type {Map<import("node:child_process").ChildProcess, () => void>} */
const ends = new Map();
after(async () => {
  await Promise.all([...ends].map(async ([child, end]) => {
    const isRunning = child.pid !== undefined && child.exitCode === null && child.signalCode === null;
    const ended = isRunning && once(child, "exit");
    // It may be one that does not keep this process alive.
    child.ref();
    end();
    await ended;
  }));
});
process.once("exit", () => ends.forEach((end) => end()));
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.once(signal, () => process.exit(1));

/**
 * @template {import("node:child_process").ChildProcess} Child
 * @param {Child} child
 * @param {() => void} [end] how it is ended
 */
export function endWithTest(child, end = () => void child.kill("SIGKILL")) {
  ends.set(child, end);
  child.once("close", () => ends.delete(child));
  return child;
}
