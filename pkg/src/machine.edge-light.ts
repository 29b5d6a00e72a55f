/** The entry "iacrea-video/machine" under the condition "edge-light" (Next's and Vercel's edge functions). */

import module from "./iacrea-video.wasm?module";
import { engine, type Engine, type MachineModule } from "./engine.js";
import { createGlue } from "./generated/video.glue.js";
import { imported } from "./wasm-import.js";
import type { MachineOptions, PollEvent } from "./types.js";

export { VideoError } from "./error.js";

let machine: Engine | undefined;
const made = () => (machine ??= engine(imported<MachineModule>(createGlue, module)));

/** As in `machine.ts`. */
export const start = (id: string, nowMs: number, options?: MachineOptions) => made().start(id, nowMs, options);
/** As in `machine.ts`. */
export const step = (snapshot: string, event: PollEvent, nowMs: number) => made().step(snapshot, event, nowMs);
