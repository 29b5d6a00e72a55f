// @ts-check
/**
 * Programs that a test starts end with it, however it ends: a runner that has waited for a test file long enough sends it
 * SIGTERM, and so do people.
 */

/** @type {Set<() => void>} */
const ends = new Set();
process.once("exit", () => ends.forEach((end) => end()));
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.once(signal, () => process.exit(1));

/**
 * @template {import("node:child_process").ChildProcess} Child
 * @param {Child} child
 * @param {() => void} [end] how it is ended
 */
export function endWithTest(child, end = () => void child.kill("SIGKILL")) {
  ends.add(end);
  child.once("close", () => ends.delete(end));
  return child;
}
