// @ts-check
/** Programs that use the package in a Node process of their own, for what only the end of a process can show. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { entry } from "./package.mjs";

/** The children that are alive; none may outlive this process. @type {Set<import("node:child_process").ChildProcess>} */
const alive = new Set();
process.once("exit", () => alive.forEach((child) => child.kill("SIGKILL")));

/**
 * Starts a program: a module's text in which `VideoClient` and `VideoError` are there, and the
 * parameters by name.
 * @param {string} text
 * @param {Record<string, unknown>} [parameters]
 * @param {string[]} [flags] of node
 */
export function program(text, parameters = {}, flags = []) {
  const names = Object.entries(parameters).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`);
  const source = [`import { VideoClient, VideoError } from ${JSON.stringify(entry)};`, ...names, text].join("\n");
  const child = spawn(process.execPath, [...flags, "--input-type=module", "--eval", source], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  alive.add(child);
  const start = performance.now();
  /** @type {string[]} */
  const lines = [];
  let errors = "";
  const output = createInterface(child.stdout).on("line", (line) => lines.push(line));
  child.stderr.on("data", (data) => (errors += data));
  const ended = once(child, "close").then(([code, signal]) => {
    alive.delete(child);
    return { code, signal, lines, errors, tookMs: performance.now() - start };
  });
  return {
    ended,
    lines,
    /** The next line it prints. @returns {Promise<string>} */
    nextLine: () => once(output, "line").then(([line]) => line),
    kill: () => child.kill("SIGKILL"),
  };
}
