// @ts-check
/**
 * Requests as bytes, because fetch tidies them up before it sends them, and a record of every answer
 * as bytes, because a key could hide anywhere in one.
 */

import { once } from "node:events";
import { connect } from "node:net";

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Map<string, string>} headers
 * @property {string} body
 */

/** All answers so far, word for word. @type {string[]} */
export const seen = [];

/**
 * Sends a request and does not wait.
 * @param {string} origin
 * @param {string} target as it stands in the first line
 * @param {{ method?: string, headers?: Record<string, string>, body?: string }} [options]
 */
export function open(origin, target, { method = "GET", headers = {}, body } = {}) {
  const { hostname, port, host } = new URL(origin);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries({
    host,
    connection: "close",
    ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`);
  /** @type {Buffer[]} */
  const chunks = [];
  socket.on("data", (chunk) => {
    chunks.push(chunk);
    // The host keeps a connection that was to become another.
    if ("upgrade" in headers && isWhole(Buffer.concat(chunks))) socket.destroy();
  });
  const answer = once(socket, "close").then(() => {
    const bytes = Buffer.concat(chunks);
    seen.push(bytes.toString("utf8"));
    return parse(bytes);
  });
  answer.catch(() => {}); // who leaves does not listen
  return { answer, leave: () => void socket.destroy() };
}

/**
 * Sends a request; its answer.
 * @param {string} origin
 * @param {string} target
 * @param {Parameters<typeof open>[2]} [options]
 */
export function send(origin, target, options) {
  return open(origin, target, options).answer;
}

/** @param {Buffer} bytes @returns {Answer} */
function parse(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) throw new Error(`no answer but ${JSON.stringify(bytes.toString("latin1"))}`);
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const [name = "", ...value] = line.split(":");
      return [name.toLowerCase(), value.join(":").trim()];
    }),
  );
  const rest = bytes.subarray(end + 4);
  const body = headers.get("transfer-encoding") === "chunked" ? unchunked(rest) : rest;
  return { status: Number(first.split(" ")[1]), headers, body: body.toString("utf8") };
}

/** Whether these are all headers, and a body as long as they say. @param {Buffer} bytes */
function isWhole(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  return end >= 0 && bytes.length >= end + 4 + Number(/^content-length: *(\d+)/im.exec(bytes.subarray(0, end).toString("latin1"))?.[1] ?? 0);
}

/** @param {Buffer} bytes */
function unchunked(bytes) {
  const parts = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf("\r\n", at);
    const length = end < 0 ? 0 : Number.parseInt(bytes.subarray(at, end).toString("latin1"), 16);
    if (!length) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}
