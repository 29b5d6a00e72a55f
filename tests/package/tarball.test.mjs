// @ts-check
/**
 * The tarball itself: what lies in it, what it says of itself, and whether every resolver finds its way.
 * Nothing is published; npm only says what it would do.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { cp } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { inflateSync } from "node:zlib";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { run } from "./programs.mjs";
import { NPM, remove, tarball, unpacked } from "./tarball.mjs";

const manifest = JSON.parse(readFileSync(join(unpacked, "package.json"), "utf8"));
const files = /** @type {string[]} */ (readdirSync(unpacked, { recursive: true }))
  .map((path) => relative(".", path).replaceAll("\\", "/"))
  .filter((path) => statSync(join(unpacked, path)).isFile())
  .sort();
const text = (/** @type {string} */ path) => readFileSync(join(unpacked, path), "utf8");

after(remove);

describe("the tarball", { timeout: 900_000 }, () => {
  it("passes publint without a finding", async () => {
    const data = readFileSync(tarball);
    const { messages } = await publint({ pack: { tarball: new Uint8Array(data).buffer }, strict: true });
    assert.deepEqual(messages.map((message) => formatMessage(message, manifest)), []);
  });

  it("has types that no resolver gets wrong", async () => {
    const found = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))));
    assert.ok(found.types, "types are found at all");
    // Workers know no CommonJS, so there is none of what is for them alone.
    const isForWorkers = (/** @type {{ kind: string, entrypoint?: string }} */ { kind, entrypoint }) =>
      kind === "CJSResolvesToESM" && entrypoint === "./cloudflare";
    assert.deepEqual(found.problems.filter((problem) => !isForWorkers(/** @type {any} */ (problem))), []);
    const entries = Object.keys(found.entrypoints).sort();
    assert.deepEqual(entries, Object.keys(manifest.exports).sort());
  });

  it("holds each module once as a file and once inlined", () => {
    for (const file of ["iacrea-video.wasm", "simulator.wasm"]) {
      const wasm = readFileSync(join(unpacked, "dist", file));
      assert.deepEqual(files.filter((path) => path.endsWith(`/${file}`)), [`dist/${file}`]);
      const inlined = files.filter((path) => {
        if (!path.endsWith("js")) return false;
        // A long text, whose lines are continued.
        const long = text(path).replaceAll("\\\n", "").match(/"([A-Za-z0-9+/=]{10000,})"/)?.[1];
        return long && inflateSync(Buffer.from(long, "base64")).equals(wasm);
      });
      assert.equal(inlined.length, 1, String(inlined));
    }
  });

  it("has no line that would fill a terminal when an error shows it", () => {
    const scripts = files.filter((path) => /\.[cm]?js$/.test(path));
    assert.ok(scripts.length > 30, `${scripts.length} scripts`);
    const longest = scripts.map((path) => ({ path, length: Math.max(...text(path).split("\n").map((line) => line.length)) }));
    // Where this fails, write the longest text of the line in two parts, with a plus between them.
    assert.deepEqual(longest.filter(({ length }) => length > 200), []);
  });

  it("gives the same names to require and import", async () => {
    const require = createRequire(join(unpacked, "package.json"));
    for (const entry of ["", "/machine", "/slim", "/edge", "/simulator"]) {
      const common = require(`iacrea-video${entry}`);
      const module = await import(require.resolve(`iacrea-video${entry}`).replace("/cjs/", "/"));
      assert.deepEqual(Object.keys(common).sort(), Object.keys(module).sort(), entry);
      assert.ok(Object.keys(common).length > 0);
    }
  });

  it("says what to do where a bundler has left the module's file behind", async () => {
    const moved = join(unpacked, "../moved/cjs");
    await cp(join(unpacked, "dist/cjs"), moved, { recursive: true });
    const require = createRequire(join(moved, "package.json"));
    const entry = (/** @type {string} */ name) => require(`./${name}.js`);
    const cure = /resolve iacrea-video with the condition "module" or mark it external\b/;
    const { VideoClient } = entry("index");
    await assert.rejects(new VideoClient().getStatus("v"), { code: "internal", message: cure });
    await assert.rejects(entry("machine").start("v", 0), { code: "internal", message: cure });
    const request = () => entry("simulator").createSimulator().fetch("http://127.0.0.1/api/video-editor/generate/video/v");
    await assert.rejects(async () => request(), cure);
  });

  it("shows nothing that wasm-bindgen generated in its types", () => {
    const declarations = files.filter((path) => path.endsWith(".d.ts"));
    assert.ok(declarations.length > 10);
    for (const path of declarations) {
      assert.doesNotMatch(text(path), /__wbg|wbindgen|\.glue|\/generated\/|createGlue/, path);
    }
    for (const path of Object.keys(manifest.exports)) assert.doesNotMatch(path, /glue|generated/);
  });

  it("has declarations that refer to declarations it has", () => {
    for (const path of files.filter((name) => name.endsWith(".d.ts"))) {
      for (const [, target] of text(path).matchAll(/from "\.\/([^"]+)\.js"/g)) {
        assert.ok(files.includes(join(path, "..", `${target}.d.ts`)), `${path} refers to ${target}`);
      }
    }
  });

  it("names no file that it does not have, but by its whole address", () => {
    const texts = files.filter((path) => /\.(?:md|d\.ts|d\.cts)$/.test(path));
    assert.ok(texts.includes("README.md") && texts.includes("CHANGELOG.md"));
    for (const path of texts) {
      const said = text(path).replace(/\[[^\]]*\]\((?:https:|#)[^)]*\)/g, "");
      const links = !path.endsWith(".md") ? [] : [...said.matchAll(/\]\(([^)]+)\)/g)].map(([, target = ""]) => target);
      // Those of the repository's folders, and what stands under the package's name.
      const named = said.match(/(?<![\w/.-])(?:docs|dist|tests|www|pkg|src)\/[\w./-]*\w/g) ?? [];
      const installed = [...said.matchAll(/node_modules\/iacrea-video\/([\w./-]+)/g)].map(([, target = ""]) => target);
      for (const target of [...links, ...named, ...installed]) assert.ok(files.includes(target), `${path} names ${target}`);
    }
  });

  it("tells a page without a bundler which file to load", async () => {
    const [, map = ""] = /<script type="importmap">(.*?)<\/script>/s.exec(text("README.md")) ?? [];
    const [[name, address] = []] = Object.entries(JSON.parse(map).imports);
    assert.equal(name, "iacrea-video");
    const file = String(address).replace("/node_modules/iacrea-video/", "./");
    assert.equal(file, manifest.exports["."].default.default);
  });

  it("runs nothing when it is installed, and needs no other package", () => {
    // npm runs this one for nobody but who asks for it, in the repository.
    assert.deepEqual(Object.keys(manifest.scripts), ["test"]);
    for (const kind of ["dependencies", "peerDependencies", "optionalDependencies", "bundledDependencies"]) {
      assert.equal(manifest[kind], undefined, kind);
    }
  });

  it("says what people and registries look for", () => {
    for (const field of ["name", "version", "description", "homepage", "license"]) assert.equal(typeof manifest[field], "string", field);
    assert.equal(manifest.repository.type, "git");
    assert.ok(manifest.keywords.length >= 5);
    assert.equal(manifest.engines.node, ">=20");
    assert.equal(manifest.sideEffects, false);
    for (const file of ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"]) assert.ok(files.includes(file), file);
    const changes = text("CHANGELOG.md");
    assert.match(changes, new RegExp(`^## ${manifest.version.replaceAll(".", "\\.")}\\b`, "m"), "the changelog knows this version");
  });

  it("passes on the terms of what its modules are made of", () => {
    const terms = text("dist/THIRD-PARTY-LICENSES.txt");
    for (const name of ["Rust's standard library", "wasm-bindgen", "serde-wasm-bindgen", "hifijson", "slab", "serde_json"]) assert.ok(terms.includes(name), name);
    assert.ok(terms.split("Permission is hereby granted").length > 5);
  });

  it("names no folder of the machine that built it", () => {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const home = process.env.HOME ?? root;
    for (const path of files) {
      const bytes = readFileSync(join(unpacked, path));
      for (const folder of [root, `${home}/`, ".cargo/registry"]) {
        assert.ok(!bytes.includes(folder), `${path} names ${folder}`);
      }
    }
  });

  it("would be published without a warning", async () => {
    const pkg = fileURLToPath(new URL("../../pkg", import.meta.url));
    const output = await run([NPM, "publish", "--dry-run", "--loglevel", "warn"], { cwd: pkg, all: true });
    const lines = output.split("\n").filter((line) => !line.includes("requires you to be logged in"));
    assert.deepEqual(lines.filter((line) => line !== ""), [`+ iacrea-video@${manifest.version}`]);
  });
});
