// @ts-check
/** Programs that use the package in a Node process of their own, for what only the end of a process can show. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { endWithTest } from "../support/children.mjs";
import { entry } from "./package.mjs";

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
  endWithTest(child);
  const start = performance.now();
  /** @type {string[]} */
  const lines = [];
  let errors = "";
  const output = createInterface(child.stdout).on("line", (line) => lines.push(line));
  child.stderr.on("data", (data) => (errors += data));
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, lines, errors, tookMs: performance.now() - start }));
  return {
    ended,
    lines,
    /** The next line it prints. @returns {Promise<string>} */
    nextLine: () => once(output, "line").then(([line]) => line),
    kill: () => child.kill("SIGKILL"),
  };
}
