// Waits for a video in a module worker and tells how it ended.
import { VideoClient, VideoError } from "/package/index.js";

addEventListener("message", async ({ data: { id, abortAfterUpdates } }) => {
  const client = new VideoClient({ baseUrl: "/" });
  const controller = new AbortController();
  const overall = [];
  try {
    const video = await client.waitForVideo(id, {
      minIntervalMs: 30,
      maxIntervalMs: 80,
      signal: controller.signal,
      onUpdate: (update) => {
        overall.push(update.overall);
        if (overall.length === abortAfterUpdates) controller.abort("enough");
      },
    });
    postMessage({ url: video.url, id: video.id, overall });
  } catch (error) {
    postMessage({ code: error instanceof VideoError ? error.code : `no VideoError: ${error}`, overall });
  }
});
