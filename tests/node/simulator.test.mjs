// @ts-check
// The in-page simulator of the built package: what its fetch resolves and rejects with, and that a seed repeats itself.
// What the model answers is tested in Rust; here it is only looked at as far as it crosses into JavaScript.

import { leap, took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoClient } from "../../pkg/dist/index.js";
import { createSimulator, scenarioCatalogue, simulatorScenarios } from "../../pkg/dist/simulator.js";

leap();
/** @typedef {import("../../pkg/dist/simulator.js").Simulator} Simulator */
/** @param {string} id */
const url = (id) => `https://iacrea.com/api/video-editor/generate/video/${id}`;
/** @param {Simulator} simulator @param {string} id @param {RequestInit} [init] */
const get = (simulator, id, init = {}) =>
  simulator.fetch(url(id), { headers: { "x-api-key": "demo-key" }, ...init });
/** @param {string} scenario @returns {[Simulator, string]} */
const video = (scenario) => {
  const simulator = createSimulator({ scenario, speed: 100 });
  return [simulator, simulator.createVideo()];
};
/** A video whose scenario strikes from the third request on, and two requests sent. @param {string} scenario @returns {Promise<[Simulator, string]>} */
const struck = async (scenario) => {
  const [simulator, id] = video(scenario);
  await get(simulator, id);
  await get(simulator, id);
  return [simulator, id];
};

test("names and catalogue list the same scenarios, happy first", () => {
  assert.equal(simulatorScenarios[0], "happy");
  assert.deepEqual(simulatorScenarios, scenarioCatalogue.map(({ name }) => name));
});

test("a video goes through all phases and is written down", async () => {
  const simulator = createSimulator({ speed: 1000, mediaBase: "http://media.invalid/here/" });
  const id = simulator.createVideo();
  assert.deepEqual(simulator.requests(id), []);
  const phases = [];
  let body;
  do {
    await sleep(2);
    const response = await get(simulator, id);
    assert(response instanceof Response);
    body = await response.json();
    if (phases.at(-1) !== body.status) phases.push(body.status);
  } while (body.status !== "DONE");
  assert.deepEqual(phases, ["PENDING", "GENERATING_VIDEO", "START_RENDERING_VIDEO", "RENDERING_VIDEO", "DONE"]);
  assert.equal(body.url, "http://media.invalid/here/tour.webm");
  assert.equal(body.id, id);
  const last = simulator.requests(id).at(-1);
  assert.deepEqual({ ...last, atMs: 0 }, { atMs: 0, status: 200, fault: null, key: true });
});

test("a response takes 20 to 60 ms, and a video's speed is that of its responses too", async () => {
  for (const speed of [1, 10]) {
    const simulator = createSimulator({ speed });
    const id = simulator.createVideo();
    for (let turn = 0; turn < 20; turn += 1) {
      const ms = await took(get(simulator, id));
      assert(ms >= 20 / speed && ms <= 60 / speed, `${ms} ms`);
    }
  }
});

test("a response takes as long as one asks for", async () => {
  const simulator = createSimulator({ speed: 100, latencyMs: 700 });
  assert.equal(await took(get(simulator, simulator.createVideo())), 700);
  const atOnce = createSimulator({ latencyMs: 0 });
  assert.equal(await took(get(atOnce, atOnce.createVideo())), 0);
  assert.throws(() => createSimulator({ latencyMs: -1 }), RangeError);
});

test("media and the other origin are where one says, for each request anew", async () => {
  const simulator = createSimulator({ speed: 1e6, mediaBase: ({ origin }) => new URL("/films/", origin), otherOrigin: "http://elsewhere.test/path" });
  const id = simulator.createVideo({ scenario: "happy" });
  const at = async (/** @type {string} */ origin) => {
    const response = await simulator.fetch(url(id).replace("https://iacrea.com", origin), { headers: { "x-api-key": "demo-key" } });
    return (await response.json()).url;
  };
  while ((await at("http://one.test")) === undefined) await sleep(2);
  assert.deepEqual([await at("http://one.test"), await at("http://two.test:81")], ["http://one.test/films/tour.webm", "http://two.test:81/films/tour.webm"]);
  const moved = await get(simulator, simulator.createVideo({ id: "moved", scenario: "redirect-other-origin" }), { redirect: "manual" });
  assert.equal(moved.headers.get("location"), "http://elsewhere.test/api/video-editor/generate/video/moved");
});

test("a body has the length that its head declares, unless it breaks off", async () => {
  for (const scenario of ["happy", "huge-for-ever", "byte-order-mark"]) {
    const [simulator, id] = await struck(scenario);
    const response = await get(simulator, id);
    assert.equal(Number(response.headers.get("content-length")), (await response.arrayBuffer()).byteLength, scenario);
  }
  const [simulator, id] = await struck("truncated-for-ever");
  const response = await get(simulator, id);
  let length = 0;
  await assert.rejects(async () => {
    for await (const chunk of response.body ?? []) length += chunk.length;
  });
  assert.ok(length > 0 && length < Number(response.headers.get("content-length")));
});

test("the same seed gives the same ids", () => {
  const ids = (/** @type {number} */ seed) => {
    const simulator = createSimulator({ seed });
    return [simulator.createVideo(), simulator.createVideo()];
  };
  assert.deepEqual(ids(3), ids(3));
  assert.notEqual(ids(3)[0], ids(4)[0]);
  assert.notEqual(ids(3)[0], ids(3)[1]);
  assert.match(String(ids(3)[0]), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("text, URL and Request will do; key and id are checked", async () => {
  const simulator = createSimulator({ apiKey: "demo-key" });
  const id = simulator.createVideo();
  const headers = { "x-api-key": "demo-key" };
  assert.equal((await simulator.fetch(new URL(url(id)))).status, 401);
  assert.equal((await simulator.fetch(new Request(url(id), { headers }))).status, 200);
  assert.equal((await simulator.fetch(`/mounted${new URL(url(id)).pathname}`, { headers })).status, 200);
  assert.equal((await get(simulator, "nobody")).status, 404);
});

test("without a key of its own it takes clients with any key, and with none", async () => {
  for (const [clientOptions, simulatorOptions] of /** @type {const} */ ([[{}, {}], [{ apiKey: "any-key-at-all" }, {}], [{}, { apiKey: undefined }]])) {
    const simulator = createSimulator({ ...simulatorOptions, speed: 1_000 });
    const id = simulator.createVideo();
    const client = new VideoClient({ ...clientOptions, fetch: simulator.fetch });
    assert.equal((await client.waitForVideo(id, { minIntervalMs: 30, maxIntervalMs: 80 })).status, "DONE");
    assert.ok(simulator.requests(id).every(({ key }) => key));
    // What it plays back to a simulator that begins anew are requests that were let in.
    const again = createSimulator(simulatorOptions);
    assert.equal(again.createVideo(simulator.saveVideo(id)), id);
    assert.equal((await new VideoClient({ ...clientOptions, fetch: again.fetch }).getStatus(id)).status, "DONE");
  }
  const simulator = createSimulator({ apiKey: "its own" });
  const client = new VideoClient({ fetch: simulator.fetch });
  await assert.rejects(client.getStatus(simulator.createVideo()), { code: "unauthorized" });
});

test("an order is taken", async () => {
  const simulator = createSimulator();
  const order = { image_urls: ["https://a.invalid/1.jpg"], description: "A house by the sea" };
  const response = await simulator.fetch(url("auto"), {
    method: "POST",
    headers: { "x-api-key": "demo-key" },
    body: JSON.stringify(order),
  });
  assert.equal(response.status, 201);
  assert.equal((await get(simulator, (await response.json()).id)).status, 200);
});

test("aborting a request that hangs rejects with the reason at once", async () => {
  const [simulator, id] = await struck("hang-for-ever");
  const controller = new AbortController();
  const reason = new Error("mine");
  setTimeout(() => controller.abort(reason), 100);
  const hanging = get(simulator, id, { signal: controller.signal });
  assert.equal(await took(hanging), 100);
  await assert.rejects(hanging, (error) => error === reason);
});

test("aborting a body that stalls rejects with the reason at once", async () => {
  const [simulator, id] = await struck("stall-for-ever");
  const controller = new AbortController();
  const response = await get(simulator, id, { signal: controller.signal });
  setTimeout(() => controller.abort("mine"), 50);
  const stalled = response.text();
  assert.equal(await took(stalled), 50);
  await assert.rejects(stalled, (error) => error === "mine");
});

test("a request that is aborted beforehand is not sent", async () => {
  const [simulator, id] = await struck("happy");
  await assert.rejects(get(simulator, id, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(simulator.requests(id).length, 2);
});

test("a reset rejects, a truncated body breaks off", async () => {
  let [simulator, id] = await struck("reset-for-ever");
  await assert.rejects(get(simulator, id), TypeError);
  [simulator, id] = await struck("truncated-for-ever");
  const response = await get(simulator, id);
  assert.equal(response.status, 200);
  await assert.rejects(response.text(), TypeError);
});

test("204 has no body, a redirect is not followed", async () => {
  let [simulator, id] = video("no-content-for-ever");
  const empty = await get(simulator, id);
  assert.equal(empty.status, 204);
  assert.equal(empty.body, null);
  [simulator, id] = video("redirect-other-origin");
  const moved = await get(simulator, id, { redirect: "manual" });
  assert.equal(moved.status, 307);
  assert.equal(moved.headers.get("location"), url(id).replace("iacrea.com", "other-origin.invalid"));
  await assert.rejects(get(simulator, id, { redirect: "error" }), TypeError);
});

test("a huge body is streamed and can be left", async () => {
  const [simulator, id] = await struck("huge-for-ever");
  const body = (await get(simulator, id)).body ?? assert.fail("it has a body");
  const reader = body.getReader();
  assert.equal((await reader.read()).done, false);
  await reader.cancel();
  const text = await (await get(simulator, id)).text();
  assert(text.length > 64 * 2 ** 20);
  assert.equal(typeof JSON.parse(text).status, "string");
});

test("a saved video goes on in another simulator", async () => {
  const before = createSimulator({ speed: 5 });
  const id = before.createVideo();
  for (let turn = 0; turn < 6; turn += 1) {
    await get(before, id);
    await sleep(100);
  }
  const saved = JSON.parse(JSON.stringify(before.saveVideo(id)));
  const after = createSimulator({ seed: 9 });
  assert.equal(after.createVideo(saved), id);
  const clips = async (/** @type {Simulator} */ simulator) => {
    const { status, generatedContent } = await (await get(simulator, id)).json();
    return { status, ids: generatedContent?.map((/** @type {{ id: string }} */ { id }) => id) };
  };
  // One after the other: the module may first have to be told what happened before.
  assert.deepEqual(await clips(after), await clips(before));
  assert.equal(after.requests(id).length, 7);
});

test("options that cannot work are refused", () => {
  const wrong = [{ scenario: "nothing" }, { speed: 0 }, { speed: NaN }, { speed: Infinity }, { seed: -1 }, { seed: 1.5 }];
  const simulator = createSimulator();
  for (const options of wrong) {
    assert.throws(() => createSimulator(options), RangeError);
    assert.throws(() => simulator.createVideo(options), RangeError);
  }
  const id = simulator.createVideo();
  assert.throws(() => simulator.createVideo({ id }), RangeError);
  assert.throws(() => simulator.createVideo({ id: "" }), RangeError);
});
