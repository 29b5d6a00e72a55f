// @ts-check
/** A simulator that the key of these tests opens. */

import { startSimulator } from "../support/simulator.mjs";
import { KEY } from "./evidence.mjs";

export const { url, createVideo, logOf, otherOrigin, scenarios } = await startSimulator(KEY);
