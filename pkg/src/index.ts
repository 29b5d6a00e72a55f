/** The default entry: the module is inlined, so that every bundler and host finds it, and made at the first call. */

import { ModuleClient, type Module } from "./client.js";
import { createGlue } from "./generated/video.glue.js";
import inlined from "./generated/video.inlined.js";
import { compileInlined } from "./inlined.js";
import { lazy, type Loader } from "./instantiate.js";
import type { ClientOptions } from "./types.js";

export { VideoError } from "./error.js";
export type {
  ClientOptions, ContentStatus, DoneUpdate, DoneVideo, FailedVideo, GeneratedContent, GeneratingVideo, PendingVideo,
  PollManyOptions, PollOptions, PollProgress, RenderingVideo, RetryNotice, SettledVideo, StartRenderingVideo, UnrecognizedVideo,
  VideoErrorCode, VideoPoller, VideoStatus, VideoToResume, VideoUpdate,
} from "./types.js";

/** Made with the first client: a call up here would keep all of this in bundles that use none of it. */
let loader: Loader<Module> | undefined;

/** Waits for videos of one account. */
export class VideoClient extends ModuleClient {
  /** Survives minifiers, which rename classes. */
  static override readonly name: string = "VideoClient";

  /** Throws a `VideoError` "invalid_argument" for options that cannot work. Nothing is loaded or sent before the first call. */
  constructor(options: ClientOptions = {}) {
    super((loader ??= lazy<Module>(createGlue, () => compileInlined(inlined))), options);
  }
}
