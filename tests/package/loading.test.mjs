// @ts-check
/**
 * The way from an import to a running module, in Node and in Chromium, with the package as it is packed
 * and no tool in between: importing costs nothing, loading happens once, and what fails is told and
 * tried again.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { close, resultOf } from "./chromium.mjs";
import { startHost } from "./host.mjs";
import { instrument } from "./loading/instrument.mjs";
import { run } from "./programs.mjs";
import { createVideo, KEY, url as simulator } from "./simulator.mjs";
import { remove, unpacked } from "./tarball.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const manifest = JSON.parse(await readFile(join(unpacked, "package.json"), "utf8"));
const WASM = "package/dist/iacrea-video.wasm";

/** The files that a page or Node imports by the exports map. @param {string} condition @returns {string[]} */
function entries(condition) {
  // One of them is for Workers alone.
  const targets = Object.entries(manifest.exports).filter(([name]) => name !== "./cloudflare");
  return targets.flatMap(([, target]) => {
    const chosen = target[condition] ?? target.default;
    const file = chosen?.default ?? chosen;
    return typeof file === "string" && file.endsWith(".js") ? [file.replace("./", "")] : [];
  });
}

/** How the address of a module misbehaves when it is asked for the first time. @type {Record<string, (response: import("node:http").ServerResponse) => void>} */
const FAULTS = {
  "500": (response) => response.writeHead(500, { "content-type": "application/wasm" }).end("no"),
  "404 page": (response) => response.writeHead(404, { "content-type": "text/html" }).end("<!doctype html>"),
  garbage: (response) => response.writeHead(200, { "content-type": "application/wasm" }).end("garbage"),
  "a page": (response) => response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"),
  "no answer": () => {},
  "half an answer": (response) => response.writeHead(200, { "content-type": "application/wasm" }).write("\0asm"),
  "a broken connection": (response) => {
    // Not before the first byte: browsers ask again by themselves then.
    response.writeHead(200, { "content-type": "application/wasm" }).write("\0asm", () => response.destroy());
  },
};

/**
 * A host of the pages, the package and its module under faulty addresses.
 * @param {Record<string, string>} [headers]
 */
function startPages(headers) {
  const struck = new Set();
  return startHost([here, dirname(unpacked)], {
    headers,
    answer(path, response) {
      const [, kind, name = ""] = decodeURIComponent(path).split("/");
      if (kind === "type") {
        void serveWasm(response, `${name}/${path.split("/")[3]}`);
        return true;
      }
      if (kind !== "faulty") return false;
      const strike = FAULTS[name.replace(/ \d+$/, "")];
      if (strike && !struck.has(path)) {
        struck.add(path);
        strike(response);
      } else {
        void serveWasm(response, "application/wasm");
      }
      return true;
    },
  });
}

/** @param {import("node:http").ServerResponse} response @param {string} type */
async function serveWasm(response, type) {
  response.writeHead(200, { "content-type": type }).end(await readFile(join(unpacked, "dist/iacrea-video.wasm")));
}

/** Plays a scenario in one of the hosts. @typedef {(scenario: string, parameters?: Record<string, unknown>, options?: { complaints?: RegExp, headers?: Record<string, string> }) => Promise<any>} Play */

/** @type {Play} */
async function inChromium(scenario, parameters = {}, { complaints, headers } = {}) {
  const host = await startPages(headers);
  try {
    const query = new URLSearchParams({
      id: await createVideo(),
      scenario: JSON.stringify({ name: scenario, ...resolved(parameters, host.url) }),
    });
    return await resultOf(`${host.url}loading/page.html?${query}`, { before: instrument, ...(complaints && { complaints }) });
  } finally {
    await host.stop();
  }
}

/** @type {Play} */
async function inNode(scenario, parameters = {}) {
  const host = await startPages();
  try {
    const task = {
      name: scenario,
      root: `${pathToFileURL(unpacked).href}/`,
      baseUrl: simulator,
      apiKey: KEY,
      id: await createVideo(),
      ...resolved(parameters, host.url),
    };
    const program = ["node", join(here, "loading/program.mjs")];
    const output = await run(program, { cwd: here, env: { SCENARIO: JSON.stringify(task) }, limitMs: 240_000 });
    return JSON.parse(output);
  } finally {
    await host.stop();
  }
}

/** @param {Record<string, unknown>} parameters @param {string} base */
function resolved({ wasm, ...rest }, base) {
  return typeof wasm === "string" ? { ...rest, wasm: new URL(wasm, base).href } : rest;
}

const DONE = { status: "DONE" };

/** @param {{ name: string, code: string, retryable: boolean, message: string }} failure */
function isInternal(failure) {
  assert.equal(failure.name, "VideoError", JSON.stringify(failure));
  assert.equal(failure.code, "internal", failure.message);
  assert.equal(failure.retryable, true);
}

for (const [place, play] of Object.entries({ Node: inNode, Chromium: inChromium })) {
  describe(`the package in ${place}`, { concurrency: 4, timeout: 900_000 }, () => {
    it("costs nothing to import, nor does a client until it is used", async () => {
      const condition = place === "Node" ? "default" : "module";
      const files = entries(condition);
      assert.ok(files.includes("dist/index.js") && files.includes("dist/slim.js") && files.includes("dist/simulator.js"), String(files));
      const { atImport, atConstruction, later } = await play("importing", { entries: files });
      assert.deepEqual(atImport, []);
      assert.deepEqual(atConstruction, []);
      const ways = place === "Node" ? ["getBuiltinModule", "Module"] : ["DecompressionStream", "compile"];
      for (const name of [...ways, "instantiate", "fetch"]) {
        assert.ok(later.includes(name), `${name} would have been counted: ${later}`);
      }
    });

    it("makes one instance, however many call at once", async () => {
      assert.deepEqual(await play("together"), { answers: 3, instances: 1 });
    });

    it("fetches once and makes one instance of a module that its caller gives", async () => {
      const { answers, instances, fetches } = await play("togetherSlim", { wasm: WASM });
      assert.deepEqual({ answers, instances }, { answers: 3, instances: 1 });
      assert.equal(fetches, 1 + 3);
    });

    it("rejects when the module cannot be inflated, and the next call works", async () => {
      const { first, second } = await play("inflating");
      isInternal(first);
      assert.deepEqual(second, DONE);
    });

    it("takes the module in every form", async () => {
      const outcomes = await play("forms", { wasm: WASM });
      for (const [form, outcome] of Object.entries(outcomes)) assert.deepEqual(outcome, DONE, form);
      assert.equal(Object.keys(outcomes).length, 13);
    });

    it("compiles the module while it comes", async () => {
      assert.deepEqual(await play("compiling", { wasm: WASM }), { ...DONE, compiled: ["compileStreaming"] });
    });

    for (const type of ["text/plain", "application/octet-stream"]) {
      it(`takes the module as ${type} too`, async () => {
        assert.deepEqual(await play("compiling", { wasm: `type/${type}` }), { ...DONE, compiled: ["compile"] });
      });
    }

    // Chromium keeps a second request waiting for 20 s where the first has no answer.
    const faults = Object.keys(FAULTS).filter((fault) => process.env.ALL || place === "Node" || fault !== "no answer");
    // What the form changes is the same in each place.
    const forms = process.env.ALL || place === "Node" ? ["address", "function"] : ["address"];
    for (const [fault, form] of faults.flatMap((fault) => forms.map((form) => [fault, form]))) {
      it(`tries again after ${fault} from the module's ${form}`, async () => {
        const wasm = `faulty/${fault}`;
        const isEndless = /no answer|half/.test(String(fault));
        // Only what never comes is given up.
        const limit = isEndless ? { timeoutMs: 1_000 } : {};
        const { first, second } = await play("fetching", { wasm, form, ...limit }, { complaints: /Failed to load resource|ERR_/ });
        if (isEndless) assert.equal(first.code, "timeout", JSON.stringify(first));
        else isInternal(first);
        assert.deepEqual(second, DONE);
      });
    }

    it("asks a function again that threw, rejected or brought nothing", async () => {
      const [thrown, rejected, nothing, good] = await play("bringing", { wasm: WASM });
      for (const failure of [thrown, rejected, nothing]) isInternal(failure);
      assert.deepEqual(good, DONE);
    });
  });
}

describe("a page's Content-Security-Policy", { timeout: 900_000 }, () => {
  it("that forbids WebAssembly is told, with the word that allows it", async () => {
    const headers = { "content-security-policy": "script-src 'self'" };
    const result = await inChromium("plain", {}, { headers, complaints: /Content Security Policy/ });
    assert.deepEqual({ ...result, message: undefined }, { name: "VideoError", code: "internal", message: undefined, isVideoError: true, isError: true });
    assert.match(result.message, /'wasm-unsafe-eval'/);
  });

  it("that has the word is enough", async () => {
    const headers = { "content-security-policy": "script-src 'self' 'wasm-unsafe-eval'" };
    const { status } = await inChromium("plain", {}, { headers });
    assert.equal(status, "DONE");
  });

  it("that allows nothing but what is needed is enough", async () => {
    const headers = { "content-security-policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; require-trusted-types-for 'script'" };
    const { status } = await inChromium("plain", {}, { headers, complaints: /favicon/ });
    assert.equal(status, "DONE");
  });
});

describe("the package by require", () => {
  it("costs nothing", async () => {
    const files = entries("require");
    assert.ok(files.includes("dist/cjs/index.js"), String(files));
    const program = `(${instrument})(); for (const file of ${JSON.stringify(files)}) require(file.startsWith("dist") ? "./" + file : file); console.log(JSON.stringify(calls));`;
    const output = await run(["node", "--input-type=commonjs", "--eval", program], { cwd: unpacked });
    assert.deepEqual(JSON.parse(output), []);
  });
});

after(async () => {
  await close();
  await remove();
});
