// @ts-check
/** The site on each host, behind real HTTP: in Node, and on workerd of old and new compatibility dates. */

import { once } from "node:events";
import { createServer } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { dist, edge } from "./package.mjs";
import { createSite } from "./site.mjs";
import { closure, NEWEST_DATE, startWorkerd } from "./workerd.mjs";

/**
 * @typedef {object} Host
 * @property {string} name
 * @property {string} origin
 * @property {() => string} log
 * @property {string} [visitor] where visitors leave in the way that Cloudflare notices
 * @property {boolean} keepsAlive a request that others wait for outlives the visitor who caused it
 * @property {boolean} signals a Request tells when its visitor has left
 * @property {number} [pid] of a Worker's process
 * @property {string} [inspector] where debuggers can look into a Worker
 */

/**
 * @param {import("./site.mjs").Environment} environment
 * @returns {Promise<Host[]>}
 */
export async function hosts(environment) {
  return Promise.all([
    inNode(environment),
    inWorkerd("workerd of 2023", "edge.workerd.js", "2023-03-01", environment),
    inWorkerd("workerd of today", "edge.workerd.js", NEWEST_DATE, environment),
    // Where a bundler does not know the condition "workerd".
    inWorkerd("workerd with the default entry", "edge.js", NEWEST_DATE, environment),
  ]);
}

/** @param {import("./site.mjs").Environment} environment @returns {Promise<Host>} */
async function inNode(environment) {
  const site = createSite(edge, environment);
  const server = createServer(async (incoming, outgoing) => {
    const { method = "GET", headers, url = "" } = incoming;
    const target = url.startsWith("/") ? `http://${headers.host}${url}` : url;
    const hasBody = method !== "GET" && method !== "HEAD";
    const leaving = new AbortController();
    outgoing.once("close", () => leaving.abort());
    const request = new Request(target, {
      method,
      signal: leaving.signal,
      headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
      ...(hasBody ? { body: await new Response(/** @type {any} */ (incoming)).arrayBuffer() } : {}),
    });
    const response = await site(request);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(new Uint8Array(await response.arrayBuffer()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { name: "Node", origin: `http://127.0.0.1:${port}`, log: consoleLog(), keepsAlive: true, signals: true };
}

/** What this process writes to its console from now on. */
function consoleLog() {
  let log = "";
  for (const method of /** @type {const} */ (["log", "info", "warn", "error", "debug", "trace"])) {
    console[method] = (/** @type {unknown[]} */ ...values) => void (log += `${format(...values)}\n`);
  }
  return () => log;
}

/**
 * @param {string} name
 * @param {string} entry
 * @param {string} compatibilityDate
 * @param {import("./site.mjs").Environment} environment
 * @param {number} [heapMiB] of each isolate, into which debuggers can then look
 * @returns {Promise<Host>}
 */
export async function inWorkerd(name, entry, compatibilityDate, environment, heapMiB) {
  const folder = mkdtempSync(join(tmpdir(), "iacrea-site-"));
  const worker = join(folder, "worker.js");
  writeFileSync(
    worker,
    `import * as edge from "./${entry}";
import { createSite } from "./site.mjs";
let site;
export default { fetch: (request, env) => (site ??= createSite(edge, env))(request) };`,
  );
  const modules = {
    "worker.js": worker,
    "site.mjs": fileURLToPath(new URL("site.mjs", import.meta.url)),
    ...closure(dist, entry),
  };
  const running = await startWorkerd({ modules, compatibilityDate, environment: { ...environment }, heapMiB });
  rmSync(folder, { recursive: true });
  return { name, ...running, keepsAlive: entry === "edge.workerd.js", signals: compatibilityDate === NEWEST_DATE };
}
