// @ts-check
/** The demo server, started as `cargo xtask demo` does once all is built. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { endWithTest } from "./children.mjs";

const PROGRAM = fileURLToPath(new URL("../../www/server/demo.mjs", import.meta.url));

/**
 * Starts it on a free port; it has no key unless the environment says so.
 * @param {readonly string[]} [args]
 * @param {Record<string, string>} [environment]
 */
export async function startDemo(args = [], environment = {}) {
  const child = spawn(process.execPath, [PROGRAM, "--port", "0", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, IACREA_API_KEY: "", IACREA_BASE_URL: "", ...environment },
  });
  // By a signal that it hears, so that its Worker ends too.
  endWithTest(child, () => void child.kill());
  let errors = "";
  child.stderr.on("data", (data) => (errors += data));
  const ended = once(child, "close").then(([code]) => /** @type {number} */ (code));
  const failed = ended.then((code) => Promise.reject(new Error(`the demo ended with ${code}: ${errors}`)));
  /** @type {[string]} */
  const [address] = /** @type {any} */ (await Promise.race([once(createInterface(child.stdout), "line"), failed]));
  failed.catch(() => {});
  return {
    /** With a slash at its end. */
    address,
    /** All that it has written to its standard error. */
    errors: () => errors,
    /** @param {NodeJS.Signals} [signal] its exit code */
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

/**
 * Starts one that cannot be: its exit code, and what it says.
 * @param {readonly string[]} args
 * @param {Record<string, string>} [environment]
 */
export async function refusedDemo(args, environment = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, IACREA_API_KEY: "", ...environment } });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  return { code, said: said.trim() };
}
