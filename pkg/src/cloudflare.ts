/**
 * The entry "iacrea-video/cloudflare": videos watched by Durable Objects, each to its end, with nobody there or
 * hundreds; or waited for by Workflows. For Workers alone; the machine inside is that of "iacrea-video/machine".
 */

export { VideoError } from "./error.js";
export type { MachineOptions, VideoErrorCode } from "./types.js";
export { createVideoWatch } from "./watch-routes.js";
export type { VideoWatchOptions, WatchContext, WatcherNamespace } from "./watch-routes.js";
export { VideoWatcher } from "./watcher.js";
export type {
  WatchDelivery,
  WatchedUpdate,
  WatchedVideo,
  WatcherContext,
  WatcherSettings,
  WatchFailure,
  WatchMessage,
} from "./watcher.js";
export { VideoWorkflow } from "./workflow.js";
export type { VideoWorkflowEvent, VideoWorkflowParams, VideoWorkflowStep } from "./workflow.js";
