/** The default entry under the condition "workerd" (Cloudflare Workers): the module is imported, since compiling bytes is refused there. */

import module from "./iacrea-video.wasm";
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
