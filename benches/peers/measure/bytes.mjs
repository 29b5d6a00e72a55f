// @ts-check
/** What a user downloads before the first request can leave: the smallest program that waits, and the module where it is a file of its own. */

import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { bundleAll, bundleOf, wasmFile } from "../bundle.mjs";
import { field } from "../field.mjs";

const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };

/** @param {Uint8Array} bytes */
function sizes(bytes) {
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes, best).length };
}

await bundleAll();
const rows = [];
for (const entry of field) {
  const js = sizes(readFileSync(bundleOf(entry.file)));
  const wasm = entry.wasm ? sizes(readFileSync(wasmFile)) : { raw: 0, gzip: 0, brotli: 0 };
  const all = { raw: js.raw + wasm.raw, gzip: js.gzip + wasm.gzip, brotli: js.brotli + wasm.brotli };
  rows.push({ file: entry.file, js, wasm, all });
}
console.log(JSON.stringify(rows));
