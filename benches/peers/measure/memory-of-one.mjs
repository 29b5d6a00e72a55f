// @ts-check
/**
 * One client in a process of its own: so many jobs, each asked about once and then asleep. Prints, as one JSON, how many
 * bytes there are more for each than before: on the heap of JavaScript and outside of it, of which the module's memory is a part.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { bring, fromMemory } from "./client.mjs";

/** @type {{ file: string, jobs: number, clips?: number }} */
const { file, jobs, clips } = JSON.parse(process.argv[2] ?? "");

/** @type {WebAssembly.Memory | undefined} */
let memory;
const instantiate = WebAssembly.instantiate;
const watched = async (/** @type {WebAssembly.Module} */ module, /** @type {WebAssembly.Imports} */ imports) => {
  const instance = await instantiate(module, imports);
  // Node's own fetch brings a module too.
  if ("glue" in imports) memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
  return instance;
};
WebAssembly.instantiate = /** @type {typeof WebAssembly.instantiate} */ (/** @type {unknown} */ (watched));

const { entry, open } = await bring(file, { hastened: false });
const { fetch, count } = fromMemory(entry, { pendings: Infinity, clips });
const one = open({ baseUrl: "http://memory.example", fetch, intervalMs: 3_600_000 });

/** What there is, once all that can be collected is. */
async function used() {
  for (let round = 0; round < 4; round += 1) {
    await sleep(20);
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return { all: heapUsed + external, wasm: memory?.buffer.byteLength ?? 0 };
}

// With some that wait already, everything is loaded that a job needs.
for (let at = 0; at < 50; at += 1) void one(`early-${at}`);
await sleep(300);
const before = await used();
const asked = count();
for (let at = 0; at < jobs; at += 1) void one(`job-${at}`);
// One that pauses before it asks for the first time is asleep at once.
while (asked > 0 && count() < asked + jobs) await sleep(5);
await sleep(200);
const after = await used();
console.log(JSON.stringify({ all: (after.all - before.all) / jobs, wasm: (after.wasm - before.wasm) / jobs }));
process.exit();
