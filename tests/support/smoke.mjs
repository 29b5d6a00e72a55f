// @ts-check
// The shipped modules at work, in the least that shows it: a simulated video is waited for to its end.

import assert from "node:assert/strict";
import { VideoClient } from "../../pkg/dist/index.js";
import { createSimulator } from "../../pkg/dist/simulator.js";

const simulator = createSimulator({ scenario: "quick", speed: 1_000 });
const client = new VideoClient({ apiKey: "demo-key", fetch: simulator.fetch });
const id = simulator.createVideo();
const { status, url } = await client.waitForVideo(id, { minIntervalMs: 5, maxIntervalMs: 20 });
assert.deepEqual([status, url], ["DONE", "https://simulator.invalid/media/tour.webm"]);
