// @ts-check
/** The simulator for consumers, whose videos are done within a second or two. Nothing here loads the package: a consumer does that. */

import { startSimulator } from "../support/simulator.mjs";

const simulator = await startSimulator();
export const { KEY, url, logOf } = simulator;

/** @param {import("../support/simulator.mjs").Wishes} [wishes] */
export const createVideo = (wishes) => simulator.createVideo({ scenario: "happy", speed: 200, ...wishes });
