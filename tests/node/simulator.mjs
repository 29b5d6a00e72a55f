// @ts-check
/** One simulator for each test file that imports this. */

import { startSimulator } from "../support/simulator.mjs";
import { VideoClient } from "./package.mjs";

export const { KEY, url, createVideo, logOf, logWhen, inFlight, staysQuiet, otherOrigin, scenarios } = await startSimulator();

/**
 * A client of it.
 * @param {import("./package.mjs").ClientOptions} [options]
 */
export function client(options) {
  return new VideoClient({ apiKey: KEY, baseUrl: url, ...options });
}
