/**
 * The entry "iacrea-video/edge" on Cloudflare Workers, where a promise dies with the visitor whose request made
 * it: there `waitUntil` keeps a request that others wait for alive. It must reach the host's module and nothing else.
 */

import * as workers from "cloudflare:workers";
import { videoProxy, type ProxyOptions } from "./proxy.js";

export { VideoError } from "./error.js";
export type { ProxyOptions } from "./proxy.js";
export type { VideoErrorCode } from "./types.js";
export { readWebhook } from "./webhook.js";

/** As in `edge.ts`. */
export function createVideoProxy(options: ProxyOptions): (request: Request) => Promise<Response> {
  return videoProxy(options, (work) => workers.waitUntil?.(work));
}
