/** The simulator as CommonJS, from its file. */

import { compile } from "./file-simulator.node.js";
import { createGlue } from "./generated/simulator.glue.js";
import { lazy, type Loader } from "./instantiate.js";
import { simulate, type Module, type SimulatorOptions } from "./simulate.js";

export { scenarioCatalogue, simulatorScenarios } from "./simulate.js";

let loader: Loader<Module> | undefined;

export const createSimulator = (options?: SimulatorOptions) => simulate((loader ??= lazy(createGlue, compile)), options);
