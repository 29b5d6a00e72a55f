// @ts-check
/** The server of `scripted-server.mjs` in memory and in virtual time, by the same names. Import it before the package. */

import assert from "node:assert/strict";
import { listen, openBody } from "./memory-network.mjs";
import { setTimeout as sleep } from "node:timers/promises";
import { arrivalList, asReply, contentOf } from "./answers.mjs";

export { done, generating, inOrder, pending, rendering } from "./answers.mjs";

/**
 * @typedef {import("./answers.mjs").Reply} Reply
 * @typedef {import("./answers.mjs").Arrival} Arrival
 */

let servers = 0;

/**
 * Starts one for the duration of a test.
 * @param {{ after: (act: () => void) => void }} test or whatever else ends
 * @param {(arrival: Arrival) => unknown} script
 */
export async function scriptedServer(test, script) {
  const { arrivals, arrive, arrived } = arrivalList();
  const traffic = { inFlight: 0, maxInFlight: 0 };
  const url = `https://server-${(servers += 1)}.example`;
  const stop = listen(url, async (request) => {
    traffic.inFlight += 1;
    traffic.maxInFlight = Math.max(traffic.maxInFlight, traffic.inFlight);
    let isUnderWay = true;
    const end = () => {
      if (isUnderWay) traffic.inFlight -= 1;
      isUnderWay = false;
    };
    /** @type {() => void} */
    let leave = () => {};
    /** @type {Promise<void>} */
    const left = new Promise((resolve) => {
      leave = () => {
        if (isUnderWay) resolve();
        end();
      };
    });
    request.signal.addEventListener("abort", leave);
    const { pathname, search } = new URL(request.url);
    /** @type {Arrival} */
    const arrival = {
      number: arrivals.length + 1,
      method: request.method,
      path: pathname + search,
      headers: Object.fromEntries(request.headers),
      atMs: performance.now(),
      left,
    };
    arrive(arrival);
    const reply = asReply(await script(arrival));
    if (reply.afterMs) await sleep(reply.afterMs);
    return answer(reply, request, { end, leave });
  });
  test.after(stop);
  return {
    url,
    arrivals,
    traffic,
    arrived,
    /** Fails if another request comes within `ms`. */
    async staysQuiet(ms = 10_000) {
      const before = arrivals.length;
      await sleep(ms);
      assert.equal(arrivals.length, before, "a request followed");
    },
  };
}

/** @param {Reply} reply @param {Request} request @param {{ end: () => void, leave: () => void }} exchange */
function answer(reply, { signal }, { end, leave }) {
  const { status = 200, fault } = reply;
  if (fault === "hang") return /** @type {Promise<never>} */ (new Promise(() => {}));
  if (fault === "reset") {
    end();
    throw new TypeError("fetch failed");
  }
  const { bytes, headers } = contentOf(reply);
  if (!fault) {
    end();
    return new Response(status === 204 ? null : /** @type {BodyInit} */ (bytes), { status, headers });
  }
  const body = openBody(signal, leave);
  if (fault === "stall") body.write(bytes.slice(0, Math.ceil(bytes.length / 2)));
  if (fault === "endless") body.pour();
  if (fault === "cut") {
    body.write(bytes.slice(0, 1));
    end();
    // What was sent arrives before the end does.
    setTimeout(body.cut, 1);
  }
  return new Response(body.stream, { status, headers });
}
