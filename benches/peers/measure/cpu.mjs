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
import { bundleAll } from "../bundle.mjs";
import { field } from "../field.mjs";
import { paired, quick } from "./client.mjs";

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
 * Beside the loop.
 * @param {Work} work
 * @param {number} [pairs]
 */
function beside(work, pairs = 2) {
  // Large answers take long, and the server too.
  const share = (work.server ? 3 : 1) * (1 + (work.clips ?? 0) / 40);
  const size = { polls: Math.ceil(3_000 / share / 40) * 40, rounds: 2 };
  return paired(quick ? 1 : pairs, async () => run({ ...work, ...size }), async () => run({ ...work, file: "hand-written", ...size }));
}

/** Instructions of a poll: those of many polls less those of few. @param {string} file */
function instructions(file) {
  const [few, many] = [1_000, 3_000];
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
if (process.argv.includes("--instructions")) {
  const rows = field.map(({ file }) => {
    console.error(`  instructions: ${file}`);
    return { file, instructions: instructions(file) };
  });
  console.log(JSON.stringify(rows));
} else {
  const { address, end } = await withServer();
  const rows = [];
  for (const { file } of field) {
    console.error(`  processor time: ${file}`);
    const clips = [];
    // How it grows with the answer.
    for (const count of [10, 100, 1_000]) clips.push({ clips: count, ...(await beside({ file, clips: count, changing: true }, 1)) });
    rows.push({
      file,
      changing: await beside({ file, changing: true }, 5),
      same: await beside({ file }),
      server: await beside({ file, server: address }),
      clips,
    });
  }
  end();
  console.log(JSON.stringify(rows));
}
