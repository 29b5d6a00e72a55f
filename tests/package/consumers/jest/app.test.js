const { VideoClient, VideoError } = require("iacrea-video");
const { createSimulator } = require("iacrea-video/simulator");

const { watch } = require("./common/watch.cjs");

test("a video is waited for", async () => {
  const simulator = createSimulator({ speed: 300 });
  const id = simulator.createVideo();
  const client = new VideoClient({ apiKey: "demo-key", fetch: simulator.fetch });
  const result = await watch(client, id);
  expect(result).toMatchObject({ status: "DONE", id });
  expect(result.url).toMatch(/^https:/);
  expect(result.updates.length).toBeGreaterThan(1);
  expect(simulator.requests(id).length).toBe(result.requests);
  expect(simulator.requests(id).every(({ key }) => key)).toBe(true);
});

test("a video that fails is told apart", async () => {
  const simulator = createSimulator({ apiKey: "another-key" });
  const client = new VideoClient({ apiKey: "demo-key", fetch: simulator.fetch });
  const error = await client.waitForVideo(simulator.createVideo()).catch((reason) => reason);
  expect(error).toBeInstanceOf(VideoError);
  expect(error).toBeInstanceOf(Error);
  expect(error.code).toBe("unauthorized");
});
