// @ts-check

import { VideoClient } from "iacrea-video";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs }) {
  const client = new VideoClient({ baseUrl, fetch });
  return (id) => client.waitForVideo(id, { minIntervalMs: intervalMs, maxIntervalMs: intervalMs });
}
