/** The entry "iacrea-video/machine" as CommonJS, from its file. */

import { compile } from "./file-video.node.js";
import { engine, type Engine, type MachineModule } from "./engine.js";
import { createGlue } from "./generated/video.glue.js";
import { lazy } from "./instantiate.js";
import type { MachineOptions, PollEvent } from "./types.js";

export { VideoError } from "./error.js";

let machine: Engine | undefined;
const made = () => (machine ??= engine(lazy<MachineModule>(createGlue, compile)));

/** As in `machine.ts`. */
export const start = (id: string, nowMs: number, options?: MachineOptions) => made().start(id, nowMs, options);
/** As in `machine.ts`. */
export const step = (snapshot: string, event: PollEvent, nowMs: number) => made().step(snapshot, event, nowMs);
