/** The simulator as CommonJS, from its file. */

import { compileFile } from "./file.node.js";
import { createGlue } from "./generated/simulator.glue.js";
import { lazy } from "./instantiate.js";
import { simulate, type SimulatorOptions } from "./simulate.js";

export { scenarioCatalogue, simulatorScenarios } from "./simulate.js";

const loader = /* @__PURE__ */ lazy(createGlue, () => compileFile("simulator.wasm"));

export const createSimulator = (options?: SimulatorOptions) => simulate(loader, options);
