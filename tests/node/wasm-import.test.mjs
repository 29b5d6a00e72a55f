// @ts-check
/**
 * What the entries for edge runtimes make of an imported module: each host and bundler gives something else for the
 * `import` of a .wasm file. tests/package has the real ones.
 */

import assert from "node:assert/strict";
import { register } from "node:module";
import { describe, it } from "node:test";
import { entry } from "./package.mjs";

/** What the import is, by name: an expression of the compiled `module`. @type {Record<string, string>} */
const FORMS = {
  "a module, as on workerd": "module",
  "a promise of a module, as by unwasm": "Promise.resolve(module)",
  "a function that gives an instance, as by @rollup/plugin-wasm": "(imports) => WebAssembly.instantiate(module, imports)",
  "a function that gives a module with its instance": "async (imports) => ({ module, instance: await WebAssembly.instantiate(module, imports) })",
  "a function that gives the exports of one instance, as by unwasm": `(() => {
    let exports;
    return new Proxy(() => {}, {
      apply: async (_, self, [imports]) => (exports ??= new Proxy({ ...(await WebAssembly.instantiate(module, imports)).exports }, {})),
    });
  })()`,
};
const ONLY_ONE = "a function that gives the exports of one instance, as by unwasm";

// What an entry that was imported as "...?form=NAME" imports in turn are copies of their own, and the module is that form.
const hooks = `
  import { readFileSync } from "node:fs";
  const FORMS = ${JSON.stringify(FORMS)};
  export function resolve(specifier, context, next) {
    const form = context.parentURL && new URL(context.parentURL).searchParams.get("form");
    if (!form || !specifier.startsWith("./")) return next(specifier, context);
    const url = new URL(specifier, context.parentURL);
    url.search = new URL(context.parentURL).search;
    return { url: url.href, format: "module", shortCircuit: true };
  }
  export function load(url, context, next) {
    const form = new URL(url).pathname.endsWith(".wasm") && new URL(url).searchParams.get("form");
    if (!form) return next(url, context);
    const path = JSON.stringify(new URL(url).pathname);
    const source = "import { readFileSync } from 'node:fs'; const module = new WebAssembly.Module(readFileSync(" + path + ")); export default " + FORMS[form] + ";";
    return { format: "module", shortCircuit: true, source };
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const done = { status: "DONE", url: "https://cdn.test/v.mp4" };
const fetch = async () => Response.json(done);
/** @param {string} name @param {string} form @returns {Promise<any>} */
const load = (name, form) => import(new URL(`${name}.js?${new URLSearchParams({ form })}`, entry).href);

for (const condition of ["workerd", "edge-light"]) {
  describe(`the entries for ${condition} take`, () => {
    for (const form of Object.keys(FORMS)) {
      it(form, async () => {
        const { VideoClient } = await load(`index.${condition}`, form);
        const client = new VideoClient({ baseUrl: "https://videos.test", fetch });
        // Together, so that none sees an instance that is half made.
        const [video, status] = await Promise.all([client.waitForVideo("v"), client.getStatus("w")]);
        assert.deepEqual([video.url, status.url], [done.url, done.url]);
        const { start } = await load(`machine.${condition}`, form);
        assert.equal((await start("v", 0)).command.type, "fetch");
        const { createSimulator } = await load(`simulator.${condition}`, form);
        const simulator = createSimulator({ latencyMs: 0 });
        assert.equal((await new VideoClient({ fetch: simulator.fetch }).getStatus(simulator.createVideo())).status, "PENDING");
      });
    }
  });
}

describe("after a trap", () => {
  const { instantiate } = WebAssembly;
  for (const form of Object.keys(FORMS).slice(1)) {
    it(`${form === ONLY_ONE ? "says that there is no other instance" : "a new instance is made"} of ${form}`, async (test) => {
      let isArmed = false;
      const patched = async (/** @type {WebAssembly.Module} */ module, /** @type {any} */ imports) => {
        const { exports } = await instantiate(module, imports);
        const armed = Object.entries(exports).map(([name, value]) => [
          name,
          typeof value !== "function" ? value : (/** @type {unknown[]} */ ...parameters) => {
            if (!isArmed) return value(...parameters);
            isArmed = false;
            throw new WebAssembly.RuntimeError("unreachable");
          },
        ]);
        return { exports: Object.fromEntries(armed) };
      };
      test.mock.method(WebAssembly, "instantiate", /** @type {any} */ (patched));
      // A copy that nobody else uses.
      const { VideoClient } = await import(new URL(`index.workerd.js?${new URLSearchParams({ form, copy: "1" })}`, entry).href);
      const client = new VideoClient({ baseUrl: "https://videos.test", fetch });
      assert.equal((await client.getStatus("v")).url, done.url);
      isArmed = true;
      await assert.rejects(client.getStatus("v"), { code: "internal" });
      if (form !== ONLY_ONE) return assert.equal((await client.getStatus("v")).url, done.url);
      await assert.rejects(client.getStatus("v"), { code: "internal", retryable: false, message: /makes one instance only\. Start this server anew/ });
    });
  }
});
