// @ts-check
/**
 * From `import()` to the call of `fetch`, in Node, in ms: cold, in a new process, and warm, for another client in the
 * same process. After each run of a client comes one of the hand-written loop.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { bundleAll } from "../bundle.mjs";
import { field } from "../field.mjs";
import { paired, quick } from "./client.mjs";

const one = fileURLToPath(new URL("start-of-one.mjs", import.meta.url));

/** @param {string} file @returns {{ cold: number, warm: number }} */
function run(file) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [one, file], { encoding: "utf8" });
  if (status !== 0) throw new Error(`measure/start-of-one.mjs ${file} failed: ${stderr}`);
  return JSON.parse(stdout);
}

await bundleAll();
const rows = [];
for (const { file } of field) {
  console.error(`  start in Node: ${file}`);
  rows.push({ file, ...(await paired(quick ? 3 : 15, async () => run(file), async () => run("hand-written"))) });
}
console.log(JSON.stringify(rows));
