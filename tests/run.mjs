// @ts-check
// `npm test` in pkg/: the tests of the package that need neither a browser nor Rust. They find pkg/dist as the last
// `cargo xtask build` left it. Arguments go to Node's test runner: `npm test -- --test-name-pattern=abort`.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["tests/node", "tests/edge", "tests/durable", "tests/server"];
/** `cargo xtask demo` is tested with its own program at hand. */
const ELSEWHERE = /\.full\.test\.mjs$|\/command\.test\.mjs$/;

if (!existsSync(`${ROOT}pkg/dist/index.js`)) {
  console.error("pkg/dist is not there: run `cargo xtask build` once, then repeat");
  process.exit(1);
}
const modified = (/** @type {string} */ file) => statSync(`${ROOT}tests/${file}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (modified("node_modules/.package-lock.json") < modified("package-lock.json")) {
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: `${ROOT}tests`, stdio: "inherit", shell: process.platform === "win32" });
}
const files = FOLDERS.flatMap((folder) => readdirSync(ROOT + folder).map((file) => `${folder}/${file}`));
const tests = files.filter((file) => file.endsWith(".test.mjs") && !ELSEWHERE.test(file));
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=2", ...process.argv.slice(2), ...tests], { cwd: ROOT, stdio: "inherit" });
process.exit(status ?? 1);
