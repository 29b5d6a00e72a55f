// @ts-check
/** A server of a test's own: on this machine alone, at a free port. */

import { once } from "node:events";
import { createServer } from "node:http";
import { listen } from "../../www/server/http.mjs";

/**
 * @param {import("node:http").RequestListener} listener
 * @returns {Promise<{ origin: string, close(): Promise<void> }>}
 */
export async function startServer(listener) {
  const server = createServer(listener);
  const origin = await listen(server, 0);
  return {
    origin,
    /** With whatever connections there are. */
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** An address at which nobody listens. */
export async function unusedOrigin() {
  const { origin, close } = await startServer(() => {});
  await close();
  return origin;
}
