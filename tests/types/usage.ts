// The types as a user meets them. It is compiled, never run: what must not compile is marked, and the
// mark itself is an error once it does.

import {
  VideoClient, VideoError,
  type ClientOptions, type DoneUpdate, type PollManyOptions, type PollOptions, type VideoErrorCode, type VideoPoller, type VideoStatus,
  type VideoUpdate,
} from "iacrea-video";
import { createVideoProxy, readWebhook, type ProxyOptions } from "iacrea-video/edge";
import { start, step, type MachineOptions, type PollCommand, type PollEvent, type Step } from "iacrea-video/machine";
import { createSimulator, simulatorScenarios, type SimulatedVideoOptions, type SimulatorOptions } from "iacrea-video/simulator";
import wasm from "iacrea-video/iacrea-video.wasm";
import * as slim from "iacrea-video/slim";

/** Equal in both directions, not only assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function holds<T extends true>(): T;

holds<Same<VideoStatus["status"],
  "PENDING" | "GENERATING_VIDEO" | "START_RENDERING_VIDEO" | "RENDERING_VIDEO" | "DONE" | "ERROR" | "UNRECOGNIZED">>();
holds<Same<DoneUpdate["status"], "DONE">>();
holds<Same<VideoUpdate["overall"], number>>();

function never(value: never): never {
  throw value;
}

/** All arms, each with the fields that only it has; optional ones are left out, not required keys. */
export function words(update: VideoUpdate): string {
  switch (update.status) {
    case "PENDING": return update.message ?? `${update.generatedContent.length} clips`;
    case "GENERATING_VIDEO": return String(update.creditsTotal ?? update.creditsUsed ?? 0);
    case "START_RENDERING_VIDEO":
    case "RENDERING_VIDEO": return update.progress.toFixed(2);
    case "DONE": return update.url + update.id;
    case "ERROR": return update.message ?? "";
    case "UNRECOGNIZED": return update.rawStatus;
    default: return never(update);
  }
}

export function missingArm(status: VideoStatus): string {
  switch (status.status) {
    case "PENDING":
    case "GENERATING_VIDEO":
    case "START_RENDERING_VIDEO":
    case "RENDERING_VIDEO":
    case "DONE":
    case "ERROR": return "";
    // @ts-expect-error UNRECOGNIZED is missing
    default: return never(status);
  }
}

export function missingCode(code: Exclude<VideoErrorCode, "internal">): string {
  switch (code) {
    case "invalid_argument": case "unauthorized": case "not_found": case "video_failed": case "timeout":
    case "network": case "rate_limited": case "http": case "bad_response": return "";
    // @ts-expect-error "redirected" is missing
    default: return never(code);
  }
}

export function misuse(status: VideoStatus, update: VideoUpdate): void {
  // @ts-expect-error only a finished video has a URL
  status.url;
  // @ts-expect-error the field of another arm
  if (status.status === "DONE") status.progress;
  // @ts-expect-error updates are read-only
  update.overall = 1;
  // @ts-expect-error so are lists of clips
  update.generatedContent.push({ status: "pending" });
  // @ts-expect-error not an option
  new VideoClient({ key: "k" });
  // @ts-expect-error not a kind
  new VideoClient({ kind: "manual" });
}

/** The optional keys that refuse an explicit `undefined`, which `process.env.NAME` and `?? undefined` are, under exactOptionalPropertyTypes. */
type Refusing<T> = {
  [K in keyof T]-?: {} extends Pick<T, K> ? ({ [P in K]: undefined } extends Pick<T, K> ? never : K) : never;
}[keyof T];
holds<Same<Refusing<{ a?: 1; b?: 2 | undefined; c: 3 }>, "a">>();
holds<Same<Refusing<ClientOptions>, never>>();
holds<Same<Refusing<PollOptions>, never>>();
holds<Same<Refusing<PollManyOptions>, never>>();
holds<Same<Refusing<NonNullable<Parameters<VideoClient["getStatus"]>[1]>>, never>>();
holds<Same<Refusing<slim.SlimClientOptions>, never>>();
holds<Same<Refusing<MachineOptions>, never>>();
holds<Same<Refusing<Extract<PollEvent, { type: "response" }>>, never>>();
holds<Same<Refusing<ProxyOptions>, never>>();
holds<Same<Refusing<SimulatorOptions>, never>>();
holds<Same<Refusing<SimulatedVideoOptions>, never>>();

export async function use(options: ClientOptions, signal: AbortSignal): Promise<DoneUpdate> {
  const client = new VideoClient(options);
  const plain: VideoStatus = await client.getStatus("id", { signal });
  const poll: PollOptions = {
    signal, onUpdate: (update) => void update.requests, timeoutMs: Infinity, minIntervalMs: 1, maxIntervalMs: 2,
    maxConsecutiveFailures: 3, resumeToken: "token",
  };
  const poller: VideoPoller = client.poll("id", poll);
  const stop: () => void = poller.subscribe((update) => void update.retrying);
  stop();
  for await (const update of poller) holds<Same<typeof update, VideoUpdate>>();
  const settled = await client.waitForVideos(new Set(["a"]), { concurrency: 2, onUpdate: (update) => void update.videoId });
  for (const one of settled) if (one.status === "fulfilled") one.value.url;
  try {
    return await client.waitForVideo("id");
  } catch (error) {
    if (error instanceof VideoError) {
      holds<Same<typeof error.code, VideoErrorCode>>();
      const { detail, httpStatus, last, resumeToken, retryable } = error;
      void [detail?.length, httpStatus?.toFixed(), last?.overall, resumeToken?.length, retryable, plain.raw];
    }
    throw error;
  } finally {
    client[Symbol.dispose]();
  }
}

export function simulate(): VideoClient {
  const simulator = createSimulator({ scenario: simulatorScenarios[0] ?? "happy", speed: 60, seed: 1, apiKey: "k" });
  const id: string = simulator.createVideo();
  void id;
  return new VideoClient({ apiKey: "k", fetch: simulator.fetch });
}

export function bringTheModule(response: Promise<Response>, bytes: Uint8Array, sources: slim.WasmSource[]): VideoPoller {
  const options: slim.SlimClientOptions = { wasm, follow: "events", baseUrl: new URL("https://example.com") };
  sources.push("/video.wasm", new URL("https://example.com"), response, bytes, bytes.buffer as ArrayBuffer, () => response, { default: wasm });
  // @ts-expect-error nowhere to take it from
  new slim.VideoClient({ baseUrl: "/" });
  const client = new slim.VideoClient(options);
  holds<Same<slim.VideoUpdate, VideoUpdate>>();
  return client.poll("id");
}

export async function serve(request: Request, secrets: Map<string, string>): Promise<Response> {
  const options: ProxyOptions = {
    apiKey: async (from) => secrets.get(from.url) ?? "", baseUrl: "https://example.com", allowedOrigins: ["https://example.com"],
    authorize: (from, { id, kind }) => (kind === "auto" ? from.method === id : Promise.resolve(new Response())), shareMs: 0,
  };
  const handle: (request: Request) => Promise<Response> = createVideoProxy(options);
  // @ts-expect-error a proxy without a key is none
  createVideoProxy({ baseUrl: "https://example.com" });
  // @ts-expect-error a hook that says nothing says no
  createVideoProxy({ apiKey: "k", authorize: () => {} });
  // @ts-expect-error one origin is a list too
  createVideoProxy({ apiKey: "k", allowedOrigins: "https://example.com" });
  const named = await readWebhook(request);
  // @ts-expect-error it may name no video
  named.videoId;
  return named ? new Response(named.videoId) : handle(request);
}

/** The loop of an engine: what happened in, what to do out, the snapshot in between. */
export async function engine(id: string, ask: () => Promise<PollEvent>, until: (ms: number) => Promise<void>): Promise<DoneUpdate> {
  const bounds: MachineOptions = { timeoutMs: 60_000 };
  // @ts-expect-error what belongs to a client is no business of the machine
  const wrong: MachineOptions = { signal: AbortSignal.abort() };
  let { snapshot, command }: Step = await start(id, Date.now(), bounds ?? wrong);
  for (;;) {
    switch (command.type) {
      case "done": return command.update;
      case "failed": throw command.error;
      case "fetch": ({ snapshot, command } = await step(snapshot, await ask(), Date.now())); break;
      case "sleep":
        await until(command.untilMs);
        ({ snapshot, command } = await step(snapshot, { type: "wake" }, Date.now()));
        break;
      default: return never(command);
    }
  }
}
// @ts-expect-error a response has a body
export const bodiless: PollEvent = { type: "response", httpStatus: 200 };
export const asks: PollCommand = { type: "fetch" };
