// @ts-check
/**
 * The table of consumers: small apps, each with no configuration but what its own tools cannot start
 * without. It says how each is built and run. What is checked is the same for all, and not said here.
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { resultOf } from "./chromium.mjs";
import { startHost } from "./host.mjs";
import { run, serve } from "./programs.mjs";
import { KEY, url as simulator } from "./simulator.mjs";

/**
 * @typedef {object} Task
 * @property {import("./tarball.mjs").Installed} installed
 * @property {string} id of the video to wait for
 *
 * @typedef {object} Way one way to build and run a consumer
 * @property {string} name
 * @property {"bundler" | "dev server" | "framework" | "page" | "Node" | "other runtime" | "workerd" | "worker" | "test runner"} family
 * @property {boolean} [quick] whether it belongs to the quick set: of each family the one that catches most for what it takes to install
 * @property {readonly string[]} [build] a command
 * @property {string} [bundle] the folder that comes of it, whose bytes are counted
 * @property {(task: Task) => Promise<any>} [run] gives what the consumer says of the video
 * @property {boolean} [shares] whether something on the way may answer from an earlier answer
 * @property {readonly string[]} [test] instead: a command that runs the consumer's own tests, which bring a simulator
 *
 * @typedef {object} Consumer
 * @property {string} name its folder in consumers/
 * @property {string} [scaffold] the folder with the files it shares with another
 * @property {number} [node] the version of Node that it needs
 * @property {string} [bin] a folder in node_modules with its program, where no script may be run to put it into .bin
 * @property {(installed: import("./tarball.mjs").Installed) => Promise<unknown>} [prepare] done once, before all its ways
 * @property {readonly Way[]} ways
 */

/** What a server of a consumer's own is told. */
const SECRETS = { IACREA_API_KEY: KEY, IACREA_BASE_URL: simulator };

/**
 * A page in these folders of the consumer, which asks its own origin. The first that has a file gives it.
 * @param {readonly string[]} folders
 * @param {string} [file]
 */
function page(folders, file = "index.html") {
  return async (/** @type {Task} */ { installed: { dir }, id }) => {
    const host = await startHost(folders.map((folder) => join(dir, folder)));
    try {
      return await resultOf(`${host.url}${file}?${new URLSearchParams({ id })}`);
    } finally {
      await host.stop();
    }
  };
}

/**
 * A server that the consumer brings, and what is asked of it.
 * @param {readonly string[]} command
 * @param {(address: string, id: string) => Promise<any>} ask
 */
function served(command, ask) {
  return async (/** @type {Task} */ { installed: { place }, id }) => {
    const server = await serve(command, { ...place, env: { ...place.env, ...SECRETS } });
    try {
      return await ask(server.address, id);
    } catch (error) {
      throw new Error(`${command.join(" ")} printed:\n${server.printed()}`, { cause: error });
    } finally {
      await server.stop();
    }
  };
}

/** A page of such a server, which asks another origin. @param {string} address @param {string} id */
async function pageElsewhere(address, id) {
  const host = await startHost([], { allowedOrigins: [address] });
  try {
    return await resultOf(`${address}/?${new URLSearchParams({ id, base: host.url })}`);
  } finally {
    await host.stop();
  }
}

/** A page of such a server, which asks a route beside it. @param {string} address @param {string} id */
function pageWithRoute(address, id) {
  return resultOf(`${address}/?${new URLSearchParams({ id })}`);
}

/** A route of such a server, which waits by itself. @param {string} route */
function route(route) {
  return async (/** @type {string} */ address, /** @type {string} */ id) => {
    const query = new URLSearchParams({ id, base: simulator });
    const response = await fetch(`${address}${route}?${query}`, { headers: { "x-key": KEY } });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text);
  };
}

/** A program that prints what it has. @param {readonly string[]} command */
function program(...command) {
  return async (/** @type {Task} */ { installed: { place }, id }) => {
    const env = { ...place.env, API_BASE: simulator, VIDEO_ID: id, IACREA_API_KEY: KEY };
    const output = await run(command, { ...place, env, limitMs: 240_000 });
    return JSON.parse(output.trim().split("\n").at(-1) ?? "");
  };
}

const own = Number(process.versions.node.split(".")[0]);
const vite = /** @type {const} */ (["page", "worker", "slim"]);
const viteWords = { page: "", worker: ", a dedicated worker", slim: ", slim with a ?url" };

/** @param {number} major @param {boolean} quick @returns {Consumer} */
function viteConsumer(major, quick) {
  return {
    name: `vite-${major}`,
    scaffold: "vite-8",
    ways: vite.flatMap((root) => [
      {
        name: `Vite ${major} build${viteWords[root]}`,
        family: root === "worker" ? "worker" : "bundler",
        quick: quick && root === "page",
        build: ["vite", "build", root],
        bundle: `${root}/dist`,
        run: page([`${root}/dist`]),
      },
      {
        name: `Vite ${major} dev server${viteWords[root]}`,
        family: root === "worker" ? "worker" : "dev server",
        quick: quick && root === "page",
        run: served(["vite", root, "--host", "127.0.0.1", "--port", "0"], pageElsewhere),
      },
    ]),
  };
}

/** @param {string} entry @param {string} name @param {Way["family"]} family @returns {Way} */
function webpack(entry, name, family) {
  const folder = `dist/${entry.replace(/^.*\/|\.js$/g, "")}`;
  return {
    name,
    family,
    build: ["webpack", "--mode", "production", "--entry", `./${entry}`, "--output-path", folder],
    bundle: folder,
    run: page([folder, "."]),
  };
}

/** @param {string} name @param {Way["family"]} family @param {string} format @param {string} entry @param {string} html @param {boolean} [quick] @returns {Way} */
function esbuild(name, family, format, entry, html, quick) {
  const folder = `dist/${entry}-${format}`;
  return {
    name,
    family,
    quick: Boolean(quick),
    build: ["esbuild", `common/${entry}.js`, "--bundle", "--minify", `--format=${format}`, `--outdir=${folder}`],
    bundle: folder,
    run: page([folder, "."], html),
  };
}

/** @param {string} plugin @param {string} how @param {string} conditions @param {object} options of the plugin @param {boolean} [quick] @returns {Way} */
function unwasm(plugin, how, conditions, options, quick) {
  const folder = `dist/${plugin}-${how.replace(/\W+/g, "-")}`;
  return {
    name: `Rollup with ${plugin}, ${how}`,
    family: "workerd",
    quick: Boolean(quick),
    build: ["node", "build.mjs", folder, plugin, conditions, JSON.stringify(options)],
    bundle: folder,
    run: program("node", "ask.mjs", folder),
  };
}

/** @param {number} major @param {boolean} quick @returns {Consumer} */
function nodeConsumer(major, quick) {
  return {
    name: `node-${major}`,
    scaffold: "node",
    node: major,
    ways: [
      { name: `Node ${major}, import`, family: "Node", quick, run: program("node", "common/program.mjs") },
      { name: `Node ${major}, require`, family: "Node", quick, run: program("node", "common/program.cjs") },
      { name: `Node ${major}, slim`, family: "Node", quick, run: program("node", "slim.mjs") },
    ],
  };
}

const nextServer = ["next", "start", "--hostname", "127.0.0.1", "--port", "0"];
const nextDevServer = ["next", "dev", "--hostname", "127.0.0.1", "--port", "0"];
const nextProxy = fileURLToPath(new URL("../../examples/proxy/next-route.js", import.meta.url));

const watcher = fileURLToPath(new URL("../../examples/cloudflare-worker/", import.meta.url));
const demoPage = fileURLToPath(new URL("../../www/index.html", import.meta.url));

/** The Worker of the examples, with a page. @param {import("./tarball.mjs").Installed} installed */
async function exampleOfWatcher({ dir }) {
  for (const file of ["worker.js", "wrangler.jsonc"]) await cp(join(watcher, file), join(dir, file));
  await mkdir(join(dir, "page"));
  await cp(demoPage, join(dir, "page/index.html"));
  const config = join(dir, "wrangler.jsonc");
  await writeFile(config, (await readFile(config, "utf8")).replace("../../www/dist", "page"));
}

/** The route of the examples, at the place that they name. @param {import("./tarball.mjs").Installed} installed */
async function prepareNext({ dir, place }) {
  if (existsSync(nextProxy)) {
    const place = join(dir, "app/api/video-editor/generate/video/[...id]/route.js");
    await mkdir(dirname(place), { recursive: true });
    await cp(nextProxy, place);
  }
  await run(["next", "build"], { ...place, env: { ...place.env, ...SECRETS } });
}

/** @type {readonly Consumer[]} */
export const consumers = [
  // The slowest to install come first, so that the rest fills the gaps.
  {
    name: "next-16",
    prepare: prepareNext,
    ways: [
      { name: "Next 16, a client component", family: "framework", bundle: ".next/static", run: served(nextServer, pageElsewhere) },
      { name: "Next 16, a route handler", family: "framework", run: served(nextServer, route("/node")) },
      { name: "Next 16, an edge route", family: "framework", run: served(nextServer, route("/edge")) },
      ...(existsSync(nextProxy)
        ? [/** @type {Way} */ ({ name: "Next 16, the proxy of the examples", family: "framework", shares: true, run: served(nextServer, pageWithRoute) })]
        : []),
      { name: "Next 16 dev server, a client component", family: "dev server", run: served(nextDevServer, pageElsewhere) },
      { name: "Next 16 dev server, an edge route", family: "dev server", run: served(nextDevServer, route("/edge")) },
    ],
  },
  {
    name: "cloudflare-worker",
    node: 22,
    prepare: exampleOfWatcher,
    ways: [
      {
        name: "the Worker of the examples that watches",
        family: "workerd",
        // It asks less often than who looks on.
        shares: true,
        build: ["wrangler", "deploy", "--dry-run", "--outdir", "dist"],
        run: program("node", "serve.mjs"),
      },
    ],
  },
  {
    name: "workerd",
    node: 22,
    ways: [
      {
        name: "workerd, bundled by wrangler",
        family: "workerd",
        build: ["wrangler", "deploy", "--dry-run", "--outdir", "dist"],
        bundle: "dist",
        run: program("node", "ask.mjs", "dist/worker.js"),
      },
      { name: "workerd through Miniflare, not bundled", family: "workerd", run: program("node", "--conditions=workerd", "ask.mjs") },
      { name: "workerd, a Workflow", family: "workerd", run: program("node", "--conditions=workerd", "workflow.mjs") },
      {
        name: "workerd, slim with a static import",
        family: "workerd",
        build: ["wrangler", "deploy", "slim.js", "--dry-run", "--outdir", "dist-slim"],
        bundle: "dist-slim",
        run: program("node", "ask.mjs", "dist-slim/slim.js"),
      },
    ],
  },
  viteConsumer(8, true),
  {
    name: "webpack-5",
    ways: [
      webpack("common/page.js", "webpack 5", "bundler"),
      webpack("worker.js", "webpack 5, a dedicated worker", "worker"),
      webpack("slim.js", "webpack 5, slim with new URL", "bundler"),
    ],
  },
  {
    name: "rollup",
    ways: [
      {
        name: "Rollup 4",
        family: "bundler",
        build: ["rollup", "common/page.js", "--plugin", "node-resolve", "--format", "es", "--dir", "dist"],
        bundle: "dist",
        run: page(["dist", "."]),
      },
    ],
  },
  {
    name: "esbuild",
    ways: [
      esbuild("esbuild, ESM", "bundler", "esm", "page", "esm.html"),
      esbuild("esbuild, IIFE", "bundler", "iife", "page", "iife.html"),
      esbuild("a dedicated worker (esbuild, IIFE)", "worker", "iife", "worker", "worker.html", true),
      esbuild("a service worker (esbuild, IIFE)", "worker", "iife", "service-worker", "service-worker.html"),
    ],
  },
  {
    name: "script-module",
    ways: [
      { name: "a page with an import map", family: "page", quick: true, run: page(["."]) },
      { name: "a page with a path", family: "page", run: page(["."], "direct.html") },
    ],
  },
  // The Node that is there already.
  nodeConsumer(20, own !== 24),
  nodeConsumer(24, own === 24),
  {
    name: "nitro",
    scaffold: "workerd",
    node: 22,
    ways: [
      {
        name: "Nitro, its Cloudflare preset",
        family: "framework",
        build: ["nitropack", "build", "--preset", "cloudflare_module"],
        bundle: ".output/server",
        run: program("node", "ask.mjs"),
      },
    ],
  },
  {
    name: "unwasm",
    scaffold: "workerd",
    ways: [
      // Its older versions never give a module, the newer ones where they may await at the top.
      unwasm("unwasm-0.3", "as it is for workerd", "workerd,module", { esmImport: true, lazy: false }, true),
      unwasm("unwasm-0.3", "inlined", "workerd,module", { esmImport: false, lazy: true }),
      unwasm("unwasm-0.3", "by its own condition", "unwasm,workerd,module", { esmImport: true, lazy: false }),
      unwasm("unwasm", "as it is for workerd", "workerd,module", { esmImport: true, lazy: false }),
      unwasm("unwasm", "as it is for workerd, lazily", "workerd,module", { esmImport: true, lazy: true }),
      unwasm("unwasm", "inlined", "workerd,module", { esmImport: false, lazy: true }),
      unwasm("unwasm", "by its own condition, lazily", "unwasm,workerd,module", { esmImport: true, lazy: true }),
    ],
  },
  {
    name: "vue",
    ways: [{ name: "Vue, a poll in reactive state", family: "framework", run: program("node", "program.mjs") }],
  },
  {
    name: "react",
    ways: [
      {
        name: "React, an effect in StrictMode",
        family: "framework",
        build: ["esbuild", "main.jsx", "--bundle", "--format=esm", "--jsx=automatic", '--define:process.env.NODE_ENV="development"', "--outdir=dist"],
        run: page(["dist", "."]),
      },
    ],
  },
  {
    name: "traced",
    ways: [
      { name: "ncc, import", family: "Node", build: ["ncc", "build", "common/program.mjs", "--out", "one/import"], bundle: "one/import", run: program("node", "one/import/index.mjs") },
      { name: "ncc, require", family: "Node", quick: true, build: ["ncc", "build", "common/program.cjs", "--out", "one/require"], bundle: "one/require", run: program("node", "one/require/index.cjs") },
      { name: "@vercel/nft, import", family: "Node", build: ["node", "deploy.mjs"], run: program("node", "dist/common/program.mjs") },
      { name: "@vercel/nft, require", family: "Node", build: ["node", "deploy.mjs"], run: program("node", "dist/common/program.cjs") },
    ],
  },
  {
    name: "vitest",
    node: 22,
    ways: [{ name: "Vitest 5", family: "test runner", test: ["vitest", "run"] }],
  },
  {
    name: "jest",
    ways: [{ name: "Jest 30, CommonJS", family: "test runner", test: ["jest", "--env", "node"] }],
  },
  {
    name: "bun",
    bin: `@oven/bun-${process.platform === "win32" ? "windows" : process.platform}-${process.arch === "arm64" ? "aarch64" : process.arch}/bin`,
    ways: [
      { name: "Bun", family: "other runtime", run: program("bun", "common/program.mjs") },
      { name: "Bun, require", family: "other runtime", run: program("bun", "common/program.cjs") },
      {
        name: "bun build for browsers",
        family: "bundler",
        build: ["bun", "build", "common/page.js", "--target", "browser", "--outdir", "dist/browser"],
        bundle: "dist/browser",
        run: page(["dist/browser", "."]),
      },
      {
        name: "bun build for Bun",
        family: "bundler",
        build: ["bun", "build", "common/program.mjs", "--target", "bun", "--outdir", "dist/bun"],
        bundle: "dist/bun",
        run: program("bun", "dist/bun/program.js"),
      },
    ],
  },
  {
    name: "deno",
    ways: [
      {
        name: "Deno",
        family: "other runtime",
        run: program("deno", "run", "--no-lock", "--allow-net=127.0.0.1", "--allow-env=API_BASE,VIDEO_ID,IACREA_API_KEY", "common/program.mjs"),
      },
    ],
  },
  viteConsumer(7, false),
  {
    name: "vitest-jsdom",
    scaffold: "vitest",
    node: 22,
    ways: [{ name: "Vitest 5, jsdom", family: "test runner", test: ["vitest", "run", "--environment", "jsdom"] }],
  },
  {
    name: "jest-jsdom",
    scaffold: "jest",
    ways: [
      // Without fetch, Response and streams, which users who need them add by the second.
      { name: "Jest 30, jsdom", family: "test runner", test: ["jest", "--env", "jsdom", "mock"] },
      { name: "Jest 30, jest-fixed-jsdom", family: "test runner", test: ["jest", "--env", "jest-fixed-jsdom", "app"] },
    ],
  },
];
