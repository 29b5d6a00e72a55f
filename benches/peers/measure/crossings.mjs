// @ts-check
/**
 * Calls between JavaScript and the module for each poll, by name; and what a poll allocates, in the module and on the
 * heap of JavaScript. The calls are counted and exact; the heap is what it grows by while nothing is collected.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { bundleAll } from "../bundle.mjs";
import { field } from "../field.mjs";

const one = fileURLToPath(new URL("crossings-of-one.mjs", import.meta.url));
await bundleAll();
const rows = field.map(({ file }) => {
  console.error(`  crossings and allocations: ${file}`);
  // Nothing is collected while there is room.
  const flags = ["--expose-gc", "--max-semi-space-size=1024", "--min-semi-space-size=1024"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, one, file], { encoding: "utf8" });
  if (status !== 0) throw new Error(`measure/crossings-of-one.mjs ${file} failed: ${stderr}`);
  return { file, ...JSON.parse(stdout) };
});
console.log(JSON.stringify(rows));
