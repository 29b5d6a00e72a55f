// @ts-check
/**
 * Programs that consumers are installed, built and run with. Each gets a process group of its own, and
 * the whole group goes when the program is done with, so that none is left behind. None is told to
 * phone home.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter } from "node:path";
import { endWithTest } from "../support/children.mjs";

/**
 * @typedef {object} Place
 * @property {string} cwd
 * @property {Record<string, string>} [env] on top of what this process has
 * @property {readonly string[]} [path] folders to look for programs in, before all others
 * @property {number} [limitMs] after so long it has failed
 * @property {boolean} [all] whether its standard error is output too
 */

/** @type {Record<string, string>} */
const QUIET = {
  CI: "1",
  NO_COLOR: "1",
  DO_NOT_TRACK: "1",
  DENO_NO_UPDATE_CHECK: "1",
  DENO_NO_PROMPT: "1",
  NEXT_TELEMETRY_DISABLED: "1",
  NPM_CONFIG_UPDATE_NOTIFIER: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
};

/** @param {import("node:child_process").ChildProcess} child */
function end(child) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The whole group is gone already.
  }
}

/**
 * @param {readonly string[]} command
 * @param {Place} place
 */
function begin([program, ...parameters], { cwd, env = {}, path = [] }) {
  assert.ok(program);
  // What Node's test runner tells its own children is not for these: a test runner among them would obey.
  const { NODE_TEST_CONTEXT, NODE_OPTIONS, NODE_ENV, ...inherited } = process.env;
  const child = spawn(program, parameters, {
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited, ...QUIET, PATH: [...path, process.env.PATH].join(delimiter), ...env },
  });
  endWithTest(child, () => end(child));
  let output = "";
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
    printed += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => (printed += text));
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  const ended = Promise.race([once(child, "close"), failed]).finally(() => end(child));
  ended.catch(() => {});
  return { child, ended, output: () => output, printed: () => printed };
}

/**
 * Runs a program to its end. What it wrote to standard output, or all it wrote; fails with all it wrote unless it succeeds.
 * @param {readonly string[]} command
 * @param {Place} place
 */
export async function run(command, place) {
  const { child, ended, output, printed } = begin(command, place);
  const limit = setTimeout(() => end(child), place.limitMs ?? 240_000);
  const [code, signal] = await ended;
  clearTimeout(limit);
  assert.equal(code, 0, `${command.join(" ")} ended with ${code ?? signal}:\n${printed()}`);
  return place.all ? printed() : output();
}

/**
 * Starts a program that serves, and waits until it has printed its address.
 * @param {readonly string[]} command
 * @param {Place} place
 */
export async function serve(command, place) {
  const { child, ended, printed } = begin(command, place);
  /** @type {(address: string) => void} */
  let found = () => {};
  const address = new Promise((resolve) => (found = resolve));
  child.stdout.on("data", () => {
    const match = /https?:\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(printed());
    if (match) found(match[0]);
  });
  const early = ended.then(() => assert.fail(`${command.join(" ")} ended at once:\n${printed()}`));
  /** @type {NodeJS.Timeout | undefined} */
  let limit;
  const late = new Promise((_, reject) => {
    limit = setTimeout(() => {
      end(child);
      reject(new Error(`${command.join(" ")} never came up:\n${printed()}`));
    }, place.limitMs ?? 120_000);
  });
  try {
    return {
      address: /** @type {string} */ (await Promise.race([address, early, late])),
      printed,
      async stop() {
        early.catch(() => {});
        end(child);
        await ended;
      },
    };
  } finally {
    clearTimeout(limit);
  }
}
