/**
 * The entry "iacrea-video/edge": the route that keeps the key on your server, and the reader of
 * notifications. Web-standard Request and Response in and out; no WebAssembly is loaded here.
 */

import { videoProxy, type ProxyOptions } from "./proxy.js";

export { VideoError } from "./error.js";
export type { ProxyOptions } from "./proxy.js";
export type { VideoErrorCode } from "./types.js";
export { readWebhook } from "./webhook.js";

/**
 * A handler for GET, HEAD and OPTIONS on `/api/video-editor/generate/video/{id}` and `.../auto/{id}` under any
 * mount path; it answers 404 or 405 to all else, and never rejects. Nothing the caller sends but the id goes
 * upstream; only status, content-type, retry-after and body come back, and what is neither JSON nor plain text comes as
 * `text/plain`. With 256 requests or 32 MiB of their bodies in flight others are answered 503 at once. Throws a
 * `VideoError` "invalid_argument" for options that cannot work.
 */
export function createVideoProxy(options: ProxyOptions): (request: Request) => Promise<Response> {
  return videoProxy(options);
}
