/**
 * One video watched by a Cloudflare Workflow, for those whose jobs are workflows anyway: each request is a step, each
 * pause a sleep that costs nothing. As in the watcher, the machine decides; a step keeps what it said and no more.
 */

import { WorkflowEntrypoint } from "cloudflare:workers";
import { invalidArgument, VideoError } from "./error.js";
import { start } from "./machine.workerd.js";
import { log, type Video } from "./route.js";
import type { PollEvent, Step } from "./types.js";
import { shortened } from "./watch-body.js";
import { asked, failureOf, settingsOf, stepped, withoutRaw, withPlace, type WatchedUpdate, type WatchedVideo, type WatcherSettings, type WatchFailure } from "./watcher.js";

/** What a `VideoWorkflow` is created with. */
export interface VideoWorkflowParams {
  readonly id: string;
  /** Default "video". */
  readonly kind?: "video" | "auto" | undefined;
}

/** What a run is given; Cloudflare's `WorkflowEvent` is one. */
export interface VideoWorkflowEvent {
  readonly payload: Readonly<VideoWorkflowParams>;
}

/** What a run works with; Cloudflare's `WorkflowStep` is one. */
export interface VideoWorkflowStep {
  do(name: string, act: () => Promise<any>): Promise<any>;
  sleep(name: string, ms: number): Promise<void>;
  waitForEvent(name: string, options: { type: string; timeout: number }): Promise<unknown>;
}

/** What a step keeps: where the poll stands and when that was known, while it goes on; and what comes next. */
type Kept =
  | (Standing & { readonly type: "fetch"; readonly giveUpAtMs?: number })
  | (Standing & { readonly type: "sleep"; readonly untilMs: number; readonly update?: WatchedUpdate })
  | { readonly type: "done"; readonly update: WatchedVideo }
  | { readonly type: "failed"; readonly error: WatchFailure; readonly resumeToken?: string };

interface Standing {
  readonly snapshot: string;
  readonly nowMs: number;
}

/** In bytes. Cloudflare keeps at most 1 MiB of a step. */
const LONGEST_KEPT = 1_000_000;
/** Hints come from anywhere, so one counts only so often. */
const HINT_EVERY_MS = 60_000;
/** What a webhook's receiver sends to the instance: `instance.sendEvent({ type: "video-hint", payload: {} })`. */
const HINT = "video-hint";

/** The host's class, as users' compilers are to see it: Cloudflare's types know a workflow by this mark. */
const Base = WorkflowEntrypoint as unknown as new <Env>(ctx: object, env: Env) => { readonly __WORKFLOW_ENTRYPOINT_BRAND: never };

/**
 * Waits for one video as a Workflow: `env.WAIT.create({ params: { id } })`. An event of the type "video-hint" hastens
 * it. To do more with the video, extend it: `const video = await super.run(event, step)` and steps of your own after it.
 */
export class VideoWorkflow<Env = unknown> extends Base<Env> {
  protected declare readonly ctx: object;
  protected declare readonly env: Env;

  /** Override it to choose the settings; by default the key is `env.IACREA_API_KEY`, the address `env.IACREA_BASE_URL`. */
  settings(): WatcherSettings | Promise<WatcherSettings> {
    const { IACREA_API_KEY, IACREA_BASE_URL } = this.env as { IACREA_API_KEY: string; IACREA_BASE_URL?: string };
    return { apiKey: IACREA_API_KEY, baseUrl: IACREA_BASE_URL };
  }

  /**
   * Returns the finished video, a {@link WatchedVideo}; fails with a `VideoError`. A step that the host repeats after a
   * crash asks the API once more, at once. Its type is open, since the `run` of a subclass may return anything.
   */
  async run(event: VideoWorkflowEvent, steps: VideoWorkflowStep): Promise<any> {
    const video = paramsOf(event);
    let hintedAtMs = -Infinity;
    let at: Kept = await steps.do("start", async () => {
      const { poll } = await this.#settings();
      const nowMs = Date.now();
      return kept(await start(video.id, nowMs, poll), nowMs);
    });
    // Each name once, and the same in every run: what is decided here is read from what was kept.
    for (let round = 1; ; round += 1) {
      const before = at;
      if (before.type === "done") return before.update;
      if (before.type === "failed") throw new VideoError(before.error, { resumeToken: before.resumeToken });
      if (before.type === "sleep") {
        const pauseMs = Math.max(before.untilMs - before.nowMs, 1);
        if (before.nowMs - hintedAtMs < HINT_EVERY_MS) await steps.sleep(`pause ${round}`, pauseMs);
        else if (await hinted(steps, round, pauseMs)) hintedAtMs = before.nowMs;
      }
      at = await steps.do(`ask ${round}`, () => withPlace((place) => this.#ask(place, video, before)));
    }
  }

  /** From a pause, or the start, to the next pause or the end. */
  async #ask(place: object, video: Video, before: Extract<Kept, { type: "fetch" | "sleep" }>): Promise<Kept> {
    const settings = await this.#settings();
    let { snapshot } = before;
    let giveUpAtMs = before.type === "fetch" ? before.giveUpAtMs : undefined;
    if (before.type === "sleep") {
      const woken = await stepped(video.id, snapshot, { type: "wake" }, Date.now(), settings.poll);
      if (woken.command.type !== "fetch") return kept(woken, Date.now());
      ({ snapshot } = woken);
      ({ giveUpAtMs } = woken.command);
    }
    const event = await asked(video, settings, giveUpAtMs, place);
    const nowMs = Date.now();
    const heard = async (said: PollEvent) => kept(await stepped(video.id, snapshot, said, nowMs, settings.poll), nowMs);
    let next = await heard(event);
    if (event.type !== "response" || sizeOf(next) <= LONGEST_KEPT) return next;
    log(`the status of ${video.kind}/${video.id} is longer than a step can keep`, "texts of its clips, or the clips, are left out");
    for (const body of shortened(event.body)) {
      next = await heard({ ...event, body });
      if (sizeOf(next) <= LONGEST_KEPT) break;
    }
    return next;
  }

  #settings() {
    return settingsOf(() => this.settings());
  }
}

function paramsOf(event: VideoWorkflowEvent): Video {
  const { id, kind = "video" } = event?.payload ?? {};
  if (typeof id !== "string") throw invalidArgument("params must hold the id of a video");
  if (kind !== "video" && kind !== "auto") throw invalidArgument('kind must be "video" or "auto"');
  return { id, kind };
}

/** Whether somebody said that there is news, before the pause was over. */
async function hinted(steps: VideoWorkflowStep, round: number, pauseMs: number): Promise<boolean> {
  try {
    await steps.waitForEvent(`pause ${round}`, { type: HINT, timeout: pauseMs });
    return true;
  } catch {
    return false;
  }
}

/**
 * How many bytes a step takes, at most: hosts keep a text in UTF-8, or in one or two bytes a letter. The snapshot is
 * counted for itself, since it is ASCII also where an update is not.
 */
function sizeOf(step: Kept): number {
  const { snapshot = "", ...rest } = step as Kept & Partial<Standing>;
  return [snapshot, JSON.stringify(rest)].reduce((sum, text) => {
    const { length } = new TextEncoder().encode(text);
    return sum + (length === text.length ? length : Math.max(length, 2 * text.length));
  }, 0);
}

/** Without bodies. */
function kept({ snapshot, command }: Step, nowMs: number): Kept {
  const base = { snapshot, nowMs };
  switch (command.type) {
    case "fetch":
      return { ...base, type: "fetch", ...(command.giveUpAtMs === undefined ? {} : { giveUpAtMs: command.giveUpAtMs }) };
    case "sleep":
      return { ...base, type: "sleep", untilMs: command.untilMs, ...(command.update ? { update: withoutRaw(command.update) } : {}) };
    case "done":
      return { type: "done", update: withoutRaw(command.update) };
    case "failed": {
      const { resumeToken } = command.error;
      return { type: "failed", error: failureOf(command.error), ...(resumeToken === undefined ? {} : { resumeToken }) };
    }
  }
}
