// @ts-check
/**
 * The pretend server as a process of its own, one for each test file that imports this, and its
 * control plane: videos with a scenario, and the log of the requests for each. `SIMULATOR_BIN`
 * says where the program is.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { VideoClient } from "./package.mjs";

/**
 * @typedef {object} Wishes
 * @property {string} [scenario]
 * @property {number} [seed]
 * @property {number} [speed]
 * @property {string} [id]
 * @property {number} [latencyMs] before each answer
 * @property {"video" | "auto"} [kind]
 *
 * @typedef {object} LoggedRequest
 * @property {number} atMs since the video was created
 * @property {number | null} status
 * @property {string | null} fault
 * @property {"sent" | "aborted" | "open"} finished
 *
 * @typedef {object} Log
 * @property {LoggedRequest[]} requests
 * @property {number} inFlight
 * @property {number} maxInFlight
 * @property {boolean} key whether each request had the right key
 */

/** The key that opens it, unless a video has its own. */
export const KEY = "demo-key";
/** Where it listens. */
export const url = await start();

async function start() {
  const program = process.env.SIMULATOR_BIN;
  assert.ok(program, "SIMULATOR_BIN must name the simulator's program");
  const media = fileURLToPath(new URL("../../www/media", import.meta.url));
  const child = spawn(program, ["--port", "0", "--media", media], { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill());
  const failed = once(child, "exit").then(([code]) => assert.fail(`the simulator ended with ${code}`));
  const [address] = await Promise.race([once(createInterface(child.stdout), "line"), failed]);
  failed.catch(() => {});
  // The tests decide how long this process lives.
  child.unref();
  /** @type {import("node:net").Socket} */ (child.stdout).unref();
  return /** @type {string} */ (address);
}

/**
 * A client of it.
 * @param {import("./package.mjs").ClientOptions} [options]
 */
export function client(options) {
  return new VideoClient({ apiKey: KEY, baseUrl: url, ...options });
}

/**
 * A new video; its id.
 * @param {Wishes} [wishes]
 * @returns {Promise<string>}
 */
export async function createVideo(wishes = {}) {
  const created = await control("videos", { method: "POST", body: JSON.stringify(wishes) });
  return created.id;
}

/**
 * The requests for a video so far.
 * @param {string} id
 * @returns {Promise<Log>}
 */
export function logOf(id) {
  return control(`videos/${encodeURIComponent(id)}`);
}

/**
 * The log of a video, once something holds for it.
 * @param {string} id
 * @param {(log: Log) => boolean} holds
 * @returns {Promise<Log>}
 */
export async function logWhen(id, holds) {
  for (const giveUp = Date.now() + 10_000; Date.now() < giveUp;) {
    const log = await logOf(id);
    if (holds(log)) return log;
    await sleep(3);
  }
  assert.fail(`never came true: ${JSON.stringify(await logOf(id))}`);
}

/**
 * A video's n-th request is on its way and has no answer, or only half of one.
 * @param {string} id
 * @param {number} count
 */
export function inFlight(id, count) {
  return logWhen(id, (log) => log.requests.length === count && log.inFlight === 1);
}

/**
 * Fails if anything more is asked about a video for a while, or is still being asked.
 * @param {string} id
 * @param {number} [ms] several times the pace of the poll in question
 */
export async function staysQuiet(id, ms = 200) {
  const before = await logWhen(id, (log) => log.inFlight === 0);
  await sleep(ms);
  const after = await logOf(id);
  assert.equal(after.requests.length, before.requests.length, "a request followed");
  assert.equal(after.inFlight, 0);
  return after;
}

/** What the other origin, to which some redirects point, was sent. */
export function otherOrigin() {
  return control("other-origin");
}

/**
 * The catalogue.
 * @returns {Promise<{ name: string, group: string, expect: "done" | import("./package.mjs").VideoErrorCode }[]>}
 */
export function scenarios() {
  return control("scenarios");
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function control(path, init) {
  const response = await fetch(`${url}/simulator/${path}`, init);
  const text = await response.text();
  assert.ok(response.ok, `${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}
