// @ts-check
/**
 * The package under test, and the one place that says where it is. `PACKAGE_DIST` points the whole
 * suite at another build: the `dist` folder of an unpacked tarball, say.
 */

import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The folder of what is built. */
export const dist = process.env.PACKAGE_DIST
  ? resolve(process.env.PACKAGE_DIST)
  : fileURLToPath(new URL("../../pkg/dist", import.meta.url));

// The Node tests' modules, some of which are used here, go by this.
process.env.PACKAGE_ENTRY ??= pathToFileURL(`${dist}/index.js`).href;

/** @typedef {typeof import("../../pkg/dist/edge.js")} Edge */
/** @typedef {import("../../pkg/dist/edge.js").ProxyOptions} ProxyOptions */

/** @type {Edge} */
export const edge = await import(pathToFileURL(`${dist}/edge.js`).href);
export const { createVideoProxy, readWebhook, VideoError } = edge;
