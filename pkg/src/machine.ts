/** The entry "iacrea-video/machine": the state machine without I/O, in the same module as the client's. */

import { engine, type Engine, type MachineModule } from "./engine.js";
import { createGlue } from "./generated/video.glue.js";
import inlined from "./generated/video.inlined.js";
import { compileInlined } from "./inlined.js";
import { lazy } from "./instantiate.js";
import type { MachineOptions, PollEvent, Step } from "./types.js";

export { VideoError } from "./error.js";
export type { DoneUpdate, MachineOptions, PollCommand, PollEvent, RetryNotice, Step, VideoErrorCode, VideoUpdate } from "./types.js";

let machine: Engine | undefined;
const made = () => (machine ??= engine(lazy<MachineModule>(createGlue, () => compileInlined(inlined))));

/**
 * Starts a poll of one video at `nowMs`, the engine's Unix time in milliseconds; the first command is to fetch.
 * Rejects with a `VideoError` "invalid_argument" for what cannot work.
 */
export function start(id: string, nowMs: number, options?: MachineOptions): Promise<Step> {
  return made().start(id, nowMs, options);
}

/**
 * What to do next after `event`, at `nowMs`. Pure: the same arguments give the same step. Once the poll is over,
 * every step tells its end again. A snapshot that is damaged or not of this version is "invalid_argument".
 */
export function step(snapshot: string, event: PollEvent, nowMs: number): Promise<Step> {
  return made().step(snapshot, event, nowMs);
}
