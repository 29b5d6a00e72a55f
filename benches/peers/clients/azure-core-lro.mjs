// @ts-check
// It brings no transport; this is the least of one.

import { createHttpPoller } from "@azure/core-lro";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs }) {
  /** @param {string} url */
  async function send(url) {
    const response = await fetch(url);
    const body = await response.json();
    const headers = Object.fromEntries(response.headers);
    const request = { method: "GET", url };
    return { flatResponse: body, rawResponse: { statusCode: response.status, headers, body, request } };
  }
  return async (id) => {
    const url = `${baseUrl}/operations/${id}`;
    const headers = { "operation-location": url };
    const started = { statusCode: 202, headers, body: {}, request: { method: "DELETE", url } };
    const poller = createHttpPoller(
      { sendInitialRequest: async () => ({ flatResponse: {}, rawResponse: started }), sendPollRequest: send },
      { intervalInMs: intervalMs },
    );
    return poller.pollUntilDone();
  };
}
