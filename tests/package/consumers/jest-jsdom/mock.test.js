// A pretend browser without Response: its user's fetch answers with plain objects.
const { VideoClient, VideoError } = require("iacrea-video");
const { watch } = require("./common/watch.cjs");

function answering(...bodies) {
  return async () => {
    const text = JSON.stringify(bodies.shift());
    return { ok: true, status: 200, headers: new Headers({ "content-type": "application/json" }), text: async () => text };
  };
}

test("a video is waited for", async () => {
  const fetch = answering({ status: "PENDING" }, { status: "RENDERING_VIDEO", progress: 40 }, { status: "DONE", url: "https://example.com/v.mp4" });
  const result = await watch(new VideoClient({ apiKey: "demo-key", fetch }), "v");
  expect(result).toMatchObject({ status: "DONE", id: "v", url: "https://example.com/v.mp4", requests: 3 });
});

test("a video that fails is told apart", async () => {
  const client = new VideoClient({ apiKey: "demo-key", fetch: answering({ status: "ERROR", message: "no more credits" }) });
  const error = await client.waitForVideo("v").catch((reason) => reason);
  expect(error).toBeInstanceOf(VideoError);
  expect(error).toMatchObject({ code: "video_failed", detail: "no more credits" });
});
