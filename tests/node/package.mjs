// @ts-check
/**
 * The package under test, and the one place that says where it is. `PACKAGE_ENTRY` points the whole
 * suite at another build; no test may import the package by a path of its own.
 */

import { after } from "node:test";

/** URL of the entry. */
export const entry = process.env.PACKAGE_ENTRY ?? new URL("../../pkg/dist/index.js", import.meta.url).href;

/** @typedef {typeof import("../../pkg/dist/index.js")} Package */
/** @typedef {import("../../pkg/dist/index.js").VideoUpdate} VideoUpdate */
/** @typedef {import("../../pkg/dist/index.js").VideoErrorCode} VideoErrorCode */
/** @typedef {import("../../pkg/dist/index.js").ClientOptions} ClientOptions */
/** @typedef {import("../../pkg/dist/index.js").PollOptions} PollOptions */

/** @type {Package} */
export const { VideoClient, VideoError } = await import(entry);

// A poll that a broken promise left behind must fail its test, and not hold the run for ever.
after(() => void setTimeout(() => process.exit(), 2_000).unref());

let copies = 0;

/**
 * A copy of the package that has not loaded its WebAssembly module yet.
 * @returns {Promise<Package>}
 */
export function freshPackage() {
  copies += 1;
  return import(`${entry}?copy=${copies}`);
}
