// @ts-check
/**
 * Processor time of each client for each poll and each job, in pairs: after each run of a client one of the
 * hand-written loop, each in a process of its own, so that what else the machine does meets both. With `--instructions`
 * it counts them instead, under valgrind, where the clock is too noisy; that takes minutes.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundleAll } from "../bundle.mjs";
import { field } from "../field.mjs";
import { median, spread } from "./client.mjs";

const { values } = parseArgs({ options: { quick: { type: "boolean" }, instructions: { type: "boolean" } } });
const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const one = path("cpu-of-one.mjs");

/** @typedef {{ file: string, server?: string, clips?: number, changing?: boolean }} Work */

/**
 * @param {Work & { polls: number, rounds: number }} work
 * @returns {{ poll: number, job: number }}
 */
function run(work) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", one, JSON.stringify(work)], { encoding: "utf8" });
  if (status !== 0) throw new Error(`measure/cpu-of-one.mjs ${work.file} failed: ${stderr}`);
  return JSON.parse(stdout);
}

/**
 * Pairs of a client and the loop.
 * @param {Work} work
 * @param {number} [repetitions]
 */
function paired(work, repetitions = 3) {
  // Large answers take long, and the server too.
  const share = (work.server ? 3 : 1) * (1 + (work.clips ?? 0) / 40);
  const size = { polls: Math.ceil(3_000 / share / 40) * 40, rounds: 2 };
  const pairs = Array.from({ length: values.quick ? 1 : repetitions }, () => {
    const own = run({ ...work, ...size });
    const loop = run({ ...work, file: "hand-written", ...size });
    return { own, loop };
  });
  /** @param {"poll" | "job"} what */
  const figures = (what) => {
    const ratios = pairs.map(({ own, loop }) => own[what] / loop[what]);
    return { us: median(pairs.map(({ own }) => own[what])), ratio: median(ratios), spread: spread(ratios) };
  };
  return { poll: figures("poll"), job: figures("job") };
}

/** Instructions of a poll: those of many polls less those of few. @param {string} file */
function instructions(file) {
  const [few, many] = [1_000, 4_000];
  const count = (/** @type {number} */ polls) => {
    const work = JSON.stringify({ file, polls, rounds: 0, changing: true });
    // V8 writes its code itself; with one thread nothing is compiled beside what is counted.
    const flags = ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--smc-check=all-non-file"];
    const { stderr, error } = spawnSync("valgrind", [...flags, process.execPath, "--single-threaded", one, work], { encoding: "utf8" });
    const collected = stderr?.match(/Collected : (\d+)/)?.[1];
    if (error || !collected) throw new Error(`valgrind counted nothing: ${error ?? stderr}`);
    return Number(collected);
  };
  return (count(many) - count(few)) / (many - few);
}

async function withServer() {
  const server = spawn(process.execPath, [path("../server.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
  const [address] = await once(createInterface(server.stdout), "line");
  return { address, end: () => server.stdin.end() };
}

await bundleAll();
if (values.instructions) {
  const rows = field.map(({ file }) => {
    console.error(`  instructions: ${file}`);
    return { file, instructions: instructions(file) };
  });
  console.log(JSON.stringify(rows));
} else {
  const { address, end } = await withServer();
  const rows = field.map(({ file }) => {
    console.error(`  processor time: ${file}`);
    return {
      file,
      changing: paired({ file, changing: true }, 7),
      same: paired({ file }),
      server: paired({ file, server: address }),
      // How it grows with the answer.
      clips: [10, 100, 1_000].map((clips) => ({ clips, ...paired({ file, clips, changing: true }, 1).poll })),
    };
  });
  end();
  console.log(JSON.stringify(rows));
}
