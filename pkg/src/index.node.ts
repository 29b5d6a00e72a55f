/** The default entry as CommonJS: Node and Jest read the module from its file, so that the package carries no second inlined copy. */

import { clientOf, type Module } from "./client.js";
import { compileFile } from "./file.node.js";
import { createGlue } from "./generated/video.glue.js";
import { lazy } from "./instantiate.js";

export { VideoError } from "./error.js";
export const VideoClient = /* @__PURE__ */ clientOf(/* @__PURE__ */ lazy<Module>(createGlue, () => compileFile("iacrea-video.wasm")));
