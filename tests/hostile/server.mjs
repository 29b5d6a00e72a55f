// @ts-check
/**
 * A server whose every byte is chosen by the situation that is played, since an HTTP library would refuse to
 * send most of them. It also serves the pages and the package, so that a browser needs no CORS, and it keeps
 * whatever it hears. It must never listen beyond the loopback interface.
 */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { extname, join, normalize } from "node:path";
import { text } from "./wire.mjs";

/** @typedef {import("node:net").Socket} Socket */

/**
 * @typedef {object} Heard
 * @property {number} number from 1
 * @property {string} head all of the request, byte for byte
 * @property {number} atMs
 *
 * @typedef {object} Play what a video's id stands for
 * @property {(socket: Socket, heard: Heard) => void} serve
 * @property {((socket: Socket) => void) | undefined} accept what happens to a connection before any request; such a play goes on alone
 *
 * @typedef {object} Record
 * @property {Heard[]} heard
 * @property {number} taken most bytes that went out through one of its connections
 */

const PREFIX = "/api/video-editor/generate/video/";
/** No request of the package is longer. */
const LONGEST = 65_536;
const TYPES = /** @type {{ [extension: string]: string }} */ ({
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
});

/**
 * @param {(id: string) => Play | undefined} cast finds the play of a video's id
 * @param {{ [prefix: string]: string }} folders served as files, by the beginning of their paths
 */
export async function startHostileServer(cast, folders) {
  /** @type {Map<string, Record>} */
  const records = new Map();
  /** Requests that nobody should have sent. @type {string[]} */
  const strays = [];
  /** @type {Set<Socket>} */
  const open = new Set();
  /** @type {((socket: Socket) => void) | undefined} */
  let accept;

  const recordOf = (/** @type {string} */ id) => {
    let record = records.get(id);
    if (!record) records.set(id, (record = { heard: [], taken: 0 }));
    return record;
  };

  /** @param {Socket} socket @param {string} head */
  async function answer(socket, head) {
    const [, method = "", target = ""] = /^(\S+) (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    if (method === "GET" && target.startsWith(PREFIX)) {
      const id = decodeURIComponent(target.slice(PREFIX.length));
      const play = cast(id);
      if (play) {
        const record = recordOf(id);
        const heard = { number: record.heard.length + 1, head, atMs: performance.now() };
        record.heard.push(heard);
        const before = socket.bytesWritten;
        socket.once("close", () => {
          record.taken = Math.max(record.taken, socket.bytesWritten - before);
        });
        return void play.serve(socket, heard);
      }
    }
    const bytes = method === "GET" ? await fileOf(target) : undefined;
    // Browsers look for an icon by themselves.
    if (!bytes && target !== "/favicon.ico") strays.push(head);
    const type = TYPES[extname(target)] ?? "text/html; charset=utf-8";
    socket.end(Buffer.concat([Buffer.from(text(bytes ? 200 : 404, bytes ?? "", { "content-type": type })), bytes ?? Buffer.of()]));
  }

  /** @param {string} target */
  async function fileOf(target) {
    const path = normalize(target);
    for (const [prefix, folder] of Object.entries(folders)) {
      if (path.startsWith(prefix)) return readFile(join(folder, path.slice(prefix.length))).catch(() => undefined);
    }
    return undefined;
  }

  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => {}); // whatever becomes of a connection is the client's to tell
    accept?.(socket);
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (part) => {
      received += part;
      for (let end; (end = received.indexOf("\r\n\r\n")) >= 0; ) {
        const head = received.slice(0, end + 4);
        received = received.slice(end + 4);
        void answer(socket, head);
      }
      if (received.length > LONGEST) socket.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${port}`,
    strays,
    recordOf,
    records,
    /** From now on this happens to each connection when it opens. @param {((socket: Socket) => void) | undefined} act */
    onAccept(act) {
      accept = act;
    },
    /** Ends all connections, whatever was left in them. */
    disconnect() {
      for (const socket of open) socket.destroy();
    },
    async stop() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, "close");
    },
  };
}

/** Another origin: it welcomes whoever comes, and keeps what they bring. Nothing should ever come. */
export async function startElsewhere() {
  /** @type {string[]} */
  const reached = [];
  /** @type {Set<Socket>} */
  const open = new Set();
  const lie = JSON.stringify({ status: "DONE", url: "https://elsewhere.example/wrong.webm" });
  const server = createServer((socket) => {
    const at = reached.push("") - 1;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => {});
    socket.setEncoding("latin1");
    socket.on("data", (part) => {
      const bytes = `${reached[at]}${part}`;
      reached[at] = bytes;
      const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
      if (bytes.includes("\r\n\r\n")) socket.end(text(200, lie, headers) + lie);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${port}`,
    /** What each connection brought. */
    reached,
    async stop() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, "close");
    },
  };
}
