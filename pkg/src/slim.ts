/** The entry "iacrea-video/slim": the same client, but its user says where the module comes from. It carries no bytes of it. */

import { ModuleClient, type Module } from "./client.js";
import { LOADING_MS } from "./deadline.js";
import { invalidArgument, readable } from "./error.js";
import { createGlue } from "./generated/video.glue.js";
import { explained, lazy, precompiled, tagOf, type Loader } from "./instantiate.js";
import type { ClientOptions } from "./types.js";

export { VideoError } from "./error.js";
export type {
  ClientOptions, ContentStatus, DoneUpdate, DoneVideo, FailedVideo, GeneratedContent, GeneratingVideo, PendingVideo,
  PollManyOptions, PollOptions, PollProgress, RenderingVideo, RetryNotice, SettledVideo, StartRenderingVideo, UnrecognizedVideo,
  VideoErrorCode, VideoPoller, VideoStatus, VideoToResume, VideoUpdate,
} from "./types.js";

/** `WebAssembly.Module`, in TypeScript projects too that do not know of it. */
type CompiledModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer M } } } ? M : object;

/** The bytes of `iacrea-video/iacrea-video.wasm`, or where they are. */
export type WasmBytes = string | URL | Response | ArrayBuffer | ArrayBufferView | CompiledModule;

/**
 * Where the module comes from: an address to fetch it from, the answer of such a fetch (streamed into the
 * compiler where the server says `application/wasm`), its bytes, or the compiled module; or what `import()` makes of
 * one of these; or a promise of it; or a function that returns it, called at the first request and again after a failure.
 * Clients that are given the same source share one instance.
 */
export type WasmSource = Given | Promise<Given> | (() => Given | Promise<Given>);
type Given = WasmBytes | { readonly default: WasmBytes };

export interface SlimClientOptions extends ClientOptions {
  wasm: WasmSource;
}

/** Waits for videos of one account. */
export class VideoClient extends ModuleClient {
  /** Survives minifiers, which rename classes. */
  static override readonly name: string = "VideoClient";

  /** Throws a `VideoError` "invalid_argument" for options that cannot work. Nothing is loaded or sent before the first call. */
  constructor(options: SlimClientOptions) {
    super(readable(() => loaderFor((options as Partial<SlimClientOptions> | undefined)?.wasm)), options);
  }
}

const byAddress = new Map<string, Loader<Module>>();
const byObject = new WeakMap<object, Loader<Module>>();

function loaderFor(source: unknown): Loader<Module> {
  if (source instanceof URL) source = source.href;
  if (typeof source === "string" && source !== "") {
    const address = source;
    return kept(byAddress, address, () => lazy(createGlue, () => compile(address)));
  }
  if (typeof source === "function") {
    const bring = source as () => unknown;
    return kept(byObject, bring, () => lazy(createGlue, async () => compile(await bring())));
  }
  if (typeof source === "object" && source !== null) {
    const given = source;
    return kept(byObject, given, () =>
      isModule(given) ? precompiled(createGlue, given as WebAssembly.Module) : lazy(createGlue, async () => compile(await given)),
    );
  }
  throw invalidArgument("wasm must be an address, a Response, bytes, a WebAssembly.Module, a promise of one, or a function that returns one");
}

function kept<K>(known: { get(key: K): Loader<Module> | undefined; set(key: K, loader: Loader<Module>): unknown }, key: K, make: () => Loader<Module>) {
  let loader = known.get(key);
  if (!loader) known.set(key, (loader = make()));
  return loader;
}

async function compile(given: unknown): Promise<WebAssembly.Module> {
  if (typeof given === "object" && given !== null && "default" in given) given = given.default;
  if (isModule(given)) return given as WebAssembly.Module;
  const isAddress = typeof given === "string" || given instanceof URL;
  if (!isAddress && tagOf(given) !== "Response") return WebAssembly.compile(given as BufferSource);
  let address = isAddress ? String(given) : "";
  try {
    const answer = isAddress ? await fetch(given as string | URL, { signal: AbortSignal.timeout(LOADING_MS) }) : (given as Response);
    address ||= answer.url;
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const streams = typeof WebAssembly.compileStreaming === "function";
    const named = /^application\/wasm\s*(;|$)/i.test(answer.headers.get("content-type") ?? "");
    if (streams && named) return await WebAssembly.compileStreaming(answer);
    const bytes = await answer.arrayBuffer();
    if (new Uint8Array(bytes)[0] === 0x3c) throw new Error("a web page is there instead");
    return await WebAssembly.compile(bytes);
  } catch (error) {
    // What comes after the path may be secret, and a data URL long.
    throw explained(error, `${address.replace(/[?#].*/s, "").slice(0, 200)}: `);
  }
}

function isModule(value: unknown): boolean {
  return tagOf(value) === "WebAssembly.Module";
}
