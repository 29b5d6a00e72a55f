/** The default entry under the condition "edge-light" (Next's and Vercel's edge runtime): as in a Worker, but asked for by `?module`. */

import module from "./iacrea-video.wasm?module";
import { clientOf, type Module } from "./client.js";
import { createGlue } from "./generated/video.glue.js";
import { precompiled } from "./instantiate.js";

export { VideoError } from "./error.js";
export const VideoClient = /* @__PURE__ */ clientOf(/* @__PURE__ */ precompiled<Module>(createGlue, module));
