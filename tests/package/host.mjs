// @ts-check
/**
 * A plain web server for what a consumer has built: files of a few folders with their right MIME types,
 * and a route that asks the simulator with the key, for pages of any origin. Pages never see the key.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { KEY, url as simulator } from "./simulator.mjs";

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
 * @property {(path: string, response: import("node:http").ServerResponse) => boolean} [answer] whether it has taken the request for a file over
 */

/**
 * Serves these folders; the first that has a file gives it.
 * @param {readonly string[]} folders
 * @param {Options} [options]
 */
export async function startHost(folders, { headers = {}, answer } = {}) {
  /** What was asked for, in order. @type {string[]} */
  const paths = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host.invalid");
    paths.push(pathname);
    try {
      if (pathname.startsWith("/api/video-editor/")) return await forward(request, pathname, response);
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
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address && typeof address === "object");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    paths,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {string} path
 * @param {import("node:http").ServerResponse} response
 */
async function forward({ method }, path, response) {
  const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
  if (method === "OPTIONS") return void response.writeHead(204, cors).end();
  if (method !== "GET") return void response.writeHead(405).end();
  const answer = await fetch(simulator + path, { headers: { "x-api-key": KEY }, redirect: "manual" });
  const body = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, { ...cors, "content-type": answer.headers.get("content-type") ?? "text/plain" });
  response.end(body);
}
