// @ts-check
/**
 * The real workerd, from its own npm package: a Worker of a few modules behind a socket. A second socket
 * leads to it through a visitor who leaves: that ends the Worker's request as Cloudflare does when a browser
 * goes away, which workerd by itself does not do.
 */

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { heapFlags, moduleList, newestDate, quoted, startWorkerd as startProcess } from "../../www/server/workerd.mjs";
// A test that its runner ends takes its Workers along.
import "../support/children.mjs";

export const NEWEST_DATE = newestDate();

const VISITOR = `
const gone = new Set();
export default {
  async fetch(request, env) {
    const leaves = request.headers.get("leaves");
    if (leaves) return new Response(String(gone.add(leaves).size));
    const leaving = new AbortController();
    const name = request.headers.get("visitor");
    // Only the request itself may end what it began.
    const timer = setInterval(() => gone.has(name) && leaving.abort(), 5);
    try {
      await env.WORKER.fetch(request.url, { signal: leaving.signal });
      return new Response("stayed");
    } catch {
      return new Response("left");
    } finally {
      clearInterval(timer);
    }
  },
};`;

/**
 * Starts a Worker; it ends with this process.
 * @param {object} worker
 * @param {Record<string, string>} worker.modules file by name; the first is the Worker
 * @param {string} worker.compatibilityDate
 * @param {Record<string, string>} worker.environment
 * @param {number} [worker.heapMiB] of each isolate, into which debuggers can then look
 */
export async function startWorkerd({ modules, compatibilityDate, environment, heapMiB }) {
  const folder = mkdtempSync(join(tmpdir(), "iacrea-workerd-"));
  for (const [name, file] of Object.entries(modules)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    copyFileSync(file, join(folder, name));
  }
  writeFileSync(join(folder, "visitor.js"), VISITOR);
  const bindings = Object.entries(environment).map(([name, text]) => `(name = ${quoted(name)}, text = ${quoted(text)})`);
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  ${heapFlags(heapMiB)}
  services = [
    (name = "worker", worker = .worker),
    (name = "visitor", worker = .visitor),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [
    (name = "worker", address = "127.0.0.1:0", http = (), service = "worker"),
    (name = "visitor", address = "127.0.0.1:0", http = (), service = "visitor"),
  ],
);
const worker :Workerd.Worker = (
  modules = ${moduleList(Object.keys(modules).map((name) => [name, name]))},
  compatibilityDate = ${quoted(compatibilityDate)},
  bindings = [${bindings.join(", ")}],
);
const visitor :Workerd.Worker = (
  modules = [(name = "visitor.js", esModule = embed "visitor.js")],
  compatibilityDate = ${quoted(NEWEST_DATE)},
  bindings = [(name = "WORKER", service = "worker")],
);
`,
  );
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  let log = "";
  const inspects = heapMiB !== undefined;
  const { pid, addresses } = await startProcess(join(folder, "config.capnp"), { sockets: 2, inspects, log: (text) => (log += text) });
  return {
    pid,
    inspector: addresses.get("inspector"),
    origin: /** @type {string} */ (addresses.get("worker")),
    /** Sends GET requests on for the one whom the header `visitor` names, until a request says who `leaves`. */
    visitor: /** @type {string} */ (addresses.get("visitor")),
    /** All that was written to the console. */
    log: () => log,
  };
}

/**
 * A built module and what it imports of its own folder.
 * @param {string} folder
 * @param {string} name
 * @returns {Record<string, string>} file by name
 */
export function closure(folder, name) {
  /** @type {Record<string, string>} */
  const files = {};
  const add = (/** @type {string} */ file) => {
    if (file in files) return;
    files[file] = join(folder, file);
    if (file.endsWith(".wasm")) return;
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, imported] of text.matchAll(/(?:\bfrom|\bimport)\s*"(\.[^"]+)"/g)) {
      if (imported) add(join(dirname(file), imported));
    }
  };
  add(name);
  return files;
}
