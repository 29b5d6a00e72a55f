// @ts-check
// The loop that everybody writes first: no deadline, no abort, no second try. The floor of every figure.

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs }) {
  return async (id) => {
    for (;;) {
      const response = await fetch(`${baseUrl}/api/video-editor/generate/video/${id}`);
      const video = await response.json();
      if (video.status === "DONE") return video;
      if (video.status === "ERROR") throw new Error(video.message);
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
    }
  };
}
