// @ts-check
/**
 * A server on the loopback interface that answers word for word as told, for what no scenario of the
 * simulator can say: exact sequences of bodies, and the bytes of a request as they arrive. Where no socket is needed,
 * `scripted-fetch.mjs` does the same in virtual time.
 */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { reset } from "../../www/server/http.mjs";
import { startServer } from "../support/server.mjs";
import { arrivalList, asReply, contentOf } from "./answers.mjs";

export { done, generating, inOrder, pending, rendering } from "./answers.mjs";

/**
 * @typedef {import("./answers.mjs").Reply} Reply
 * @typedef {import("./answers.mjs").Arrival} Arrival
 */

/**
 * Starts one for the duration of a test.
 * @param {{ after: (act: () => unknown) => void }} test or whatever else ends
 * @param {(arrival: Arrival) => unknown} script
 */
export async function scriptedServer(test, script) {
  const { arrivals, arrive, arrived } = arrivalList();
  const traffic = { inFlight: 0, maxInFlight: 0 };
  const { origin: url, close } = await startServer(async (request, response) => {
    traffic.inFlight += 1;
    traffic.maxInFlight = Math.max(traffic.maxInFlight, traffic.inFlight);
    const left = new Promise((resolve) => {
      response.once("close", () => {
        if (response.writableEnded) return;
        traffic.inFlight -= 1;
        resolve(undefined);
      });
    });
    const { method = "", url: path = "", headers } = request;
    /** @type {Arrival} */
    const arrival = { number: arrivals.length + 1, method, path, headers, atMs: performance.now(), left };
    arrive(arrival);
    const reply = asReply(await script(arrival));
    if (reply.afterMs) await sleep(reply.afterMs);
    answer(response, reply);
    // Counted before the answer is out, or a quick caller would seem to be ahead of it.
    if (response.writableEnded) traffic.inFlight -= 1;
  });
  test.after(close);
  return {
    url,
    arrivals,
    traffic,
    arrived,
    /** Fails if another request comes within `ms`. */
    async staysQuiet(ms = 200) {
      const before = arrivals.length;
      await sleep(ms);
      assert.equal(arrivals.length, before, "a request followed");
    },
  };
}

/** @param {import("node:http").ServerResponse} response @param {Reply} reply */
function answer(response, reply) {
  const { status = 200, fault } = reply;
  if (fault === "hang") return;
  if (fault === "reset") return reset(response.socket);
  const { bytes, headers } = contentOf(reply);
  response.writeHead(status, headers);
  if (fault === "stall") return response.write(bytes.slice(0, Math.ceil(bytes.length / 2)));
  if (fault === "cut") return response.write(bytes.slice(0, 1), () => reset(response.socket));
  if (fault === "endless") return pour(response, Buffer.alloc(65_536, " "));
  response.end(status === 204 ? undefined : bytes);
}

/** Writes as long as the caller reads. @param {import("node:http").ServerResponse} response @param {Buffer} bytes */
function pour(response, bytes) {
  const more = () => {
    while (!response.destroyed && response.write(bytes));
  };
  response.on("drain", more);
  more();
}
