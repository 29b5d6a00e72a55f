// @ts-check
/**
 * The simulator as a process of its own, which ends with this one, and its control plane: videos with a scenario, and
 * the log of the requests for each. Nothing here loads the package.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { endWithTest } from "./children.mjs";

/**
 * @typedef {object} Wishes
 * @property {string} [scenario]
 * @property {number} [seed]
 * @property {number} [speed]
 * @property {string} [id]
 * @property {number} [latencyMs] before each answer
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
 *
 * @typedef {Awaited<ReturnType<typeof startSimulator>>} Simulator
 */

const PROGRAM = fileURLToPath(new URL("../../www/server/api.mjs", import.meta.url));

/** @param {string | null} [key] what opens it; null for one that needs none */
export async function startSimulator(key = "demo-key") {
  const keyed = key === null ? [] : ["--api-key", key];
  // Over the channel it learns that this process has ended, even if that was killed.
  const child = endWithTest(spawn(process.execPath, [PROGRAM, ...keyed], { stdio: ["ignore", "pipe", "inherit", "ipc"] }));
  assert.ok(child.stdout);
  const failed = once(child, "exit").then(([code]) => assert.fail(`the simulator ended with ${code}`));
  const [address] = await Promise.race([once(createInterface(child.stdout), "line"), failed]);
  failed.catch(() => {});
  // The tests decide how long this process lives.
  child.unref();
  child.channel?.unref();
  /** @type {import("node:net").Socket} */ (child.stdout).unref();
  /** @type {string} Where it listens. */
  const url = address;

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

  /**
   * A new video; its id.
   * @param {Wishes} [wishes]
   * @returns {Promise<string>}
   */
  async function createVideo(wishes = {}) {
    const created = await control("videos", { method: "POST", body: JSON.stringify(wishes) });
    return created.id;
  }

  /**
   * The requests for a video so far.
   * @param {string} id
   * @returns {Promise<Log>}
   */
  function logOf(id) {
    return control(`videos/${encodeURIComponent(id)}`);
  }

  /**
   * The log of a video, once something holds for it.
   * @param {string} id
   * @param {(log: Log) => boolean} holds
   * @returns {Promise<Log>}
   */
  async function logWhen(id, holds) {
    for (const giveUp = Date.now() + 10_000; Date.now() < giveUp; await sleep(3)) {
      const log = await logOf(id);
      if (holds(log)) return log;
    }
    assert.fail(`never came true: ${JSON.stringify(await logOf(id))}`);
  }

  return {
    KEY: key ?? "",
    url,
    createVideo,
    logOf,
    logWhen,

    /**
     * A video's n-th request is on its way and has no response, or only half of one.
     * @param {string} id
     * @param {number} count
     */
    inFlight(id, count) {
      return logWhen(id, (log) => log.requests.length === count && log.inFlight === 1);
    },

    /**
     * Fails if anything more is requested about a video for a while, or a request is still on its way.
     * @param {string} id
     * @param {number} [ms] several times the interval of the poll in question
     */
    async staysQuiet(id, ms = 200) {
      const before = await logWhen(id, (log) => log.inFlight === 0);
      await sleep(ms);
      const after = await logOf(id);
      assert.equal(after.requests.length, before.requests.length, "a request followed");
      assert.equal(after.inFlight, 0);
      return after;
    },

    /** What the other origin, to which some redirects point, was sent. */
    otherOrigin: () => control("other-origin"),

    /**
     * The catalogue.
     * @returns {Promise<{ name: string, group: string, expect: "done" | import("../node/package.mjs").VideoErrorCode }[]>}
     */
    scenarios: () => control("scenarios"),
  };
}
