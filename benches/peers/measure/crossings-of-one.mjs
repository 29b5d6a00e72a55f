// @ts-check
/** One client in a process of its own: what a poll crosses and allocates. Prints one JSON. */

import { readFileSync } from "node:fs";
import { countCrossings } from "../crossings.mjs";
import { bring, fromMemory } from "./client.mjs";

const [file = ""] = process.argv.slice(2);
const crossings = countCrossings();
const { entry, open } = await bring(file);

/** @param {number} pendings @param {boolean} changing */
async function wait(pendings, changing) {
  const { fetch, count } = fromMemory(entry, { pendings, changing });
  const one = open({ baseUrl: "http://memory.example", fetch, intervalMs: 1 });
  globalThis.gc?.();
  crossings.clear();
  const before = process.memoryUsage();
  await one("job");
  const { heapUsed, external } = process.memoryUsage();
  const grown = heapUsed - before.heapUsed + external - before.external;
  return { asked: count(), grown, into: new Map(crossings.into), out: new Map(crossings.out) };
}

/** @param {boolean} changing whether each answer brings something new */
async function perPoll(changing) {
  const few = await wait(100, changing);
  const many = await wait(1_100, changing);
  const polls = many.asked - few.asked;
  const each = (/** @type {"into" | "out"} */ way) => {
    const names = [...many[way]].map(([name, count]) => /** @type {const} */ ([name, (count - (few[way].get(name) ?? 0)) / polls]));
    return names.filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
  };
  return { heap: (many.grown - few.grown) / polls, into: each("into"), out: each("out") };
}

/** The shipped module's imports and exports have short names; its glue knows the long ones. */
const glue = readFileSync(new URL("../../../pkg/src/generated/video.glue.js", import.meta.url), "utf8");
const imports = [...glue.matchAll(/\b([a-z]+): (__w\w+?)(?:_[0-9a-f]{16})?\b/g)];
const names = Object.fromEntries(imports.map(([, short, long]) => [short, long?.replace(/^__(?:wbg|wbindgen)_+/, "")]));
// What is copied into the module is given room there first.
const [, malloc, realloc] = glue.match(/passStringToWasm0\(\w+, wasm\.(\w+), wasm\.(\w+)\)/) ?? [];

await wait(1_100, true);
const [changing, same] = [await perPoll(true), await perPoll(false)];
const copied = changing.into.filter(([name]) => name === malloc || name === realloc);
const copies = copied.reduce((sum, [, count]) => sum + count, 0);
console.log(JSON.stringify({ changing, same, copies, names: crossings.out.size > 0 ? names : {} }));
process.exit();
