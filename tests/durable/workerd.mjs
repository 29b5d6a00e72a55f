// @ts-check
/**
 * The real workerd with Durable Objects on a disk: it can be killed at any moment and started again on what it
 * left there. Each start is a process of its own, and none outlives this one.
 */

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { heapFlags, moduleList, quoted, startWorkerd } from "../../www/server/workerd.mjs";
import { dist } from "../edge/package.mjs";
import { closure, NEWEST_DATE } from "../edge/workerd.mjs";

export { NEWEST_DATE };

/** A Worker, its storage, and all that its processes ever said. */
export class Host {
  /** @type {Awaited<ReturnType<typeof startWorkerd>> | undefined} */
  #running;
  #folder = mkdtempSync(join(tmpdir(), "iacrea-durable-"));
  #end = () => rmSync(this.#folder, { recursive: true, force: true });
  /** In this order; the first is the Worker. @type {string[]} */
  #modules = [];
  #compatibilityDate;
  /** Of each isolate, into which debuggers can then look. @type {number | undefined} */
  heapMiB;
  /** What the next process finds in its environment. @type {Record<string, any>} */
  environment;
  /** Where it listens; another place after each start. */
  origin = "";
  log = "";

  /**
   * @param {import("./worker.mjs").Environment | import("./laboratory.mjs").Environment} environment
   * @param {string} [compatibilityDate]
   * @param {"worker.mjs" | "laboratory.mjs"} [worker]
   */
  constructor(environment, compatibilityDate = NEWEST_DATE, worker = "worker.mjs") {
    this.environment = environment;
    this.#compatibilityDate = compatibilityDate;
    const own = worker === "laboratory.mjs" ? [worker, "clock.mjs"] : [worker];
    const modules = {
      ...Object.fromEntries(own.map((name) => [name, fileURLToPath(new URL(name, import.meta.url))])),
      ...closure(dist, "cloudflare.js"),
      // The closure follows what is imported by name, and this is a module of another make.
      "iacrea-video.wasm": join(dist, "iacrea-video.wasm"),
    };
    for (const [name, file] of Object.entries(modules)) {
      mkdirSync(dirname(join(this.#folder, name)), { recursive: true });
      copyFileSync(file, join(this.#folder, name));
    }
    this.#modules = Object.keys(modules);
    mkdirSync(this.disk);
    process.once("exit", this.#end);
  }

  /** Where its storage is. */
  get disk() {
    return join(this.#folder, "disk");
  }

  /** Of its process. */
  get pid() {
    return this.#running?.pid;
  }

  /** Where debuggers can look into it. */
  get inspector() {
    return this.#running?.addresses.get("inspector");
  }

  /** All that is stored, byte for byte. */
  stored() {
    return this.files().map((file) => readFileSync(file, "latin1")).join("\n");
  }

  /** Where something is stored. */
  files() {
    const files = readdirSync(this.disk, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return files.map((file) => join(file.parentPath ?? file.path, file.name));
  }

  #configure() {
    const bindings = Object.entries(this.environment).map(([name, text]) => `(name = ${quoted(name)}, text = ${quoted(String(text))})`);
    writeFileSync(
      join(this.#folder, "config.capnp"),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  ${heapFlags(this.heapMiB)}
  services = [
    (name = "worker", worker = .worker),
    (name = "disk", disk = (path = ${quoted(this.disk)}, writable = true)),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "worker", address = "127.0.0.1:0", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = ${moduleList(this.#modules.map((name) => [name, name]))},
  compatibilityDate = ${quoted(this.#compatibilityDate)},
  durableObjectNamespaces = [(className = "Watcher", uniqueKey = "iacrea-video-watcher", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    (name = "WATCHER", durableObjectNamespace = "Watcher"),
    ${bindings.join(",\n    ")}
  ],
);
`,
    );
  }

  async start() {
    this.#configure();
    this.#running = await startWorkerd(join(this.#folder, "config.capnp"), { inspects: this.heapMiB !== undefined, log: (text) => (this.log += text) });
    this.origin = this.#running.addresses.get("worker") ?? "";
    return this;
  }

  /** As a machine dies: nothing is written any more. */
  async kill() {
    await this.#running?.kill();
  }

  /** It is not needed any more. */
  async end() {
    await this.kill();
    process.off("exit", this.#end);
    this.#end();
  }
}
