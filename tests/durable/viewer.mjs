// @ts-check
/**
 * Those who watch: over server-sent events or a WebSocket, as bytes on a socket, so that the tests see what is sent
 * and not what some client makes of it. Each keeps what it was told.
 */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { get, request } from "node:http";

/**
 * @typedef {object} Told
 * @property {string} id
 * @property {"update" | "done" | "failed"} type
 * @property {any} [update]
 * @property {any} [error]
 *
 * @typedef {object} Viewing
 * @property {Told[]} told
 * @property {Promise<number | undefined>} over the code that a WebSocket was closed with
 * @property {() => void} leave
 *
 * @typedef {Viewing & { pongs: () => number, say: (text: string) => void }} Speaking
 */

/**
 * Opens a stream of server-sent events.
 * @param {string} url
 * @param {string} [lastEventId]
 * @returns {Promise<Viewing>}
 */
export async function stream(url, lastEventId) {
  const asked = get(url, { agent: false, headers: lastEventId === undefined ? {} : { "last-event-id": lastEventId } });
  /** @type {[import("node:http").IncomingMessage]} */
  const [response] = /** @type {any} */ (await once(asked, "response"));
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers["content-type"], "text/event-stream; charset=utf-8");
  /** @type {Told[]} */
  const told = [];
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (/** @type {string} */ chunk) => {
    const blocks = (text + chunk).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      // A comment, with how soon to come back.
      if (block.startsWith(":")) continue;
      const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      assert.deepEqual(Object.keys(fields), ["id", "event", "data"]);
      const data = JSON.parse(fields.data ?? "");
      assert.deepEqual([data.id, data.type], [fields.id, fields.event]);
      told.push(data);
    }
  });
  const over = new Promise((resolve) => response.once("close", () => resolve(undefined)));
  response.on("error", () => {});
  return { told, over, leave: () => void asked.destroy() };
}

/**
 * Opens a WebSocket.
 * @param {string} url
 * @param {string} [lastEventId]
 * @returns {Promise<Speaking>}
 */
export async function socket(url, lastEventId) {
  const asked = request(lastEventId === undefined ? url : `${url}?lastEventId=${encodeURIComponent(lastEventId)}`, {
    agent: false,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": randomBytes(16).toString("base64"),
    },
  });
  asked.once("response", (response) => asked.destroy(new Error(`no WebSocket but ${response.statusCode}`)));
  asked.end();
  /** @type {[unknown, import("node:net").Socket, Buffer]} */
  const [, wire, head] = /** @type {any} */ (await once(asked, "upgrade"));
  /** @type {Told[]} */
  const told = [];
  /** @type {(code: number | undefined) => void} */
  let ended = () => {};
  const over = new Promise((resolve) => (ended = resolve));
  let bytes = head;
  let message = "";
  let pongs = 0;
  const read = () => {
    for (let frame = first(bytes); frame; frame = first(bytes)) {
      bytes = frame.rest;
      if (frame.opcode === 8) {
        ended(frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005);
        // The same back, masked with zeros.
        wire.end(Buffer.concat([Buffer.from([0x88, 0x80 | frame.payload.length, 0, 0, 0, 0]), frame.payload]));
        return;
      }
      if (frame.opcode > 2) continue;
      message += frame.payload.toString("utf8");
      if (!frame.isLast) continue;
      if (message === "pong") pongs += 1;
      else told.push(JSON.parse(message));
      message = "";
    }
  };
  wire.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    read();
  });
  wire.on("error", () => {});
  wire.once("close", () => ended(undefined));
  read();
  /** A short text, masked with zeros. @param {string} text */
  const say = (text) => void wire.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]));
  return { told, over, leave: () => void wire.destroy(), pongs: () => pongs, say };
}

/**
 * What a viewer is told to the end of the watch, who comes back with the last event id whenever the connection is over.
 * @param {(url: string, lastEventId?: string) => Promise<Viewing>} open
 * @param {string} url
 * @param {string} [lastEventId]
 */
export async function toTheEnd(open, url, lastEventId) {
  /** @type {Told[]} */
  const told = [];
  let connections = 0;
  do {
    const viewing = await open(url, told.at(-1)?.id ?? lastEventId);
    await viewing.over;
    assert.ok(viewing.told.length > 0, "each connection gets on");
    told.push(...viewing.told);
    connections += 1;
  } while (told.at(-1)?.type === "update");
  return { told, connections };
}

/** The first whole frame of what a server sent. @param {Buffer} bytes */
function first(bytes) {
  if (bytes.length < 2) return undefined;
  const [start = 0, size = 0] = bytes;
  const extra = size === 126 ? 2 : size === 127 ? 8 : 0;
  if (bytes.length < 2 + extra) return undefined;
  const length = extra === 2 ? bytes.readUInt16BE(2) : extra === 8 ? Number(bytes.readBigUInt64BE(2)) : size;
  const from = 2 + extra;
  if (bytes.length < from + length) return undefined;
  return { opcode: start & 15, isLast: start >= 128, payload: bytes.subarray(from, from + length), rest: bytes.subarray(from + length) };
}

/** The number of a change within its watch. @param {Told} told */
export function numberOf({ id }) {
  return Number(id.slice(id.lastIndexOf("-") + 1));
}
