// @ts-check
/**
 * Every consumer in the table gets its video with the package as npm installs it, untouched. The quick
 * set has Vite (the package as bundlers resolve it, built and served), a worker, a page without tools, and Node by
 * `import` and `require`. What takes long to install is run by `ALL=1`: frameworks, test runners, wrangler (the same
 * files run on workerd in tests/edge and tests/durable), Bun and Deno (which tests/edge has with the proxy's examples),
 * and the other bundlers, whose bundles shaking.test.mjs looks into. A table of what they took ends the run.
 */

import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { close } from "./chromium.mjs";
import { consumers } from "./consumers.mjs";
import { run } from "./programs.mjs";
import { createVideo, logOf } from "./simulator.mjs";
import { install, remove } from "./tarball.mjs";

/** A consumer whose name holds this runs alone. */
const only = process.env.CONSUMER;
const all = Boolean(process.env.ALL) || only !== undefined;

/** @typedef {{ consumer: string, versions: string, result: string, seconds: string, bytes: string }} Row */
/** What they took, by consumer, for several are at work at once. @type {Row[][]} */
const groups = [];

/** @template T @param {() => Promise<T>} work @returns {Promise<{ value: T, seconds: number }>} */
async function timed(work) {
  const start = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - start) / 1_000 };
}

/** The scripts and modules in a folder. @param {string} folder */
async function sizeOf(folder) {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true })) {
    if (/\.(js|mjs|cjs|wasm)$/.test(entry)) bytes += (await stat(join(folder, entry))).size;
  }
  return bytes;
}

/**
 * @param {import("./consumers.mjs").Way} way
 * @param {import("./tarball.mjs").Installed} installed
 */
async function gets(way, installed) {
  if (way.build) await run(way.build, installed.place);
  // The consumer's own tests say what they expect; they fail the command.
  if (way.test) return void (await run(way.test, { ...installed.place, limitMs: 240_000 }));
  assert.ok(way.run);
  const id = await createVideo();
  const result = await way.run({ installed, id });
  assert.equal(result.error, undefined, result.error?.stack ?? result.error?.message);
  assert.equal(result.status, "DONE");
  assert.equal(result.id, id);
  assert.match(result.url, /^http:\/\/127\.0\.0\.1:\d+\/media\/tour\.webm$/);
  const overall = result.updates.map((/** @type {any} */ update) => update.overall);
  assert.ok(overall.length > 0, "progress came");
  assert.deepEqual(overall, overall.toSorted((/** @type {number} */ a, /** @type {number} */ b) => a - b));
  assert.deepEqual(result.updates.at(-1), { status: "DONE", overall: 1 });
  const log = await logOf(id);
  assert.equal(log.key, true, "each request had the key");
  if (way.shares) assert.ok(log.requests.length > 0 && log.requests.length <= result.requests);
  else assert.equal(log.requests.length, result.requests);
}

describe("a consumer gets its video", { concurrency: 2, timeout: 900_000 }, () => {
  for (const { name, ways, prepare, ...needs } of consumers) {
    const chosen = ways.filter(({ quick }) => quick || all);
    if (chosen.length === 0 || (only !== undefined && !name.includes(only))) continue;
    /** @type {Row[]} */
    const rows = [];
    groups.push(rows);
    it(name, async (test) => {
      const { value: installed, seconds } = await timed(() => install(name, needs));
      const versions = Object.entries(installed.versions).map((version) => version.join(" ")).join(", ");
      rows.push({ consumer: name, versions, result: "installed", seconds: seconds.toFixed(1), bytes: "" });
      if (prepare) {
        const { seconds } = await timed(() => prepare(installed));
        rows.push({ consumer: name, versions: "", result: "prepared", seconds: seconds.toFixed(1), bytes: "" });
      }
      for (const way of chosen) {
        await test.test(way.name, async () => {
          const row = { consumer: way.name, versions: "", result: "FAILED", seconds: "", bytes: "" };
          rows.push(row);
          const start = performance.now();
          try {
            await gets(way, installed);
            row.result = "works";
          } finally {
            row.seconds = ((performance.now() - start) / 1_000).toFixed(1);
            if (way.bundle) row.bytes = String(await sizeOf(join(installed.dir, way.bundle)).catch(() => ""));
          }
        });
      }
    });
  }

  after(async () => {
    await close();
    await remove();
    print();
  });
});

function print() {
  const columns = /** @type {const} */ (["consumer", "versions", "result", "seconds", "bytes"]);
  const table = [Object.fromEntries(columns.map((column) => [column, column])), ...groups.flat()];
  const widths = columns.map((column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  for (const row of table) {
    const cells = columns.map((column, index) => {
      const cell = row[column] ?? "";
      return index < 3 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0);
    });
    console.log(cells.join("  "));
  }
}
