// @ts-check
// It has no option for the address.

import { createFalClient } from "@fal-ai/client";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs }) {
  const fal = createFalClient({
    credentials: "a-key",
    suppressLocalCredentialsWarning: true,
    fetch: (url, init) => fetch(String(url).replace("https://queue.fal.run", baseUrl), init),
  });
  return async (requestId) => {
    await fal.queue.subscribeToStatus("owner/app", { requestId, pollInterval: intervalMs });
    return fal.queue.result("owner/app", { requestId });
  };
}
