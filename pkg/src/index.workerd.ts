/** The default entry under the condition "workerd" (Cloudflare Workers): the module is imported, since compiling bytes is refused there. */

import module from "./iacrea-video.wasm";
import { clientOf, type Module } from "./client.js";
import { createGlue } from "./generated/video.glue.js";
import { precompiled } from "./instantiate.js";

export { VideoError } from "./error.js";
export const VideoClient = /* @__PURE__ */ clientOf(/* @__PURE__ */ precompiled<Module>(createGlue, module));
