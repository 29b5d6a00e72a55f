// @ts-check
/** A client of the field in this process, and what answers it: memory, or the server. */

import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { bundleOf, wasmFile } from "../bundle.mjs";
import { entryOf, jobs } from "../field.mjs";

/** @typedef {import("../clients/place.d.ts").Place} Place */
/** @typedef {import("../clients/place.d.ts").Wait} Wait */

/** What a client asked for, of whatever kind. @param {Parameters<typeof fetch>[0]} input */
const addressOf = (input) => (typeof input === "string" ? input : input instanceof URL ? input.href : input.url);

/**
 * A `fetch` that has each answer ready.
 * @param {import("../field.mjs").Entry} entry
 * @param {import("../field.mjs").Script} script
 */
export function fromMemory(entry, script) {
  const { answer, count } = jobs(entry, script);
  const headers = { "content-type": "application/json" };
  /** @type {typeof globalThis.fetch} */
  const fetch = async (input) => new Response(answer(addressOf(input)), { headers });
  return { fetch, count };
}

/**
 * Has a pause that cannot be set be over at once. Each other timer is left as it is.
 * @param {import("../field.mjs").Entry} entry
 */
function hasten({ pauseMs }) {
  if (!pauseMs) return;
  const [least, most] = pauseMs;
  const real = globalThis.setTimeout;
  const hastened = (/** @type {() => void} */ act, ms = 0) => real(act, ms >= least && ms <= most ? 1 : ms);
  globalThis.setTimeout = /** @type {typeof setTimeout} */ (/** @type {unknown} */ (hastened));
}

/**
 * Brings the client, as a user's program does, from its bundle.
 * @param {string} file
 * @param {{ hastened?: boolean }} [how]
 */
export async function bring(file, { hastened = true } = {}) {
  const entry = entryOf(file);
  if (hastened) hasten(entry);
  const bundled = pathToFileURL(bundleOf(file)).href;
  /** @type {{ open: (place: Place) => Wait }} */
  const { open } = await import(bundled);
  // Each client of one program has the same source, and so the same module.
  const wasm = entry.wasm ? readFile(wasmFile) : undefined;
  return { entry, open: (/** @type {Omit<Place, "wasm">} */ place) => open(wasm ? { ...place, wasm } : place) };
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? /** @type {number} */ (sorted[middle]) : (/** @type {number} */ (sorted[middle - 1]) + /** @type {number} */ (sorted[middle])) / 2;
}

/** How far the middle half of them spreads. @param {readonly number[]} values */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ part) => /** @type {number} */ (sorted[Math.round((sorted.length - 1) * part)]);
  return at(0.75) - at(0.25);
}

/** Whether few repetitions will do. */
export const quick = process.argv.includes("--quick");

/**
 * Runs of a client, and after each one of the hand-written loop: what else the machine does meets both. Of each figure
 * the median, that of the differences, that of the ratios, and how far the middle half of the ratios spreads.
 * @template {string} Name
 * @param {number} pairs
 * @param {() => Promise<Record<Name, number>>} own
 * @param {() => Promise<Record<Name, number>>} loop
 * @returns {Promise<Record<Name, { median: number, beyond: number, ratio: number, spread: number }>>}
 */
export async function paired(pairs, own, loop) {
  /** @type {{ own: Record<Name, number>, loop: Record<Name, number> }[]} */
  const runs = [];
  for (let at = 0; at < pairs; at += 1) runs.push({ own: await own(), loop: await loop() });
  const names = /** @type {Name[]} */ (Object.keys(runs[0]?.own ?? {}));
  const figures = names.map((name) => {
    const ratios = runs.map(({ own, loop }) => own[name] / loop[name]);
    const figure = {
      median: median(runs.map(({ own }) => own[name])),
      beyond: median(runs.map(({ own, loop }) => own[name] - loop[name])),
      ratio: median(ratios),
      spread: spread(ratios),
    };
    return [name, figure];
  });
  return Object.fromEntries(figures);
}
