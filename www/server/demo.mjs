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
import { sendFile } from "./files.mjs";
import { leftBy, listen, listener, portOf, requestOf, sendWhole } from "./http.mjs";
import { liveFrom } from "./live.mjs";
import { createSimulatorHandler } from "./simulator.mjs";
import { startWorker } from "./worker.mjs";

/** @import { ServerResponse } from "node:http" */

const PAGE = fileURLToPath(new URL("../dist", import.meta.url));
const MODE = '<meta name="demo-server" content="">';
/** A Worker that watches has a key; the simulator takes any. */
const SIMULATED_KEY = "demo-key";

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
  // Requests that hang on purpose must not hold up the end, and a Worker ends with this process.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(0));
  if (edge) {
    // It was taken only to know that it is free: the Worker listens there, with this server behind it.
    server.close();
    await once(server, "close");
    const page = await listen(server, 0);
    // What is simulated is behind the address of the page, where the films are linked too.
    const service = live ?? { baseUrl: `${address}/sim`, apiKey: SIMULATED_KEY };
    server.on("request", await site(live, anywhere || ` ${address}`));
    const worker = await startWorker({ ...service, address, page, isReal: live !== undefined, storage });
    worker.ended.then((why) => {
      console.error(`error: workerd ended (${why}): see its messages above, then repeat`);
      process.exit(1);
    });
  } else {
    server.on("request", isStatic ? listener(page, headersWith("")) : await site(live, anywhere));
  }
  if (!isStatic) console.error(live ? `Real videos: ${live.origin} with IACREA_API_KEY` : "Real videos: off; start with IACREA_API_KEY set to watch one");
  console.error("Serving the demo until it is stopped with Ctrl-C");
  console.log(`${address}/`);
  show(address);
}

function readArguments() {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "8080" }, static: { type: "boolean" }, edge: { type: "boolean" }, storage: { type: "string" } },
  });
  if (values.static && values.edge) throw new Error("--static serves the page alone, and --edge through a Worker: choose one");
  return { ...values, port: portOf(values.port) };
}

/** @type {import("./http.mjs").Handler} */
function page(incoming, outgoing, path) {
  return sendFile(PAGE, path, incoming, outgoing);
}

/**
 * The page that knows its servers, the simulator, and the way to the real service.
 * @param {ReturnType<typeof liveFrom>} live
 * @param {string} media where pictures and films may come from, beside here
 */
async function site(live, media) {
  // It decides about ids: pages and the Worker may know those of an earlier run.
  const seed = randomInt(2 ** 32);
  const simulator = await createSimulatorHandler({ mount: "/sim", seed });
  return listener(async (incoming, outgoing, path) => {
    if (path.startsWith("/sim/")) return simulator(incoming, outgoing, path.slice("/sim".length));
    if (live && path.startsWith("/live/")) return sendWhole(await live.proxy(requestOf(incoming, path, { signal: leftBy(outgoing) })), outgoing);
    const isFront = incoming.method === "GET" && (path === "/" || path === "/index.html");
    if (isFront) return frontPage(outgoing, live ? "sim live" : "sim");
    return page(incoming, outgoing, path);
  }, headersWith(media));
}

/**
 * What every response carries: nothing comes from elsewhere and no script is inline, but pictures and films may come
 * from `media` too.
 * @param {string} media
 */
function headersWith(media) {
  const sources = `'self' data: blob:${media}`;
  return {
    "content-security-policy":
      `default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src ${sources}; media-src ${sources}; ` +
      "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
  };
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
