// @ts-check
/**
 * Many videos watched at once on one machine, with what it costs: requests and memory, time for a step, and the
 * state machine's share of it: a thousand, which a processor takes with ease, and then ten thousand, which are more
 * than it can take. The figures are printed, and stand in docs/durable.md.
 */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus } from "node:os";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE } from "../edge/upstream.mjs";
import { entry } from "../node/package.mjs";
import { Host } from "./workerd.mjs";

/**
 * @typedef {object} Load
 * @property {number} videos
 * @property {number} lifeMs from the first question to DONE
 * @property {{ minIntervalMs: number, maxIntervalMs: number }} poll
 * @property {number} processes each video is a database of three files, and a process may have some ten thousand open
 */

/** @type {Load[]} */
const LOADS = [
  { videos: 1_000, lifeMs: 60_000, poll: { minIntervalMs: 2_000, maxIntervalMs: 5_000 }, processes: 1 },
  { videos: 10_000, lifeMs: 120_000, poll: { minIntervalMs: 10_000, maxIntervalMs: 30_000 }, processes: 4 },
];
/** Clips of a video, as an agent's listing has them. */
const CLIPS = 10;
/** Ticks of a processor's clock in a second, as /proc counts them. */
const TICKS = 100;

const { start, step } = /** @type {typeof import("../../pkg/dist/machine.js")} */ (await import(new URL("machine.js", entry).href));

/** What the API says of a video that far. @param {number} share */
function status(share) {
  const clip = (/** @type {number} */ at) => ({ id: `clip-${at}`, url: `https://media.example/clip-${at}.mp4`, status: share > at / CLIPS / 2 ? "success" : "pending" });
  const generatedContent = Array.from({ length: CLIPS }, (_, at) => clip(at));
  if (share >= 1) return { status: "DONE", url: "https://media.example/v.mp4", generatedContent };
  if (share >= 0.5) return { status: "RENDERING_VIDEO", progress: share };
  return { status: "GENERATING_VIDEO", generatedContent };
}

/** @param {number[]} values */
function quantiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ share) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? NaN;
  return { median: at(0.5), p99: at(0.99), most: at(1) };
}

for (const load of LOADS) {
  describe(`${load.videos} videos at once`, { timeout: 600_000, skip: process.platform === "linux" ? false : "it reads /proc" }, () => under(load));
}

/** @param {Load} load */
async function under({ videos, lifeMs, poll, processes }) {
  /** @type {Map<string, { first: number, last: number, count: number, isDone: boolean }>} */
  const asked = new Map();
  /** @type {number[]} */
  const gaps = [];
  let requests = 0;
  let done = 0;
  const upstream = createServer((request, response) => {
    const now = Date.now();
    const id = String(request.url).split("/").at(-1) ?? "";
    const video = asked.get(id) ?? { first: now, last: 0, count: 0, isDone: false };
    if (video.last > 0) gaps.push(now - video.last);
    requests += 1;
    const share = (now - video.first) / lifeMs;
    if (share >= 1 && !video.isDone) done += 1;
    asked.set(id, { first: video.first, last: now, count: video.count + 1, isDone: share >= 1 });
    response.end(JSON.stringify(status(share)));
  });
  await once(upstream.listen(0, "127.0.0.1"), "listening");
  after(() => upstream.close());
  const { port } = /** @type {import("node:net").AddressInfo} */ (upstream.address());
  const environment = { KEY: "key-of-the-load", UPSTREAM: `http://127.0.0.1:${port}`, POLL: JSON.stringify(poll) };
  const hosts = await Promise.all(Array.from({ length: processes }, () => new Host(environment).start()));
  after(() => Promise.all(hosts.map((host) => host.end())));

  const sum = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0);
  const memory = () => sum(hosts.map(({ pid }) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024));
  const processor = () => sum(hosts.map(({ pid }) => {
    const [user = 0, system = 0] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(11, 13).map(Number) ?? [];
    return ((user + system) * 1_000) / TICKS;
  }));

  it("each come to their end, at their pace", async (test) => {
    const idle = memory();
    const began = performance.now();
    const ids = Array.from({ length: videos }, (_, at) => `load-${at}`);
    const rest = ids.entries();
    const watchAll = async () => {
      for (const [at, id] of rest) {
        const { origin = "" } = hosts[at % hosts.length] ?? {};
        const response = await fetch(`${origin}${BASE}/${id}/watch`, { method: "POST" });
        assert.equal(response.status, 202, await response.text());
      }
    };
    await Promise.all(Array.from({ length: 40 }, watchAll));
    const startedMs = performance.now() - began;
    const taken = () => Promise.all(hosts.map(async ({ origin }) => /** @type {number[]} */ (await (await fetch(`${origin}/steps`)).json())));
    // To begin them is more than the machine can take; how long a step takes is looked at once that is over.
    await sleep(poll.maxIntervalMs);
    const early = await taken();
    let most = 0;
    while (done < videos) {
      most = Math.max(most, memory());
      await sleep(250);
    }
    const tookMs = performance.now() - began;
    const steps = quantiles((await taken()).flatMap((all, at) => all.slice(early[at]?.length)));
    const gap = quantiles(gaps);
    const cpuMs = processor() / requests;
    const busy = processor() / tookMs / cpus().length;

    // The same steps in this process, where time can be measured.
    const { snapshot } = await start("load-1", 1_000_000);
    const body = JSON.stringify(status(0.3));
    const rounds = 2_000;
    const clock = performance.now();
    for (let round = 0; round < rounds; round += 1) {
      const { snapshot: asleep } = await step(snapshot, { type: "response", httpStatus: 200, body }, 1_000_000);
      await step(asleep, { type: "wake" }, 2_000_000);
    }
    const inMachineMs = (performance.now() - clock) / rounds;

    test.diagnostic(`${videos} videos begun in ${(startedMs / 1_000).toFixed(1)} s, all done after ${(tookMs / 1_000).toFixed(1)} s`);
    test.diagnostic(`${requests} requests, ${((requests * 1_000) / tookMs).toFixed(0)} in a second; ${(requests / videos).toFixed(1)} for a video, ${gap.median} ms between two (99th percentile ${gap.p99})`);
    test.diagnostic(`memory ${((most - idle) / videos / 1_024).toFixed(1)} KiB for a video (${(most / 1_048_576).toFixed(0)} MiB in all, ${(idle / 1_048_576).toFixed(0)} before)`);
    test.diagnostic(`a step with its request: median ${steps.median} ms, 99th percentile ${steps.p99} ms`);
    test.diagnostic(`processor ${cpuMs.toFixed(2)} ms for a request, of it the machine ${inMachineMs.toFixed(3)} ms (${((100 * inMachineMs) / cpuMs).toFixed(1)} %); ${(100 * busy).toFixed(0)} % of all processors`);
    // Its pace is counted in requests, since those of a busy machine arrive unevenly.
    const tooMany = [...asked].filter(([, { first, last, count }]) => (count - 2) * poll.minIntervalMs > last - first);
    assert.deepEqual(tooMany, [], "at most one request in the shortest interval");
    // Nearly all of it is the database that the host opens for each.
    assert.ok((most - idle) / videos < 1_048_576, "1 MiB for a video");
    assert.ok(inMachineMs < cpuMs, "the machine is the smaller part");
  });
}
