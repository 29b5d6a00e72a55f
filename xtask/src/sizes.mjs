// What a program pays for each entry of the package: the entry bundled and minified as a bundler does
// it, and the module where it is a file of its own. Prints one JSON array of [name, raw, gzip, brotli]. The
// argument is the folder of the package, built and with its tools installed.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [folder] = process.argv.slice(1);
const { build } = createRequire(join(folder, "package.json"))("esbuild");
const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };

function row(name, bytes) {
  return [name, bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes, best).length];
}

async function entry(name, file) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from "./dist/${file}.js";`, resolveDir: folder },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["*.wasm", "*.wasm?module", "cloudflare:workers"],
    legalComments: "none",
    logLevel: "error",
    write: false,
  });
  return row(name, outputFiles[0].contents);
}

console.log(
  JSON.stringify([
    await entry("iacrea-video", "index"),
    await entry("iacrea-video, workerd", "index.workerd"),
    await entry("iacrea-video/slim", "slim"),
    row("iacrea-video.wasm", readFileSync(join(folder, "dist/iacrea-video.wasm"))),
    await entry("iacrea-video/machine", "machine"),
    await entry("iacrea-video/edge", "edge"),
    await entry("iacrea-video/cloudflare", "cloudflare"),
    await entry("iacrea-video/simulator", "simulator"),
  ]),
);
