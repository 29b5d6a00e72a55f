// @ts-check
// Of its resources with a poll built in this is the plainest; for its videos, which it is about to drop, it has none.

import OpenAI from "openai";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs }) {
  const client = new OpenAI({ apiKey: "a-key", baseURL: baseUrl, fetch, dangerouslyAllowBrowser: true });
  return (id) => client.vectorStores.files.poll("store", id, { pollIntervalMs: intervalMs });
}
