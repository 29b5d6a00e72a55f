/** The simulator under the condition "edge-light" (Next's and Vercel's edge runtime). */

import module from "./simulator.wasm?module";
import { createGlue } from "./generated/simulator.glue.js";
import { imported } from "./wasm-import.js";
import type { Loader } from "./instantiate.js";
import { simulate, type Module, type SimulatorOptions } from "./simulate.js";

export { scenarioCatalogue, simulatorScenarios } from "./simulate.js";

let loader: Loader<Module> | undefined;

export const createSimulator = (options?: SimulatorOptions) => simulate((loader ??= imported(createGlue, module)), options);
