// @ts-check
/** The API as a proxy finds it, on a loopback address: each video has its script, and whatever arrives is written down. */

import { after } from "node:test";
import { done, scriptedServer } from "../node/scripted-server.mjs";

export { done } from "../node/scripted-server.mjs";

/** Where videos are, under any host. */
export const BASE = "/api/video-editor/generate/video";
/** The key that the proxies have. */
export const KEY = "sk-live/0123456789+abcdef";

let videos = 0;

/** An upstream for the file that asks for it. */
export async function startUpstream() {
  /** @type {Map<string, (arrival: import("../node/scripted-server.mjs").Arrival) => unknown>} */
  const scripts = new Map();
  const server = await scriptedServer({ after }, (arrival) => (scripts.get(arrival.path) ?? (() => done))(arrival));
  /** What a video answers: an answer, or a function that gives one. @param {string} id @param {unknown} reply */
  const script = (id, reply) =>
    void scripts.set(`${BASE}/${id}`, typeof reply === "function" ? /** @type {any} */ (reply) : () => reply);
  return {
    url: server.url,
    arrivals: server.arrivals,
    /**
     * A new video; its id. `reply` is an answer, or a function that gives one.
     * @param {unknown} [reply]
     * @param {"video" | "auto"} [kind]
     */
    video(reply = done, kind = "video") {
      videos += 1;
      const id = `video-${videos}`;
      script(kind === "auto" ? `auto/${id}` : id, reply);
      return id;
    },
    script,
    /** The requests for a video so far. @param {string} id */
    askedFor: (id) => server.arrivals.filter(({ path }) => [`${BASE}/${id}`, `${BASE}/auto/${id}`].includes(path)),
    /** The paths that arrived while `act` ran. @param {() => Promise<unknown>} act */
    async pathsDuring(act) {
      const before = server.arrivals.length;
      await act();
      return server.arrivals.slice(before).map(({ path }) => path);
    },
  };
}
