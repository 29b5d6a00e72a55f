// @ts-check
/**
 * What is left of the package in a production bundle: the module once, nothing of the entries that are
 * not used, and next to nothing of a client that is imported and not used.
 */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { inflateSync } from "node:zlib";
import { run } from "./programs.mjs";
import { install, remove, unpacked } from "./tarball.mjs";

/** The modules of the package. @type {{ video: Buffer, simulator: Buffer }} */
let modules;

/** The two quickest, which differ most, are enough for the gate; `ALL=1` has the others. */
const QUICK = ["rollup", "esbuild"];
/** How each bundler makes a folder of an entry. @type {Record<string, (entry: string, folder: string) => string[]>} */
const BUNDLERS = {
  webpack: (entry, folder) => ["webpack", "--mode", "production", "--entry", `./${entry}`, "--output-path", folder],
  rollup: (entry, folder) => ["rollup", entry, "--plugin", "node-resolve", "--format", "es", "--dir", folder],
  esbuild: (entry, folder) => ["esbuild", entry, "--bundle", "--minify", "--format=esm", `--outdir=${folder}`],
  rolldown: (entry, folder) => ["rolldown", entry, "--minify", "--platform", "browser", "--dir", folder],
};

/** @typedef {"video" | "simulator"} Name */
/** Sources, the modules that belong into their bundles, and the most that a bundle may weigh without them. @type {Record<string, { source: string, holds: Name[], atMost?: number }>} */
const SOURCES = {
  "the client alone": {
    source: 'import { VideoClient } from "iacrea-video"; globalThis.client = new VideoClient();',
    holds: ["video"],
  },
  "the client by way of a namespace": {
    source: 'import * as iacrea from "iacrea-video"; globalThis.client = new iacrea.VideoClient();',
    holds: ["video"],
  },
  "the client from a file that hands everything on": {
    source: 'import { VideoClient } from "./everything.js"; globalThis.client = new VideoClient();',
    holds: ["video"],
  },
  "the client from namespaces in a file that hands everything on": {
    source: 'import { iacrea } from "./everything.js"; globalThis.client = new iacrea.VideoClient();',
    holds: ["video"],
  },
  "the client in two files": {
    source: 'import { VideoClient } from "iacrea-video"; import "./another.js"; globalThis.client = new VideoClient();',
    holds: ["video"],
  },
  "the error class alone": {
    source: 'import { VideoError } from "iacrea-video"; globalThis.isOurs = (error) => error instanceof VideoError;',
    holds: [],
    atMost: 2_000,
  },
  "the slim client": {
    source: 'import { VideoClient } from "iacrea-video/slim"; globalThis.client = new VideoClient({ wasm: "/video.wasm" });',
    holds: [],
  },
  "the simulator alone": {
    source: 'import { createSimulator } from "iacrea-video/simulator"; globalThis.simulator = createSimulator();',
    holds: ["simulator"],
  },
  "the proxy alone": {
    source: 'import { createVideoProxy } from "iacrea-video/edge"; globalThis.proxy = createVideoProxy({ apiKey: "a key of yours" });',
    holds: [],
    atMost: 20_000,
  },
  "an import of everything and a use of nothing": {
    source: 'import "iacrea-video"; import "iacrea-video/slim"; import "iacrea-video/simulator"; import "iacrea-video/edge"; globalThis.here = 1;',
    holds: [],
    atMost: 200,
  },
  "names that are imported and not used": {
    source: 'import { VideoClient, VideoError } from "iacrea-video"; import * as simulator from "iacrea-video/simulator"; globalThis.here = 1;',
    holds: [],
    atMost: 200,
  },
};
const FILES = {
  "everything.js": `
    export * from "iacrea-video";
    export * as iacrea from "iacrea-video";
    export * as slim from "iacrea-video/slim";
    export { createSimulator } from "iacrea-video/simulator";
    export * as edge from "iacrea-video/edge";`,
  "another.js": 'import { VideoClient } from "iacrea-video"; globalThis.another = new VideoClient({ baseUrl: "/another/" });',
};

/**
 * The modules that are inlined in a text. They are found by what they are, a long run of base64 that
 * inflates to one: a minifier keeps no name and no comment to go by.
 * @param {string} text
 */
function inlinedModules(text) {
  // Rollup leaves its lines as they are, each continued by the next.
  return [...text.replaceAll("\\\n", "").matchAll(/[A-Za-z0-9+/]{1000,}={0,2}/g)].flatMap(([run]) => {
    try {
      const bytes = inflateSync(Buffer.from(run, "base64"));
      return bytes.subarray(0, 4).equals(Buffer.from("\0asm")) ? [{ bytes, length: run.length }] : [];
    } catch {
      return []; // something else as long
    }
  });
}

describe("a production bundle", { concurrency: 2, timeout: 900_000 }, () => {
  /** @type {import("./tarball.mjs").Installed} */
  let installed;

  before(async () => {
    installed = await install("shaking");
    const wasm = (/** @type {string} */ name) => readFile(join(unpacked, "dist", name));
    modules = { video: await wasm("iacrea-video.wasm"), simulator: await wasm("simulator.wasm") };
    const files = { ...FILES, ...Object.fromEntries(Object.values(SOURCES).map(({ source }, index) => [`entry-${index}.js`, source])) };
    await mkdir(join(installed.dir, "dist"));
    for (const [name, text] of Object.entries(files)) await writeFile(join(installed.dir, name), text);
  });
  after(remove);

  for (const [bundler, command] of Object.entries(BUNDLERS)) {
    if (!process.env.ALL && !QUICK.includes(bundler)) continue;
    describe(`of ${bundler}`, () => {
      Object.entries(SOURCES).forEach(([what, { holds, atMost = 42_000 }], index) => {
        it(`of ${what} holds ${holds.join(" and ") || "no"} module`, async () => {
          const folder = `dist/${bundler}-${index}`;
          await run(command(`entry-${index}.js`, folder), installed.place);
          const files = (await readdir(join(installed.dir, folder))).filter((file) => /\.m?js$/.test(file));
          const texts = await Promise.all(files.map((file) => readFile(join(installed.dir, folder, file), "utf8")));
          const text = texts.join("\n");
          const found = inlinedModules(text);
          assert.deepEqual(
            found.map(({ bytes }) => Object.entries(modules).find(([, module]) => module.equals(bytes))?.[0]),
            holds,
          );
          const rest = text.length - found.reduce((sum, { length }) => sum + length, 0);
          assert.ok(rest <= atMost, `${rest} bytes of JavaScript are left`);
        });
      });
    });
  }
});
