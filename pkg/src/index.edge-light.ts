/** The default entry under the condition "edge-light" (Next's and Vercel's edge runtime): as in a Worker, but asked for by `?module`. */

import module from "./iacrea-video.wasm?module";
import { ModuleClient, type Module } from "./client.js";
import { createGlue } from "./generated/video.glue.js";
import { imported } from "./wasm-import.js";
import type { Loader } from "./instantiate.js";
import type { ClientOptions } from "./types.js";

export { VideoError } from "./error.js";

let loader: Loader<Module> | undefined;

/** As in `index.ts`, whose types it has. */
export class VideoClient extends ModuleClient {
  static override readonly name: string = "VideoClient";

  constructor(options: ClientOptions = {}) {
    super((loader ??= imported<Module>(createGlue, module)), options);
  }
}
