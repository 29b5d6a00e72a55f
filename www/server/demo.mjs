// @ts-check
// What `cargo xtask demo` starts when all is built: the demo page and everything it needs from one address on this
// machine. The page is at /, the simulator below /sim, and with a key in the environment the real service below /live.
// With --edge a Worker is what the page talks to, and this server is behind it. No key ever reaches the page, and no
// other machine reaches this server.

import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sirv from "sirv";
import { listen, listener, requestOf, sendWhole } from "./http.mjs";
import { liveFrom } from "./live.mjs";
import { createSimulatorHandler } from "./simulator.mjs";
import { startWorker } from "./worker.mjs";

/** @import { ServerResponse } from "node:http" */

const PAGE = fileURLToPath(new URL("../dist", import.meta.url));
const files = sirv(PAGE, { dev: true });
const MODE = '<meta name="demo-server" content="">';
/** @type {import("./http.mjs").Handler} */
const page = (incoming, outgoing) => files(incoming, outgoing);
/** The names of this machine. A page elsewhere that points its own name here does not get in. */
const OWN_NAMES = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
/** The simulator's key, for the Worker that requests from it. */
const SIMULATED_KEY = "demo-key";

/** Nothing from elsewhere, no inline script; but pictures and films may come from `media` too. @param {string} media */
const policy = (media) =>
  `default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src 'self' data: blob:${media}; ` +
  `media-src 'self' data: blob:${media}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;

try {
  await serve();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

async function serve() {
  const { port, static: isStatic, edge, storage } = readArguments();
  const live = isStatic ? undefined : liveFrom(process.env);
  // A real video and its clips are wherever the service keeps them.
  const anywhere = live ? " https:" : "";
  const server = createServer();
  const address = await listen(server, port);
  /** @type {Awaited<ReturnType<typeof startWorker>> | undefined} */
  let worker;
  if (edge) {
    // It was taken only to know that it is free: the Worker listens there, with this server behind it.
    server.close();
    await once(server, "close");
    const behind = await listen(server, 0);
    // What is simulated is behind the address of the page, where the films are linked too.
    const service = live ?? { baseUrl: `${address}/sim`, apiKey: SIMULATED_KEY };
    server.on("request", await site(live, anywhere || ` ${address}`));
    worker = await startWorker({ ...service, address, page: behind, isReal: live !== undefined, storage });
  } else {
    server.on("request", isStatic ? guarded(page, "") : await site(live, anywhere));
  }

  let isStopping = false;
  const stop = async () => {
    isStopping = true;
    // At once: whatever the Worker has said to anybody is on the disk.
    await worker?.kill();
    // Requests that hang on purpose must not hold up the end.
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
  worker?.ended.then((why) => {
    if (isStopping) return;
    console.error(`workerd ended (${why}): see its messages above, then repeat`);
    process.exit(1);
  });
  if (!isStatic) console.error(live ? `Real videos: ${live.origin} with IACREA_API_KEY` : "Real videos: off; start with IACREA_API_KEY set to watch one");
  console.error("Serving the demo until it is stopped with Ctrl-C");
  console.log(`${address}/`);
  show(address);
}

function readArguments() {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "8080" }, static: { type: "boolean" }, edge: { type: "boolean" }, storage: { type: "string" } },
  });
  const port = Number(values.port);
  if (!(Number.isInteger(port) && port >= 0 && port < 65_536)) throw new Error(`--port must be a number from 0 to 65535, not ${values.port}`);
  return { ...values, port };
}

/**
 * The page that knows its servers, the simulator, and the way to the real service.
 * @param {ReturnType<typeof liveFrom>} live
 * @param {string} media where pictures and films may come from, beside here
 */
async function site(live, media) {
  // It decides about ids: pages and the Worker may know those of an earlier run.
  const seed = randomInt(2 ** 32);
  const simulator = await createSimulatorHandler({ mount: "/sim", addsKey: true, seed, apiKey: SIMULATED_KEY });
  return guarded(async (incoming, outgoing, path) => {
    if (path.startsWith("/sim/")) return simulator(incoming, outgoing, path.slice("/sim".length));
    if (live && path.startsWith("/live/")) {
      const leaving = new AbortController();
      outgoing.once("close", () => leaving.abort());
      return sendWhole(await live.proxy(requestOf(incoming, path, leaving.signal)), outgoing);
    }
    if (path === "/" || path === "/index.html") return frontPage(outgoing, live ? "sim live" : "sim");
    page(incoming, outgoing, path);
  }, media);
}

/**
 * Answers to names of this machine only, and adds the headers that every response carries.
 * @param {import("./http.mjs").Handler} handle
 * @param {string} media
 */
function guarded(handle, media) {
  const headers = {
    "content-security-policy": policy(media),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
  };
  return listener((incoming, outgoing, path) => {
    for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
    if (OWN_NAMES.test(incoming.headers.host ?? "")) return handle(incoming, outgoing, path);
    outgoing.writeHead(403, { "content-type": "text/plain" }).end("only names of this machine are served");
  });
}

/**
 * The page as built, which is told what servers are behind it.
 * @param {ServerResponse} outgoing
 * @param {string} servers
 */
function frontPage(outgoing, servers) {
  const file = `${PAGE}/index.html`;
  if (!existsSync(file)) return outgoing.writeHead(404, { "content-type": "text/plain" }).end("www/dist is not built: run `cargo xtask build`");
  const page = readFileSync(file, "utf8").replace(MODE, MODE.replace('""', `"${servers}"`));
  outgoing.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
}

/** Opens the browser where somebody sits in front of one. It never fails: the address is printed. @param {string} address */
function show(address) {
  const { platform, env } = process;
  const hasDesktop = platform === "win32" || platform === "darwin" || env["DISPLAY"] || env["WAYLAND_DISPLAY"];
  if (!hasDesktop || !process.stdout.isTTY) return;
  const { IACREA_API_KEY: _, ...others } = env;
  const [program, ...args] = platform === "win32" ? ["rundll32", "url.dll,FileProtocolHandler"] : [platform === "darwin" ? "open" : "xdg-open"];
  spawn(program ?? "", [...args, address], { env: others, stdio: "ignore", detached: true }).once("error", () => {}).unref();
}
