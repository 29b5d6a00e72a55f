// @ts-check

import pWaitFor from "p-wait-for";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs }) {
  return (id) =>
    pWaitFor(
      async () => {
        const response = await fetch(`${baseUrl}/api/video-editor/generate/video/${id}`);
        const video = await response.json();
        return video.status === "DONE" && pWaitFor.resolveWith(video);
      },
      { interval: intervalMs },
    );
}
