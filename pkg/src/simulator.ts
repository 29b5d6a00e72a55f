/** The entry "iacrea-video/simulator": a pretend server behind the signature of fetch, for tests and demos. */

import { createGlue } from "./generated/simulator.glue.js";
import inlined from "./generated/simulator.inlined.js";
import { compileInlined } from "./inlined.js";
import { lazy, type Loader } from "./instantiate.js";
import { simulate, type Module, type Simulator, type SimulatorOptions } from "./simulate.js";

export { scenarioCatalogue, simulatorScenarios } from "./simulate.js";
export type {
  SavedVideo, SimulatedRequest, SimulatedVideoOptions, Simulator, SimulatorOptions, SimulatorScenario,
} from "./simulate.js";

let loader: Loader<Module> | undefined;

/** A pretend server behind the signature of fetch, for tests and demos. Throws a RangeError for options that cannot work. */
export function createSimulator(options: SimulatorOptions = {}): Simulator {
  return simulate((loader ??= lazy(createGlue, () => compileInlined(inlined))), options);
}
