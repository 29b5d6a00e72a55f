// @ts-check
/** Where watchers tell that a watch is over: a server that counts, and fails as often as it is told to. */

import { after } from "node:test";
import { createServer } from "node:http";
import { EventEmitter, once } from "node:events";

/**
 * @typedef {object} Message
 * @property {string} deliveryId
 * @property {"done" | "failed"} type
 * @property {string} id
 * @property {"video" | "auto"} kind
 * @property {any} [video]
 * @property {any} [error]
 */

/** @param {(message: Message) => number} [answer] the status of the answer */
export async function startCallback(answer = () => 204) {
  /** @type {Message[]} */
  const messages = [];
  const news = new EventEmitter().setMaxListeners(0);
  /** Word for word, with the headers. @type {string[]} */
  const seen = [];
  /** @type {{ headers: Headers, body: string }[]} */
  const requests = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    seen.push(JSON.stringify(request.headers) + text);
    requests.push({ headers: new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)])), body: text });
    const message = JSON.parse(text);
    messages.push(message);
    news.emit("message");
    response.writeHead(answer(message)).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}/ended`,
    messages,
    seen,
    requests,
    /** The messages about a video, once there are so many. @param {string} id @param {number} [count] */
    async about(id, count = 1) {
      for (;;) {
        const found = messages.filter((message) => message.id === id);
        if (found.length >= count) return found;
        await once(news, "message");
      }
    },
  };
}
