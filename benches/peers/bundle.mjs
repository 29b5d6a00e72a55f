// @ts-check
/** Each program of the field as one minified file, made by the same bundler with the same switches: what is measured everywhere. */

import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { field } from "./field.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const pkg = join(here, "../../pkg");
const cache = join(here, "node_modules/.cache");

/** The module, as a file of its own. */
export const wasmFile = join(pkg, "dist/iacrea-video.wasm");

/** The switches, in words. */
export const SWITCHES = "--bundle --minify --format=esm --platform=browser --target=es2022";

/** Pages and Node have the same bundle. @typedef {"plain" | "workerd"} Host */

/** Where the bundle of a client is. @param {string} file @param {Host} [host] */
export function bundleOf(file, host = "plain") {
  return join(cache, host, `${file}.mjs`);
}

/** Bundles the whole field. @param {Host} [host] */
export async function bundleAll(host = "plain") {
  if (!existsSync(wasmFile)) throw new Error("pkg/dist is not built: run `cargo xtask build`");
  const packages = join(cache, "packages");
  // Found by its name, as an installed one is, with its conditions.
  mkdirSync(packages, { recursive: true });
  rmSync(join(packages, "iacrea-video"), { force: true });
  symlinkSync(pkg, join(packages, "iacrea-video"), "junction");
  await build({
    entryPoints: field.map(({ file }) => join(here, "clients", `${file}.mjs`)),
    outdir: join(cache, host),
    outExtension: { ".js": ".mjs" },
    nodePaths: [packages],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    logLevel: "error",
    ...(host === "workerd" && { conditions: ["workerd", "worker", "browser"], loader: { ".wasm": "copy" }, assetNames: "[name]" }),
    // Only what runs on Node alone asks for these.
    external: ["node:*"],
  });
}

/** The version of a package of the field. @param {string} name */
export function versionOf(name) {
  // Some do not export their package.json.
  return JSON.parse(readFileSync(join(here, "node_modules", name, "package.json"), "utf8")).version;
}

/** The version of ours. */
export function ourVersion() {
  return createRequire(import.meta.url)(join(pkg, "package.json")).version;
}
