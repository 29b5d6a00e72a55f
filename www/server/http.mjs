// @ts-check
// Between node:http and the web's Request and Response.

import { once } from "node:events";

/** @import { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http" */
/** @typedef {(incoming: IncomingMessage, outgoing: ServerResponse, path: string) => unknown} Handler */

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
 * A listener that outlives what a handler throws: a method or a path that no Request can have, a caller who left.
 * @param {Handler} handle
 * @returns {RequestListener}
 */
export function listener(handle) {
  return async (incoming, outgoing) => {
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
 * A request as fetch knows it, which is aborted when its caller leaves.
 * @param {IncomingMessage} incoming
 * @param {string} path
 * @param {AbortSignal} signal
 */
export function requestOf(incoming, path, signal) {
  const { method = "GET", url = "", headers } = incoming;
  const query = /\?[^#]*/.exec(url)?.[0] ?? "";
  const pairs = Object.entries(headers).flatMap(([name, value = []]) => [value].flat().map((one) => /** @type {[string, string]} */ ([name, one])));
  // Node takes any stream of bytes.
  const body = method === "GET" || method === "HEAD" ? {} : { body: /** @type {any} */ (incoming), duplex: "half" };
  return new Request(`http://${headers.host ?? "localhost"}${path}${query}`, { method, headers: pairs, signal, ...body });
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
