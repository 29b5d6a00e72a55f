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
  const wasm = entry.wasm ? await readFile(wasmFile) : undefined;
  return { entry, open: (/** @type {Omit<Place, "wasm">} */ place) => open(wasm ? { ...place, wasm } : place) };
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? /** @type {number} */ (sorted[middle]) : (/** @type {number} */ (sorted[middle - 1]) + /** @type {number} */ (sorted[middle])) / 2;
}

/** The middle half of them, as the distance of its ends. @param {readonly number[]} values */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ part) => /** @type {number} */ (sorted[Math.round((sorted.length - 1) * part)]);
  return at(0.75) - at(0.25);
}
