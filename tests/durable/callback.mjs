// @ts-check
/** Where watchers tell that a watch is over: a server that counts, and fails as often as it is told to. */

import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "node:http";
import { once } from "node:events";

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
  /** Word for word, with the headers. @type {string[]} */
  const seen = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    seen.push(JSON.stringify(request.headers) + text);
    const message = JSON.parse(text);
    messages.push(message);
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
    /** The messages about a video, once there are so many. @param {string} id @param {number} [count] @param {number} [ms] */
    async about(id, count = 1, ms = 20_000) {
      for (const giveUp = Date.now() + ms; Date.now() < giveUp;) {
        const found = messages.filter((message) => message.id === id);
        if (found.length >= count) return found;
        await sleep(10);
      }
      return assert.fail(`not told ${count} times of ${id}: ${JSON.stringify(messages).slice(0, 2_000)}`);
    },
  };
}
