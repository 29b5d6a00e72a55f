// @ts-check
// It brings no provider; this is the least of one.

import { experimental_generateVideo as generateVideo } from "ai";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs }) {
  return (id) => {
    const response = () => ({ timestamp: new Date(), modelId: "model", headers: {} });
    /** @type {Exclude<Parameters<typeof generateVideo>[0]["model"], string>} */
    const model = {
      specificationVersion: "v4",
      provider: "least",
      modelId: "model",
      maxVideosPerCall: 1,
      doStart: async () => ({ operation: id, warnings: [], response: response() }),
      doStatus: async () => {
        const answer = await fetch(`${baseUrl}/videos/${id}`);
        const { status } = await answer.json();
        if (status !== "completed") return { status: "pending", response: response() };
        return {
          status: "completed",
          videos: [{ type: "base64", data: "AAAA", mediaType: "video/mp4" }],
          warnings: [],
          response: response(),
        };
      },
    };
    return generateVideo({ model, prompt: "a house", poll: { intervalMs, timeoutMs: 1_200_000 } });
  };
}
