// @ts-check
// The real workerd, from its own npm package in tests/: a process that serves what a configuration says.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../tests/package.json", import.meta.url));

/** The newest date that this workerd knows: it is part of its version. */
export const newestDate = () => String(require("workerd/package.json").version).replace(/^\d+\.(\d{4})(\d\d)(\d\d)\..*$/, "$1-$2-$3");

/** A text as Cap'n Proto writes it. @param {string} text */
export const quoted = (text) => JSON.stringify(text);

/**
 * The list of a Worker's modules; the first is the Worker itself.
 * @param {Iterable<[string, string]>} files where each module is, by its name
 */
export function moduleList(files) {
  const entries = [...files].map(([name, file]) => `(name = ${quoted(name)}, ${file.endsWith(".wasm") ? "wasm" : "esModule"} = embed ${quoted(file)})`);
  return `[${entries.join(", ")}]`;
}

/**
 * The flags of V8 in a configuration whose isolates may have a heap of so many MiB. workerd by itself tells V8 of no limit,
 * so that garbage is collected when the machine's memory calls for it.
 * @param {number | undefined} heapMiB
 */
export const heapFlags = (heapMiB) => (heapMiB === undefined ? "" : `v8Flags = [${quoted(`--max-heap-size=${heapMiB}`)}],`);

/** Those that run: none may outlive this process. @type {Set<import("node:child_process").ChildProcess>} */
const alive = new Set();
process.once("exit", () => alive.forEach((child) => child.kill("SIGKILL")));

/**
 * Starts it; all sockets listen when this resolves.
 * @param {string} file of its configuration
 * @param {object} [how]
 * @param {string} [how.folder] that the configuration's absolute paths begin from
 * @param {Record<string, string | undefined>} [how.environment]
 * @param {number} [how.sockets] that the configuration has
 * @param {boolean} [how.inspects] whether it has a socket for debuggers too, by the name `inspector`
 * @param {(text: string) => void} [how.log] what it prints; by default it goes to this process's standard error
 */
export async function startWorkerd(file, { folder, environment = process.env, sockets = 1, inspects = false, log } = {}) {
  const inspector = inspects ? ["--inspector-addr=127.0.0.1:0"] : [];
  const args = ["serve", file, "--control-fd=3", ...inspector, ...(folder ? ["--import-path", folder] : []), ...(log ? ["--verbose"] : [])];
  const child = spawn(require("workerd").default, args, {
    env: environment,
    // What stands as this process's input may be a lock, which holds as long as the Worker lives. Its output is no result.
    stdio: log ? ["ignore", "pipe", "pipe", "pipe"] : ["inherit", 2, 2, "pipe"],
    // Ctrl-C is for this program alone, which ends the other when it is done with it.
    detached: true,
  });
  alive.add(child);
  const ended = once(child, "exit").then(([code, signal]) => {
    alive.delete(child);
    return String(code ?? signal);
  });
  const [, out, err, control] = /** @type {import("node:net").Socket[]} */ (/** @type {unknown} */ (child.stdio));
  for (const stream of [out, err]) stream?.on("data", (data) => log?.(String(data)));
  /** Where each socket listens, by its name. @type {Map<string, string>} */
  const addresses = new Map();
  const listening = new Promise((resolve) => {
    createInterface(/** @type {import("node:stream").Readable} */ (control)).on("line", (line) => {
      const { event, socket, port } = JSON.parse(line);
      if (event === "listen") addresses.set(socket, `http://127.0.0.1:${port}`);
      if (event === "listen-inspector") addresses.set("inspector", `http://127.0.0.1:${port}`);
      if (addresses.size === sockets + inspector.length) resolve(undefined);
    });
  });
  const failed = ended.then((why) => Promise.reject(new Error(`workerd did not start (${why}): see its messages above`)));
  await Promise.race([listening, failed]);
  failed.catch(() => {});
  // It does not keep this process alive.
  child.unref();
  for (const stream of [out, err, control]) stream?.unref();
  return {
    pid: child.pid,
    addresses,
    ended,
    /** As a machine dies: nothing is written any more. */
    kill() {
      child.ref();
      child.kill("SIGKILL");
      return ended;
    },
  };
}
