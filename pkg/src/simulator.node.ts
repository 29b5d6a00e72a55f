/** The simulator as CommonJS, from its file. */

import { join } from "node:path";
import { compileFile } from "./file.node.js";
import { createGlue } from "./generated/simulator.glue.js";
import { lazy, type Loader } from "./instantiate.js";
import { simulate, type Module, type SimulatorOptions } from "./simulate.js";

export { scenarioCatalogue, simulatorScenarios } from "./simulate.js";

let loader: Loader<Module> | undefined;

export const createSimulator = (options?: SimulatorOptions) => simulate((loader ??= lazy(createGlue, () => compileFile(join(__dirname, "../simulator.wasm")))), options);
