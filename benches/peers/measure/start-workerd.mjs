// @ts-check
/**
 * Start in workerd, in ms, as the server behind it sees it. Cold: from the start of workerd to the first request that
 * the Worker sends, which has the program read, compiled and run. Warm: from the next request to the Worker to the one
 * it sends, with a client of its own, as Workers have to. After each run of a client comes one of the hand-written loop.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { bundleAll, bundleOf, wasmFile } from "../bundle.mjs";
import { field, jobs } from "../field.mjs";
import { paired, quick } from "./client.mjs";

/** @type {string} */
const program = createRequire(new URL("../../../tests/package.json", import.meta.url))("workerd").default;

/** When each request arrived. @type {((at: number) => void) | undefined} */
let arrived;
/** @type {import("../field.mjs").Entry} */
let asking = /** @type {import("../field.mjs").Entry} */ (field[0]);
const upstream = createServer((request, response) => {
  arrived?.(performance.now());
  arrived = undefined;
  response.writeHead(200, { "content-type": "application/json" }).end(jobs(asking, { pendings: 0 }).answer(request.url ?? ""));
});
upstream.listen(0, "127.0.0.1");
await once(upstream, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (upstream.address());
const arrival = () => new Promise((/** @type {(at: number) => void} */ resolve) => (arrived = resolve));

/** @param {import("../field.mjs").Entry} entry */
const worker = ({ wasm }) => `
import { open } from "client.mjs";
${wasm ? 'import wasm from "iacrea-video.wasm";' : "const wasm = undefined;"}
export default {
  async fetch(request) {
    const place = { baseUrl: "http://127.0.0.1:${port}", fetch: (...asking) => fetch(...asking), intervalMs: 1 };
    const wait = open(wasm ? { ...place, wasm } : place);
    await wait("job");
    return new Response("done");
  },
};`;

const folder = mkdtempSync(join(tmpdir(), "iacrea-start-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

/** @param {import("../field.mjs").Entry} entry */
async function run(entry) {
  asking = entry;
  copyFileSync(bundleOf(entry.file, "workerd"), join(folder, "client.mjs"));
  copyFileSync(wasmFile, join(folder, "iacrea-video.wasm"));
  writeFileSync(join(folder, "worker.mjs"), worker(entry));
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "worker", worker = .worker), (name = "internet", network = (allow = ["local"]))],
  sockets = [(name = "worker", address = "127.0.0.1:0", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "client.mjs", esModule = embed "client.mjs"),
    (name = "iacrea-video.wasm", wasm = embed "iacrea-video.wasm"),
  ],
  compatibilityDate = "2026-01-01",
);
`,
  );
  const began = performance.now();
  const child = spawn(program, ["serve", "config.capnp", "--control-fd=3"], { cwd: folder, stdio: ["ignore", "ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr?.on("data", (data) => (said += data));
  const gone = once(child, "exit");
  try {
    const lines = createInterface(/** @type {import("node:stream").Readable} */ (child.stdio[3]));
    const failed = gone.then(() => Promise.reject(new Error(`workerd ended: ${said}`)));
    const [line] = await Promise.race([once(lines, "line"), failed]);
    failed.catch(() => {});
    const address = `http://127.0.0.1:${JSON.parse(line).port}`;
    const ask = async () => {
      const at = arrival();
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(`the Worker of ${entry.file} answered ${answer.status}: ${said}`);
      return at;
    };
    const cold = (await ask()) - began;
    await ask();
    const again = performance.now();
    const warm = (await ask()) - again;
    return { cold, warm };
  } finally {
    child.kill("SIGKILL");
    await gone;
  }
}

await bundleAll("workerd");
const loop = /** @type {import("../field.mjs").Entry} */ (field[0]);
const rows = [];
for (const entry of field) {
  console.error(`  start in workerd: ${entry.file}`);
  rows.push({ file: entry.file, ...(await paired(quick ? 3 : 15, () => run(entry), () => run(loop))) });
}
console.log(JSON.stringify(rows));
process.exit();
