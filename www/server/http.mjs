// @ts-check
// Between node:http and the web's Request and Response, on this machine alone.

import { once } from "node:events";

/** @import { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http" */
/** @typedef {(incoming: IncomingMessage, outgoing: ServerResponse, path: string) => unknown} Handler */

/** The names of this machine. A page elsewhere that points its own name here does not get in. */
const OWN_NAMES = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;
/** Of a longer body nothing is kept. */
const BODY_LIMIT = 1_048_576;

/** Listens on this machine alone; the address. @param {Server} server @param {number} port 0 for any free one */
export async function listen(server, port) {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EADDRINUSE") throw error;
    throw new Error(`port ${port} is in use: stop what uses it, or repeat with \`--port 0\` for a free one`);
  }
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${address.port}`;
}

/**
 * Resets a connection; one that is being shut down is only closed. Node 20 never closes the handle of a socket that is
 * reset meanwhile, and its process spins instead of ending.
 * @param {import("node:net").Socket | null | undefined} socket
 */
export function reset(socket) {
  if (socket?.writableEnded && !socket.writableFinished) socket.destroy();
  else socket?.resetAndDestroy();
}

/** A port as it is given on the command line. @param {string} text */
export function portOf(text) {
  if (!/^\d+$/.test(text) || Number(text) > 65_535) throw new Error(`--port must be a number from 0 to 65535, not "${text}"`);
  return Number(text);
}

/**
 * A listener that responds to names of this machine only, and outlives what a handler throws: a method or a path that no
 * Request can have, a body that is too long.
 * @param {Handler} handle
 * @param {Record<string, string>} [headers] of every response
 * @returns {RequestListener}
 */
export function listener(handle, headers = {}) {
  return async (incoming, outgoing) => {
    for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
    if (!OWN_NAMES.test(incoming.headers.host ?? "")) {
      return void outgoing.writeHead(403, { "content-type": "text/plain" }).end("only names of this machine are served");
    }
    try {
      const { pathname } = new URL(incoming.url ?? "/", "http://localhost");
      await handle(incoming, outgoing, pathname);
    } catch {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(400).end();
    }
  };
}

/**
 * The body of a request, up to a megabyte.
 * @param {IncomingMessage} incoming
 */
export async function bodyOf(incoming) {
  /** @type {Buffer[]} */
  const parts = [];
  let length = 0;
  for await (const part of incoming) {
    length += part.length;
    // It is read to its end all the same, or the caller would have no response.
    if (length <= BODY_LIMIT) parts.push(part);
  }
  if (length > BODY_LIMIT) throw new RangeError(`the body is longer than ${BODY_LIMIT} bytes`);
  return Buffer.concat(parts).toString();
}

/**
 * A request as fetch knows it.
 * @param {IncomingMessage} incoming
 * @param {string} path
 * @param {{ signal?: AbortSignal, body?: string }} [more]
 */
export function requestOf({ method = "GET", url = "", headers }, path, more = {}) {
  const query = /\?[^#]*/.exec(url)?.[0] ?? "";
  const pairs = Object.entries(headers).flatMap(([name, value = []]) => [value].flat().map((one) => /** @type {[string, string]} */ ([name, one])));
  return new Request(`http://${headers.host}${path}${query}`, { method, headers: pairs, ...more });
}

/** Aborts when the caller has left, or has its response. @param {ServerResponse} outgoing */
export function leftBy(outgoing) {
  const leaving = new AbortController();
  outgoing.once("close", () => leaving.abort());
  return leaving.signal;
}

/**
 * Sends a response whose body is short and is all there, with its length.
 * @param {Response} response
 * @param {ServerResponse} outgoing
 */
export async function sendWhole(response, outgoing) {
  const body = Buffer.from(await response.arrayBuffer());
  for (const [name, value] of response.headers) outgoing.setHeader(name, value);
  outgoing.statusCode = response.status;
  outgoing.end(body);
}

/**
 * Sends a response as it comes, however long it is: a chunk is read when the one before has left.
 * @param {Response} response
 * @param {ServerResponse} outgoing
 */
export async function send(response, outgoing) {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  for await (const chunk of response.body ?? []) {
    const error = await new Promise((resolve) => outgoing.write(chunk, resolve));
    if (error) return; // the caller left; the event "close" says so too
  }
  outgoing.end();
}
