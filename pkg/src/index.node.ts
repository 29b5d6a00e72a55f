/** The default entry as CommonJS: Node and Jest read the module from its file, so that the package carries no second inlined copy. */

import { ModuleClient, type Module } from "./client.js";
import { compile } from "./file-video.node.js";
import { createGlue } from "./generated/video.glue.js";
import { lazy, type Loader } from "./instantiate.js";
import type { ClientOptions } from "./types.js";

export { VideoError } from "./error.js";

let loader: Loader<Module> | undefined;

/** As in `index.ts`, whose types it has. */
export class VideoClient extends ModuleClient {
  static override readonly name: string = "VideoClient";

  constructor(options: ClientOptions = {}) {
    super((loader ??= lazy<Module>(createGlue, compile)), options);
  }
}
