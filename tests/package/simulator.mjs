// @ts-check
/**
 * The pretend server as a process of its own, for consumers to ask, and its log of who asked. Nothing
 * here loads the package: a consumer does that. `SIMULATOR_BIN` says where the program is.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { serve } from "./programs.mjs";

const program = process.env.SIMULATOR_BIN;
assert.ok(program, "SIMULATOR_BIN must name the simulator's program");
const media = fileURLToPath(new URL("../../www/media", import.meta.url));

/** The key that opens it. */
export const KEY = "demo-key";

const server = await serve([program, "--port", "0", "--media", media], { cwd: media });
/** Where it listens. */
export const url = server.address;

/** Ends it: this process lives on as long as it does. */
export const stop = server.stop;

/**
 * @typedef {object} Log
 * @property {{ status: number | null, key: boolean }[]} requests
 * @property {boolean} key whether each request had the right key
 */

/**
 * A new video, done within a second or two; its id.
 * @param {{ scenario?: string, speed?: number }} [wishes]
 * @returns {Promise<string>}
 */
export async function createVideo(wishes = {}) {
  const body = JSON.stringify({ scenario: "happy", speed: 200, ...wishes });
  const response = await fetch(`${url}/simulator/videos`, { method: "POST", body });
  const text = await response.text();
  assert.ok(response.ok, `${response.status} ${text}`);
  return JSON.parse(text).id;
}

/**
 * The requests for a video so far.
 * @param {string} id
 * @returns {Promise<Log>}
 */
export async function logOf(id) {
  const response = await fetch(`${url}/simulator/videos/${encodeURIComponent(id)}`);
  assert.equal(response.status, 200);
  return response.json();
}
