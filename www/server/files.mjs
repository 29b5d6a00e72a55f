// @ts-check
// Files of a folder, whole or in part: a browser fetches a film in ranges.

import { readFile } from "node:fs/promises";
import { extname, join, sep } from "node:path";

/** @import { IncomingMessage, ServerResponse } from "node:http" */

const TYPES = /** @type {Record<string, string>} */ ({
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".jpg": "image/jpeg",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webm": "video/webm",
});

/**
 * Sends the file at a path below a folder, and 404 for all that is not there or lies elsewhere. Each is small enough to
 * be read as a whole.
 * @param {string} folder
 * @param {string} path as in a URL
 * @param {IncomingMessage} incoming
 * @param {ServerResponse} outgoing
 */
export async function sendFile(folder, path, { method, headers }, outgoing) {
  if (method !== "GET" && method !== "HEAD") return void outgoing.writeHead(405, { allow: "GET, HEAD" }).end();
  const file = join(folder, decodeURIComponent(path.endsWith("/") ? `${path}index.html` : path));
  const bytes = file.startsWith(folder + sep) && !file.includes("\0") ? await readFile(file).catch(() => undefined) : undefined;
  if (!bytes) return void outgoing.writeHead(404, { "content-type": "text/plain" }).end(`there is nothing at ${path}`);
  outgoing.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
  outgoing.setHeader("accept-ranges", "bytes");
  const range = rangeOf(headers.range, bytes.length);
  if (range === "none") return void outgoing.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  const { first, last } = range ?? { first: 0, last: bytes.length - 1 };
  if (range) outgoing.setHeader("content-range", `bytes ${first}-${last}/${bytes.length}`);
  outgoing.writeHead(range ? 206 : 200, { "content-length": last - first + 1 }).end(method === "HEAD" ? undefined : bytes.subarray(first, last + 1));
}

/**
 * The one range that is asked for; undefined for all, as for whatever else the header may hold (RFC 9110, section 14.2).
 * @param {string | undefined} header
 * @param {number} length
 */
function rangeOf(header, length) {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (from === "" && to === "") return undefined;
  const first = from === "" ? Math.max(length - Number(to), 0) : Number(from);
  const last = from === "" || to === "" ? length - 1 : Math.min(Number(to), length - 1);
  if (from !== "" && to !== "" && Number(to) < first) return undefined;
  return first < length && last >= first ? { first, last } : "none";
}
