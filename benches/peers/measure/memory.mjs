// @ts-check
/**
 * Memory of jobs that wait, in bytes for each: 1, 100 and 10,000 of them, and one with answers of 10 to 1,000 clips. Each in
 * a process of its own, asked about once and then asleep. What a client takes before its first job is not in it.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { bundleAll } from "../bundle.mjs";
import { field } from "../field.mjs";
import { median, quick } from "./client.mjs";

const one = fileURLToPath(new URL("memory-of-one.mjs", import.meta.url));

/** @param {{ file: string, jobs: number, clips?: number }} work @returns {{ all: number, wasm: number }} */
function run(work) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", one, JSON.stringify(work)], { encoding: "utf8" });
  if (status !== 0) throw new Error(`measure/memory-of-one.mjs ${work.file} failed: ${stderr}`);
  return JSON.parse(stdout);
}

await bundleAll();
const rows = field.map(({ file }) => {
  console.error(`  memory: ${file}`);
  const each = (/** @type {number} */ jobs, /** @type {number | undefined} */ clips) => {
    // Of one job there is little more than noise.
    const runs = Array.from({ length: jobs > 1 || quick ? 1 : 5 }, () => run({ file, jobs, clips }));
    return { jobs, clips, bytes: median(runs.map(({ all }) => all)), wasm: median(runs.map(({ wasm }) => wasm)) };
  };
  return { file, jobs: [1, 100, 1_000, 10_000].map((jobs) => each(jobs, undefined)), clips: [10, 100, 1_000].map((clips) => each(100, clips)) };
});
console.log(JSON.stringify(rows));
