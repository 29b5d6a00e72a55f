// @ts-check
/**
 * HTTP/1.1 as bytes, right and wrong, and ways of sending them that no library would offer. Whatever goes on by
 * itself ends with its connection.
 */

import { reset } from "../../www/server/http.mjs";

/** @typedef {import("node:net").Socket} Socket */
/** @typedef {{ [name: string]: string | number }} Headers */

export const PENDING = JSON.stringify({ status: "PENDING" });
export const URL_OF_VIDEO = "https://media.example/video.webm";
export const DONE = JSON.stringify({ status: "DONE", url: URL_OF_VIDEO });

/** A status line and headers. @param {number | string} status @param {Headers} headers */
export function head(status, headers) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join("")}\r\n`;
}

/** The head for a body, after which the connection closes. @param {number | string} status @param {string | Uint8Array} body @param {Headers} [headers] */
export function text(status, body, headers = {}) {
  return head(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body), connection: "close", ...headers });
}

/** A whole answer, as it should be. @param {string} body @param {{ status?: number | string, headers?: Headers }} [how] */
export function whole(body, { status = 200, headers = {} } = {}) {
  return text(status, body, headers) + body;
}

/** One part of a chunked body. @param {string} part */
export const chunk = (part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`;

/** The head of a chunked body. @param {Headers} [headers] */
export const chunkedHead = (headers = {}) => head(200, { "content-type": "application/json", "transfer-encoding": "chunked", connection: "close", ...headers });

/** The body of this question when all goes well: waiting, then done. @param {number} number */
export const course = (number) => (number === 1 ? PENDING : DONE);

/** Answers as it should. @param {Socket} socket @param {{ number: number }} heard */
export function well(socket, { number }) {
  socket.end(whole(course(number)));
}

/** Sends this and resets the connection, but not before it has arrived. @param {Socket} socket @param {string | Uint8Array} [bytes] */
export function thenReset(socket, bytes = "") {
  const cut = () => reset(socket);
  if (bytes.length === 0) return cut();
  socket.write(bytes);
  later(socket, 40, cut);
}

/** @param {Socket} socket @param {number} ms @param {() => void} act */
export function later(socket, ms, act) {
  const clear = () => clearTimeout(timer);
  const timer = setTimeout(() => {
    socket.off("close", clear);
    if (!socket.destroyed) act();
  }, ms);
  socket.once("close", clear);
}

/** Sends one of these after the other. @param {Socket} socket @param {Iterable<string | Uint8Array>} parts @param {number} ms between two of them */
export function drip(socket, parts, ms) {
  const rest = parts[Symbol.iterator]();
  const timer = setInterval(() => {
    const { done, value } = rest.next();
    if (done) {
      clearInterval(timer);
      socket.end();
    } else if (!socket.destroyed) socket.write(value);
  }, ms);
  socket.once("close", () => clearInterval(timer));
}

/** @template T @param {T} value @returns {Iterable<T>} */
export function* forEver(value) {
  for (;;) yield value;
}

/**
 * Writes this again and again, as long as the other side reads, up to so many bytes; `pauseMs` after each keeps
 * it at the speed of a network.
 * @param {Socket} socket @param {Uint8Array} bytes @param {{ most?: number, pauseMs?: number }} [how]
 */
export function pour(socket, bytes, { most = Infinity, pauseMs = 0 } = {}) {
  let left = most;
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      const part = left < bytes.length ? bytes.subarray(0, left) : bytes;
      left -= part.length;
      if (!socket.write(part)) return;
      if (pauseMs > 0) return later(socket, pauseMs, more);
    }
    if (left <= 0) socket.end();
  };
  socket.on("drain", () => (pauseMs > 0 ? later(socket, pauseMs, more) : more()));
  more();
}
