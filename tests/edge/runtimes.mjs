// @ts-check
/**
 * Deno and Bun, as the programs inside their npm packages, and the package as an app finds it: in the
 * node_modules of a folder of its own. No install script of any package is run for that.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { endWithTest } from "../support/children.mjs";
import { dist } from "./package.mjs";

const require = createRequire(import.meta.url);
const { platform, arch } = process;
const exe = platform === "win32" ? ".exe" : "";

/** The file of a program in a package that exists for this machine. @param {string} name @param {string} file */
const program = (name, file) => join(dirname(require.resolve(`${name}/package.json`)), `${file}${exe}`);

export const deno = () => program(`@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`, "deno");
export const bun = () => {
  const system = platform === "win32" ? "windows" : platform;
  return program(`@oven/bun-${system}-${arch === "arm64" ? "aarch64" : arch}`, "bin/bun");
};

/** Where the examples are. @param {string} name */
export const example = (name) => fileURLToPath(new URL(`../../examples/proxy/${name}`, import.meta.url));

/**
 * A folder with the package installed and some files; it is removed when this process ends.
 * @param {string[]} files
 */
export function app(files) {
  const folder = mkdtempSync(join(tmpdir(), "iacrea-app-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const installed = join(folder, "node_modules/iacrea-video");
  mkdirSync(installed, { recursive: true });
  cpSync(dist, join(installed, "dist"), { recursive: true });
  copyFileSync(join(dirname(dist), "package.json"), join(installed, "package.json"));
  const { version } = require(join(installed, "package.json"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies: { "iacrea-video": version } }));
  for (const file of files) copyFileSync(file, join(folder, file.split(/[/\\]/).at(-1) ?? file));
  return folder;
}

/**
 * Starts a server that prints its port; it ends with this process.
 * @param {string} command
 * @param {string[]} args
 * @param {string} folder
 * @param {Record<string, string>} environment
 */
export async function serve(command, args, folder, environment) {
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, HOST: "127.0.0.1", PORT: "0", DENO_DIR: join(folder, ".deno"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  endWithTest(child);
  let log = "";
  const listening = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => (log += data));
      createInterface(stream).on("line", (line) => {
        const port = /(?:port |:)(\d+)\/?(?: |$)/.exec(line)?.[1];
        if (line.startsWith("Listening") && port) resolve(`http://127.0.0.1:${port}`);
      });
    }
  });
  const ended = once(child, "close").then(([code]) => assert.fail(`${command} ended with ${code}: ${log}`));
  /** @type {string} */
  const origin = await Promise.race([listening, ended]);
  ended.catch(() => {});
  child.unref();
  for (const stream of [child.stdout, child.stderr]) /** @type {import("node:net").Socket} */ (stream).unref();
  return { origin, log: () => log, alive: () => child.exitCode === null && child.signalCode === null };
}
