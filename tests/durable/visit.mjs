// @ts-check
/** The laboratory as the tests enter it: a host, a server with a script for each video, and time that passes when they say so. */

import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE, KEY } from "../edge/upstream.mjs";
import { scriptedServer } from "../node/scripted-server.mjs";
import { Host, NEWEST_DATE } from "./workerd.mjs";

/** Where time begins there. */
export const BEGIN_MS = Date.UTC(2100, 0, 1);
export const [MINUTE_MS, HOUR_MS, DAY_MS] = /** @type {const} */ ([60_000, 3_600_000, 86_400_000]);

/** What videos answer, by id: the number of the request, from 1, to the answer. @type {Map<string, (number: number) => unknown>} */
export const scripts = new Map();
/** How often each was requested. @type {Map<string, number>} */
const requested = new Map();

export const upstream = await scriptedServer({ after }, ({ path }) => {
  const id = decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  const number = requests(id) + 1;
  requested.set(id, number);
  return scripts.get(id)?.(number) ?? 404;
});

/** How many requests for a video have arrived. @param {string} id */
export function requests(id) {
  return requested.get(id) ?? 0;
}

/** These answers in this order; the last again and again. @param {...unknown} answers @returns {(number: number) => unknown} */
export const inOrder =
  (...answers) =>
  (number) =>
    answers[Math.min(number, answers.length) - 1];

/** @typedef {Partial<import("./laboratory.mjs").Environment> & { poll?: object }} Wishes */

/** @param {{ after: (act: () => Promise<void>) => void }} test or whatever else ends @param {Wishes} [wishes] */
export async function laboratory(test, { poll = { minIntervalMs: 10, maxIntervalMs: 10 }, ...wishes } = {}) {
  /** @type {import("./laboratory.mjs").Environment} */
  const environment = { KEY, UPSTREAM: upstream.url, TELL: "hooks", REFUSALS: "0", CLOCK: String(BEGIN_MS), POLL: JSON.stringify(poll), ...wishes };
  const host = await new Host(environment, NEWEST_DATE, "laboratory.mjs").start();
  test.after(() => host.end());
  const ask = async (/** @type {string} */ path, /** @type {RequestInit} */ init = {}) => (await fetch(host.origin + path, init)).json();
  /** @param {Record<string, string>} [wishes] @returns {Promise<World>} */
  const world = (wishes = {}) => ask(`/laboratory?${new URLSearchParams(wishes)}`);
  /** Before the last death. @type {World["asked"]} */
  let before = [];
  return {
    host,
    ask,
    /** Its events. @param {string} id @param {(number: number) => unknown} script */
    async watch(id, script) {
      scripts.set(id, script);
      assert.deepEqual(await ask(`${BASE}/${id}/watch`, { method: "POST" }), { id, watching: true });
      return `${host.origin}${BASE}/${id}/events`;
    },
    hint: (/** @type {string} */ id) => ask("/api/video-editor/webhook", { method: "POST", body: JSON.stringify({ id }) }),
    /** The same, and the object has it when this is over. @param {string} id */
    hintAndWait: (id) => ask(`/laboratory/${id}/hint`),
    /** Other settings for one object, until it is made again. @param {string} id @param {object} settings */
    give: (id, settings) => ask(`/laboratory/${id}/give?settings=${encodeURIComponent(JSON.stringify(settings))}`),
    /** What a reader finds in a stream of so many bytes who reads so long after its end. @param {number} bytes @param {number} wait @returns {Promise<{ read?: number, error?: string }>} */
    unread: (bytes, wait) => ask(`/unread?bytes=${bytes}&wait=${wait}`),
    update: (/** @type {string} */ id) => ask(`${BASE}/${id}/update`),
    status: (/** @type {string} */ id) => ask(`${BASE}/${id}`),
    /** @param {string} id @returns {Promise<{ rows: number, sockets: number, changes: number, bytes: number }>} */
    look: (id) => ask(`/laboratory/${id}/look`),
    /** @param {string} id @param {"alarms" | "lose-alarm" | "spoil-all" | "spoil-watch" | "spoil-kept" | "spoil-snapshot"} action */
    act: (id, action) => ask(`/laboratory/${id}/${action}`),
    /** As if there had been so many changes; after a restart it is so. @param {string} id @param {number} to */
    grow: (id, to) => ask(`/laboratory/${id}/grow?to=${to}`),
    world,
    /** So much time passes, and all that the object of a video has to do in it is done. @param {string} id @param {number} [ms] @param {"video" | "auto"} [kind] */
    async pass(id, ms = 0, kind = "video") {
      const { nowMs } = await world();
      await ask(`/laboratory/${id}/pass?${new URLSearchParams({ until: String(nowMs + ms), kind })}`);
    },
    /** Puts the clock forward; what is due comes, and is not waited for. @param {number} ms */
    ahead: (ms) => world({ ahead: String(ms) }),
    /** When the requests for a video were sent, since time began. @param {string} id */
    async sentAt(id) {
      const all = [...before, ...(await world()).asked];
      return all.filter((request) => request.id === id).map(({ atMs }) => atMs - BEGIN_MS);
    },
    /** Waits for a video in a Workflow. @param {string} id @param {(number: number) => unknown} script @param {string} [spoilt] */
    workflow(id, script, spoilt = "") {
      scripts.set(id, script);
      return ask(`/workflow/${id}?${new URLSearchParams({ spoilt })}`);
    },
    /** The process dies and another begins at the same moment. */
    async restart() {
      const { nowMs, asked } = await world();
      before = [...before, ...asked];
      await host.kill();
      host.environment.CLOCK = String(nowMs);
      await host.start();
    },
  };
}

/**
 * @typedef {object} World
 * @property {number} nowMs
 * @property {any[]} told
 * @property {{ id: string, atMs: number }[]} asked
 * @property {number} ticking how many timers come again and again
 * @property {number[]} due when the others are
 * @property {{ hook: number, list: number, settings: number }} waiting
 */

/** Looks again and again, for as long as the test may take. @param {() => boolean | Promise<boolean>} holds */
export async function until(holds) {
  while (!(await holds())) await sleep(5);
}
