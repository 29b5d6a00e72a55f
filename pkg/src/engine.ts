/**
 * The state machine by itself, for engines that own time and the network: a Durable Object with alarms, a
 * Workflow, a queue. Nothing is kept between two calls; all there is, is in the snapshot.
 */

import { asVideoError, failed, invalidArgument, readable, type PlainError } from "./error.js";
import type { Loader } from "./instantiate.js";
import type { MachineOptions, PollCommand, PollEvent, Step, VideoUpdate } from "./types.js";
import { warnOfUnknown } from "./warn.js";

const START: Readonly<Record<keyof MachineOptions, 1>> = { timeoutMs: 1, minIntervalMs: 1, maxIntervalMs: 1, maxConsecutiveFailures: 1 };

/** What the module exports for engines. @internal */
export interface MachineModule {
  readonly machineStart: (id: string, nowMs: number, options: MachineOptions) => PlainStep;
  readonly machineStep: (snapshot: string, event: PollEvent, json: unknown, nowMs: number) => PlainStep;
}

/** A step as the module tells it. */
interface PlainStep {
  readonly snapshot: string;
  readonly command:
    | Exclude<PollCommand, { readonly type: "failed" }>
    | { readonly type: "failed"; readonly error: PlainError; readonly videoId: string; readonly last?: VideoUpdate; readonly resumeToken: string };
}

/** As the entry exports it. @internal */
export interface Engine {
  start(id: string, nowMs: number, options?: MachineOptions): Promise<Step>;
  step(snapshot: string, event: PollEvent, nowMs: number): Promise<Step>;
}

/** The machine in the module that the loader brings. @internal */
export function engine(loader: Loader<MachineModule>): Engine {
  return {
    async start(id, nowMs, options = {}) {
      const { timeoutMs, minIntervalMs, maxIntervalMs, maxConsecutiveFailures } = readable(() => {
        if (typeof options !== "object" || options === null) throw invalidArgument("options must be an object");
        warnOfUnknown("start()", options, START);
        return { ...options };
      });
      return within(loader, (module) => module.machineStart(id, nowMs, { timeoutMs, minIntervalMs, maxIntervalMs, maxConsecutiveFailures } as MachineOptions));
    },
    async step(snapshot, event, nowMs) {
      // A copy, so that whatever its getters do is done here.
      const given = readable(() => ({ ...event }));
      return within(loader, (module) => module.machineStep(snapshot, given, parsed(given), nowMs));
    },
  };
}

/** The body as JSON; nothing if it is none. The core decides what that means. */
function parsed(event: PollEvent): unknown {
  try {
    return event.type === "response" ? JSON.parse(event.body) : undefined;
  } catch {
    return undefined;
  }
}

/** What the module makes of it; "internal" if it traps. */
async function within(loader: Loader<MachineModule>, act: (module: MachineModule) => PlainStep): Promise<Step> {
  try {
    const { exports, crash } = await loader.load();
    const step = act(exports);
    crash.check();
    const { snapshot, command } = step;
    return { snapshot, command: command.type === "failed" ? ended(command) : command };
  } catch (thrown) {
    throw asVideoError(thrown);
  }
}

function ended({ error, videoId, last, resumeToken }: Extract<PlainStep["command"], { type: "failed" }>): PollCommand {
  return { type: "failed", error: failed(error, { videoId, last, resumeToken }) };
}
