// @ts-check
/** Responses that are valid, and longer in some form than a host keeps: their outcome is delivered all the same, and what is kept has room. In virtual time. */

import { leap, still } from "../node/virtual.mjs";

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serialize } from "node:v8";
import { done, generating } from "../node/answers.mjs";
import { Host, KEY, VideoError, VideoWatcher, VideoWorkflow } from "./memory-host.mjs";

const HOUR = 3_600_000;
/** What Cloudflare keeps of a step, and in one value of an object. */
const [STEP_BYTES, VALUE_BYTES] = [1_048_576, 2_000_000];
const MIB = 1_048_576;

const utf8 = (/** @type {string} */ text) => new TextEncoder().encode(text);
/** As long as `unit` fits into so many bytes. @param {string} unit @param {number} bytes */
const filled = (unit, bytes) => unit.repeat(Math.floor(bytes / utf8(unit).length));
/** @param {string} unit @param {number} bytes */
const clipWith = (unit, bytes) => ({ generatedContent: [{ id: "clip", url: "https://media.example/clip.mp4", status: "success", text: filled(unit, bytes) }] });
/** @param {number} count @param {(at: number) => object} clip */
const clips = (count, clip) => ({ generatedContent: Array.from({ length: count }, (_, at) => ({ id: `clip-${at}`, status: "success", ...clip(at) })) });

/** What a response has beside its status and its url; `kept` is of how many clips the ids are told at the end. @type {[what: string, beside: object, kept: number][]} */
const LONG = [
  ["300 KB of text in a clip", clipWith("lorem ipsum ", 300_000), 1],
  ["156 KB of Chinese in a clip", clipWith("映像の説明。", 156_000), 1],
  ["666 KB of Chinese in a clip", clipWith("映像の説明。", 666_000), 1],
  ["a megabyte of emoji in a clip", clipWith("🎬", MIB - 1_000), 1],
  ["a megabyte of accents in many clips", clips(100, () => ({ text: filled("é", 10_000) })), 100],
  ["a category that is long", clips(2, () => ({ category: filled("家", 400_000) })), 2],
  ["thousands of clips with addresses", clips(4_000, () => ({ url: `https://media.example/${"a".repeat(180)}` })), 0],
  ["a long message", { message: filled("説明", MIB - 1_000) }, 0],
  ["long members of no known name", { note: filled("説明", 500_000), list: [filled("説明", 400_000)], ...clips(2, () => ({})) }, 2],
  ["an address of 60 KB, and texts", { poster: `https://media.example/${"b".repeat(60_000)}`, ...clipWith("映", 800_000) }, 1],
];

/** Requests are counted, and the responses are `first` and then `last`. @param {object} first @param {object} last */
function api(first, last) {
  const state = { requests: 0 };
  const fetch = async () => {
    const body = JSON.stringify((state.requests += 1) === 1 ? first : last);
    assert.ok(utf8(body).length <= MIB, `${utf8(body).length} bytes`);
    return new Response(body);
  };
  return { state, fetch };
}

/** How a watcher ends, what it stores meanwhile, and what it says of the status. @param {object} first @param {object} last */
async function watched(first, last) {
  leap();
  const { state, fetch } = api(first, last);
  /** @type {any[]} */
  const ends = [];
  class Watcher extends VideoWatcher {
    settings() {
      return { apiKey: KEY, fetch };
    }
    async onDone(/** @type {any} */ video) {
      ends.push(video);
    }
    async onFailed(/** @type {any} */ error) {
      ends.push(error);
    }
  }
  const host = new Host(Watcher);
  let longest = 0;
  const { set } = host.values;
  host.values.set = (key, value) => {
    longest = Math.max(longest, serialize(value).length);
    return set.call(host.values, key, value);
  };
  await host.visit("watch");
  await host.pass(HOUR, () => ends.length > 0);
  const status = await host.visit("status");
  return { requests: state.requests, ends, longest, status };
}

/** What a workflow comes to, and how many bytes its longest step takes. @param {object} first @param {object} last */
async function worked(first, last) {
  leap();
  const { state, fetch } = api(first, last);
  class Workflow extends VideoWorkflow {
    settings() {
      return { apiKey: KEY, fetch };
    }
  }
  let longest = 0;
  const end = await new /** @type {any} */ (Workflow)({}, {})
    .run({ payload: { id: "v" } }, {
      async do(/** @type {string} */ _, /** @type {() => Promise<any>} */ act) {
        const kept = await act();
        longest = Math.max(longest, serialize(kept).length, utf8(JSON.stringify(kept)).length);
        return structuredClone(kept);
      },
      sleep: (/** @type {string} */ _, /** @type {number} */ ms) => sleep(ms),
      async waitForEvent(/** @type {string} */ _, /** @type {{ timeout: number }} */ { timeout }) {
        await sleep(timeout);
        throw new Error("no event came");
      },
    })
    .catch((/** @type {unknown} */ error) => error);
  return { requests: state.requests, end, longest };
}

describe("a response that is longer than its host keeps", { timeout: 280_000 }, () => {
  for (const [what, beside, clipsKept] of LONG) {
    const first = { ...generating(0), ...beside };
    const last = { ...done, ...beside };

    it(`is delivered by a watcher: ${what}`, async (test) => {
      test.mock.method(console, "error", () => {});
      const { requests, ends, longest, status } = await watched(first, last);
      assert.deepEqual([requests, ends.length, ends[0]?.status, ends[0]?.url], [2, 1, "DONE", done.url]);
      assert.ok(longest <= VALUE_BYTES, `${longest} bytes`);
      assert.ok((ends[0].generatedContent ?? []).length >= clipsKept);
      assert.deepEqual([status.status, status.body.status, status.body.url], [200, "DONE", done.url]);
    });

    it(`is delivered by a workflow: ${what}`, async (test) => {
      test.mock.method(console, "error", () => {});
      const { requests, end, longest } = await worked(first, last);
      assert.deepEqual([requests, end.status, end.url], [2, "DONE", done.url]);
      assert.ok(longest <= STEP_BYTES, `${longest} bytes`);
      assert.ok((end.generatedContent ?? []).length >= clipsKept);
    });
  }

  it("says of a failure why, as far as there is room", async (test) => {
    const { mock } = test.mock.method(console, "error", () => {});
    const failed = { status: "ERROR", message: filled("映", MIB - 1_000) };
    const { requests, ends, longest } = await watched({ ...generating(0), ...clipWith("映", MIB - 1_000) }, failed);
    assert.deepEqual([requests, ends.map(({ code }) => code)], [2, ["video_failed"]]);
    assert.match(ends[0].detail, /^映+/);
    assert.ok(longest <= VALUE_BYTES);
    assert.match(String(mock.calls[0]?.arguments), /the status of video\/v is longer than can be stored/);
    const worker = await worked(generating(0), failed);
    assert.ok(worker.end instanceof VideoError && worker.longest <= STEP_BYTES, `${worker.longest} bytes`);
    assert.deepEqual([worker.requests, worker.end.code], [2, "video_failed"]);
  });

  it("has all of its texts where there is room for them", async () => {
    const beside = clipWith("映", 600_000);
    const { ends } = await watched(generating(0), { ...done, ...beside });
    assert.equal(ends[0].generatedContent[0].text, beside.generatedContent[0]?.text);
    const { end } = await worked(generating(0), { ...done, ...clipWith("x", 900_000) });
    assert.equal(end.generatedContent[0].text.length, 900_000);
  });
});

it("steps of all watches in one isolate hold 16 MiB of bodies, and a request for more counts as lost", { timeout: 60_000 }, async () => {
  leap();
  const beganMs = Date.now();
  /** When a watch had its first response, or a body was left; each body is such a one. @param {(over: () => void) => BodyInit} bodyOf */
  const watching = async (bodyOf) => {
    let atMs = NaN;
    const over = () => void (atMs = Date.now() - beganMs);
    class Watcher extends VideoWatcher {
      settings() {
        return { apiKey: KEY, fetch: async () => new Response(bodyOf(over)) };
      }
      async onDone() {
        over();
      }
    }
    const host = new Host(Watcher);
    await host.visit("watch");
    await host.pass(HOUR, () => atMs >= 0);
    return atMs;
  };
  // Each has nearly a megabyte there, and does not end.
  const stalled = (/** @type {() => void} */ cancel) => new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(MIB - 1_000).fill(0x20)), cancel });
  const slow = Array.from({ length: 17 }, () => watching(stalled));
  // What has room is not late, and what has none is not read on; no time passes until both are over.
  const early = await still(Promise.all([Promise.race(slow), watching(() => JSON.stringify(done))]));
  assert.deepEqual(early, [0, 0]);
  const late = (await Promise.all(slow)).filter((ms) => ms > 0);
  assert.deepEqual(late, Array.from({ length: 16 }, () => 30_000));
});
