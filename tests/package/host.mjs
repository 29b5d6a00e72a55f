// @ts-check
/**
 * A plain web server for what a consumer has built: files of a few folders with their right MIME types,
 * and the package's own proxy before the simulator. Pages never see the key.
 */

import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { startServer } from "../support/server.mjs";
import { KEY, url as simulator } from "./simulator.mjs";
import { unpacked } from "./tarball.mjs";

const { createVideoProxy } = await import(pathToFileURL(join(unpacked, "dist/edge.js")).href);

const TYPES = new Map([
  [".css", "text/css"],
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript"],
  [".json", "application/json"],
  [".mjs", "text/javascript"],
  [".wasm", "application/wasm"],
]);

/**
 * @typedef {object} Options
 * @property {Record<string, string>} [headers] of all files
 * @property {readonly string[]} [allowedOrigins] of pages that are served elsewhere
 * @property {(path: string, response: import("node:http").ServerResponse) => boolean} [answer] whether it has taken the request for a file over
 */

/**
 * Serves these folders; the first that has a file gives it.
 * @param {readonly string[]} folders
 * @param {Options} [options]
 */
export async function startHost(folders, { headers = {}, allowedOrigins = [], answer } = {}) {
  // Each request of a page shows in the simulator's log: none is answered from another's answer.
  const proxy = createVideoProxy({ apiKey: KEY, baseUrl: simulator, allowedOrigins, shareMs: 0 });
  /** What was asked for, in order. @type {string[]} */
  const paths = [];
  const { origin, close: stop } = await startServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host.invalid");
    paths.push(pathname);
    try {
      if (pathname.startsWith("/api/video-editor/")) return await pass(request, proxy, response);
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      if (answer?.(pathname, response)) return;
      const file = normalize(decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
      for (const folder of folders) {
        const bytes = await readFile(join(folder, file)).catch(() => undefined);
        if (!bytes) continue;
        response.writeHead(200, { "content-type": TYPES.get(extname(file)) ?? "application/octet-stream" });
        return void response.end(bytes);
      }
      response.writeHead(404).end();
    } catch (error) {
      response.destroy(/** @type {Error} */ (error));
    }
  });
  return { url: `${origin}/`, paths, stop };
}

/**
 * From Node's way of requests to the web's, and back.
 * @param {import("node:http").IncomingMessage} request
 * @param {(request: Request) => Promise<Response>} proxy
 * @param {import("node:http").ServerResponse} response
 */
async function pass({ method = "GET", url, headers }, proxy, response) {
  const asked = new Request(new URL(url ?? "/", `http://${headers.host}`), {
    method,
    headers: Object.entries(headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  });
  const answer = await proxy(asked);
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(Buffer.from(await answer.arrayBuffer()));
}
