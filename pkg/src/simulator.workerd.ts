/** The simulator under the condition "workerd" (Cloudflare Workers). */

import module from "./simulator.wasm";
import { createGlue } from "./generated/simulator.glue.js";
import { precompiled } from "./instantiate.js";
import { simulate, type SimulatorOptions } from "./simulate.js";

export { scenarioCatalogue, simulatorScenarios } from "./simulate.js";

const loader = /* @__PURE__ */ precompiled(createGlue, module);

export const createSimulator = (options?: SimulatorOptions) => simulate(loader, options);
