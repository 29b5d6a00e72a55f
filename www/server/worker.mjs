// @ts-check
// The Worker of examples/cloudflare-worker on this machine: that very file and the package as built, on the workerd
// that the tests run. What wrangler would send to Cloudflare is written down for workerd here, but for the key and the
// address that it is for: those are in the Worker's environment alone, in no file and on no command line.

import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { moduleList, quoted, startWorkerd } from "./workerd.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SETTINGS = "examples/cloudflare-worker/wrangler.jsonc";
/** The package's watcher takes no shorter one. */
const SHORTEST_KEY = 8;

/**
 * Starts the Worker; it serves when this resolves.
 * @param {object} how
 * @param {string} how.address where it listens
 * @param {string} how.page where all that it serves but does not watch is
 * @param {boolean} how.isReal whether the videos are real ones; simulated ones are kept apart, and are at `page`
 * @param {string} how.baseUrl of the API
 * @param {string} how.apiKey
 * @param {string} [how.storage] the folder of what it watches; `cargo xtask demo` holds a lock of it for this process
 */
export async function startWorker({ address, page, isReal, baseUrl, apiKey, storage = join(ROOT, "target/edge") }) {
  if (apiKey.length < SHORTEST_KEY) throw new Error(`IACREA_API_KEY has fewer than ${SHORTEST_KEY} characters: copy it again`);
  mkdirSync(join(storage, "objects"), { recursive: true });
  const folder = realpathSync(storage);
  console.error("Watching: in Durable Objects of examples/cloudflare-worker, on workerd");
  console.error(`What is watched is kept in ${folder}`);
  const file = join(folder, "workerd.capnp");
  writeFileSync(file, configuration({ folder, address, page, outbound: isReal ? "internet" : "behind" }));
  return startWorkerd(file, { folder: ROOT, environment: { ...process.env, IACREA_BASE_URL: baseUrl, IACREA_API_KEY: apiKey } });
}

/** @param {{ folder: string, address: string, page: string, outbound: "internet" | "behind" }} how */
function configuration({ folder, address, page, outbound }) {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "behind", external = (address = ${quoted(new URL(page).host)}, http = ())),
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
    (name = "objects", disk = (path = ${quoted(join(folder, "objects"))}, writable = true)),
  ],
  sockets = [(name = "worker", address = ${quoted(new URL(address).host)}, http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = ${moduleList(modulesOf())},
  compatibilityDate = ${quoted(compatibilityDate())},
  durableObjectNamespaces = [(className = "Watcher", uniqueKey = "iacrea-video-watcher", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
  globalOutbound = "${outbound}",
  bindings = [
    (name = "WATCHER", durableObjectNamespace = "Watcher"),
    (name = "ASSETS", service = "behind"),
    (name = "IACREA_API_KEY", fromEnvironment = "IACREA_API_KEY"),
    (name = "IACREA_BASE_URL", fromEnvironment = "IACREA_BASE_URL"),
  ],
);
`;
}

/** The example, and the package under the names that the example and the package itself import. @returns {[string, string][]} */
function modulesOf() {
  const shared = readdirSync(join(ROOT, "pkg/dist")).filter((name) => /^shared-.*\.js$/.test(name));
  const own = ["cloudflare.js", "iacrea-video.wasm", ...shared];
  return [
    ["worker.js", "/examples/cloudflare-worker/worker.js"],
    ...own.map((name) => /** @type {[string, string]} */ ([`iacrea-video/${name.replace("cloudflare.js", "cloudflare")}`, `/pkg/dist/${name}`])),
  ];
}

/** The one that the Worker is deployed with. */
function compatibilityDate() {
  const settings = readFileSync(join(ROOT, SETTINGS), "utf8").replace(/^\s*\/\/.*$/gm, "");
  /** @type {string | undefined} */
  const date = JSON.parse(settings).compatibility_date;
  if (!/^20\d\d-\d\d-\d\d$/.test(date ?? "")) throw new Error(`${SETTINGS} has no compatibility_date`);
  return date ?? "";
}
