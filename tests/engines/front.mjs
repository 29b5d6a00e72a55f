// @ts-check
// The address that an engine's pages are loaded from: a few pages of its own, the package's dist folder beside
// them, and behind the same origin another server with all its faults. It puts the recorder into each page and the
// key into each request for a video; it decides nothing else.

import { createReadStream } from "node:fs";
import { request as ask } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { reset } from "../../www/server/http.mjs";
import { startServer } from "../support/server.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DIST = fileURLToPath(new URL("../../pkg/dist/", import.meta.url));
const TYPES = /** @type {Record<string, string>} */ ({ ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".wasm": "application/wasm" });
const RECORDER = '<script src="/recorder.js"></script>';

/**
 * @param {string} upstream
 * @param {Record<string, string>} [headers] put into what is forwarded
 */
export async function serveBefore(upstream, headers = {}) {
  const { origin, close: stop } = await startServer((request, response) => {
    const path = pathOf(request);
    const own = /^\/(pages\/[\w-]+\.(?:html|js)|recorder\.js)$/.exec(path)?.[1] && `${HERE}${path.slice(1)}`;
    const file = own ?? (/^\/package\/[\w./-]+$/.test(path) && !path.includes("..") ? DIST + path.slice("/package/".length) : undefined);
    if (file) send(file, response);
    else forward(request, response);
  });

  /** @param {string} file @param {import("node:http").ServerResponse} response */
  function send(file, response) {
    // What a page is allowed to do is in its name.
    if (file.endsWith("no-wasm.html")) response.setHeader("content-security-policy", "script-src 'self'");
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
    createReadStream(file).once("error", () => response.writeHead(404).end()).pipe(response);
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  function forward(request, response) {
    const outgoing = ask(new URL(request.url ?? "/", upstream), {
      method: request.method ?? "GET",
      headers: { ...request.headers, ...headers, "accept-encoding": "identity" },
      agent: false,
    });
    const cut = () => reset(request.socket);
    outgoing.once("error", cut);
    outgoing.once("response", (answer) => {
      const isPage = request.method === "GET" && answer.headers["content-type"]?.startsWith("text/html") && pathOf(request) === "/";
      if (isPage) {
        inject(answer, response);
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.once("error", cut);
      answer.once("aborted", cut);
      answer.pipe(response);
    });
    response.once("close", () => outgoing.destroy());
    request.pipe(outgoing);
  }

  /** @param {import("node:http").IncomingMessage} answer @param {import("node:http").ServerResponse} response */
  async function inject(answer, response) {
    const parts = [];
    for await (const part of answer) parts.push(part);
    const text = Buffer.concat(parts).toString().replace("<head>", `<head>${RECORDER}`);
    const { "content-length": _, ...kept } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, kept);
    response.end(text);
  }

  return { origin, stop };
}

/** @param {import("node:http").IncomingMessage} request */
const pathOf = (request) => new URL(request.url ?? "/", "http://localhost").pathname;
