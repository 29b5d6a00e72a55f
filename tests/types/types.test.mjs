// @ts-check
/**
 * The types as users' compilers meet them: usage.ts against the unpacked tarball, with the newest
 * TypeScript and the oldest that is supported, under each way to resolve modules. It marks what must not
 * compile, and a mark that is not needed is an error. The samples of the documentation are compiled as they stand there.
 */

import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile, mkdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../package/programs.mjs";
import { remove, unpacked } from "../package/tarball.mjs";
import { samples } from "../support/samples.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const nodeTypes = join(here, "../node_modules/@types");
const compilers = {
  "5.0": join(here, "../node_modules/typescript-5.0/bin/tsc"),
  newest: join(here, "../../pkg/node_modules/typescript/bin/tsc"),
};

/**
 * `foreign` are those that read declarations of others, which ask for a newer compiler than the package's own: the oldest
 * does not check them. Everywhere else all declarations are checked (skipLibCheck is off).
 * @type {Record<string, { file: string, options: readonly string[], only?: keyof typeof compilers, foreign?: true }>}
 */
const projects = {
  "a bundler": { file: "usage.ts", options: ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom"] },
  "node16, ES module": { file: "usage.mts", options: ["--module", "node16", "--lib", "es2022,dom"] },
  "node16, CommonJS": { file: "usage.cts", options: ["--module", "node16", "--lib", "es2022,dom"] },
  "Node's types and no DOM": { file: "usage.mts", options: ["--module", "node16", "--lib", "es2022", "--typeRoots", nodeTypes, "--types", "node"], foreign: true },
  "a Worker, without Cloudflare's types": {
    file: "worker.ts",
    options: ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom"],
  },
  "a Worker, with Cloudflare's types": {
    file: "wrangler.ts",
    options: ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022"],
    foreign: true,
  },
  "node10, as before there were exports": {
    file: "usage.ts",
    options: ["--module", "commonjs", "--moduleResolution", "node10", "--lib", "es2022,dom"],
    only: "5.0",
  },
};

/** The samples, each as a file of its own. @type {string[]} */
const sampleFiles = [];

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "iacrea-video-types-"));
  await mkdir(join(folder, "node_modules"));
  await cp(unpacked, join(folder, "node_modules/iacrea-video"), { recursive: true });
  await cp(join(here, "../node_modules/@cloudflare/workers-types"), join(folder, "node_modules/@cloudflare/workers-types"), { recursive: true });
  await cp(join(here, "worker.ts"), join(folder, "worker.ts"));
  await cp(join(here, "wrangler/worker.ts"), join(folder, "wrangler.ts"));
  for (const ending of ["ts", "mts", "cts"]) await cp(join(here, "usage.ts"), join(folder, `usage.${ending}`));
  await cp(join(here, "readme/reader.d.ts"), join(folder, "reader.d.ts"));
  for (const { where, code } of await samples()) {
    const file = `sample-${sampleFiles.length + 1}.ts`;
    await writeFile(join(folder, file), `// ${where}\n${code}\nexport {};\n`);
    sampleFiles.push(file);
  }
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await remove();
});

/** @param {string} compiler @param {string | readonly string[]} files @param {readonly string[]} options */
function compile(compiler, files, options) {
  const common = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022"];
  return run([process.execPath, compiler, ...common, ...options, ...[files].flat()], { cwd: folder });
}

for (const [version, compiler] of Object.entries(compilers)) {
  describe(`the types, with TypeScript ${version}`, { concurrency: 2, timeout: 280_000 }, () => {
    it("meet the version they are meant to", async () => {
      const printed = await run([process.execPath, compiler, "--version"], { cwd: folder });
      const pinned = JSON.parse(await readFile(join(compiler, "../../package.json"), "utf8")).version;
      assert.ok(printed.includes(pinned), printed);
      if (version !== "newest") assert.ok(pinned.startsWith(`${version}.`), pinned);
    });

    const unchecked = version === "newest" ? [] : ["--skipLibCheck"];
    for (const [name, { file, options, only, foreign }] of Object.entries(projects)) {
      if (only && only !== version) continue;
      it(`compile for ${name}`, async () => void (await compile(compiler, file, foreign ? [...options, ...unchecked] : options)));
    }

    it("take the samples of the documentation", async () => {
      assert.ok(sampleFiles.length > 12, `${sampleFiles.length} samples`);
      const { options } = /** @type {{ options: readonly string[] }} */ (projects["a bundler"]);
      const more = ["--typeRoots", nodeTypes, "--types", "node", ...unchecked];
      await compile(compiler, ["reader.d.ts", ...sampleFiles], [...options, ...more]);
    });

    it("refuse a switch that misses an arm", async () => {
      const text = await readFile(join(here, "usage.ts"), "utf8");
      const complete = /^    case "UNRECOGNIZED": .*\n/m;
      assert.match(text, complete);
      await writeFile(join(folder, "missing.mts"), text.replace(complete, ""));
      const { options } = /** @type {{ options: readonly string[] }} */ (projects["node16, ES module"]);
      await assert.rejects(compile(compiler, "missing.mts", options), /not assignable to parameter of type 'never'/);
    });
  });
}
