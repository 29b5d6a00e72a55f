// @ts-check

import { VideoClient } from "iacrea-video/slim";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs, wasm = "iacrea-video.wasm" }) {
  const client = new VideoClient({ baseUrl, fetch, wasm });
  return (id) => client.waitForVideo(id, { minIntervalMs: intervalMs, maxIntervalMs: intervalMs });
}
