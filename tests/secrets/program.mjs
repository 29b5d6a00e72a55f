// @ts-check
/** A program with a key in its environment, as talkative as it can be. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { endWithTest } from "../support/children.mjs";
import { KEY } from "./evidence.mjs";

/** @param {string} name @returns {string} */
export function required(name) {
  return process.env[name] ?? assert.fail(`${name} is not set: run these tests with \`cargo xtask test --only secrets\``);
}

/**
 * A program that is as talkative as it can be, with a key in its environment.
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} environment
 * @returns {{ child: import("node:child_process").ChildProcessByStdio<null, import("node:stream").Readable, import("node:stream").Readable>, ended: Promise<{ code: number | null, said: string }>, said: { err: string } }}
 */
export function start(command, args, environment) {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, IACREA_API_KEY: KEY, RUST_BACKTRACE: "full", RUST_LOG: "trace", ...environment },
  });
  endWithTest(child);
  const said = { out: "", err: "" };
  child.stdout.on("data", (data) => (said.out += data));
  child.stderr.on("data", (data) => (said.err += data));
  const ended = once(child, "close").then(([code]) => ({ code, said: `${said.out}\n${said.err}` }));
  return { child, ended, said };
}
