// @ts-check
/**
 * Over real sockets, what the network in memory of the other tests only plays: that Node's own fetch ends each kind of
 * trouble as it should, and that a server sees a caller leave. Nothing here is about when.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unusedOrigin } from "../support/server.mjs";
import { VideoClient } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-server.mjs";
import { deferred, failure, QUICK, rejection } from "./settling.mjs";

const TWICE = { ...QUICK, maxConsecutiveFailures: 2 };

describe("over a socket a poll", () => {
  it("leaves a body without an end, which the server sees", async (test) => {
    const server = await scriptedServer(test, () => ({ fault: "endless" }));
    const own = new VideoClient({ baseUrl: server.url });
    await failure(own.waitForVideo("v", TWICE), "bad_response");
    for (const number of [1, 2]) await (await server.arrived(number)).left;
  });

  /** @type {Record<string, import("./scripted-server.mjs").Reply>} */
  const BROKEN = {
    "a reset connection": { fault: "reset" },
    "a body that is cut off": { fault: "cut", body: pending },
  };
  for (const [name, reply] of Object.entries(BROKEN)) {
    it(`tries again after ${name}`, async (test) => {
      const server = await scriptedServer(test, ({ number }) => (number < 3 ? reply : done));
      const video = await new VideoClient({ baseUrl: server.url }).waitForVideo("v", QUICK);
      assert.equal(video.status, "DONE");
    });
  }

  it('that nobody listens to ends with "network"', async () => {
    await failure(new VideoClient({ baseUrl: await unusedOrigin() }).waitForVideo("v", TWICE), "network");
  });

  it("follows no redirect", async (test) => {
    const elsewhere = await scriptedServer(test, inOrder(done));
    const server = await scriptedServer(test, () => ({ status: 307, headers: { location: elsewhere.url } }));
    const own = new VideoClient({ baseUrl: server.url, apiKey: "sk-live-0123456789" });
    await failure(own.waitForVideo("v", QUICK), "redirected");
    await failure(own.getStatus("v"), "redirected");
    assert.deepEqual([server.arrivals.length, elsewhere.arrivals.length], [2, 0]);
  });

  /** @type {Record<string, import("./scripted-server.mjs").Reply>} */
  const ENDLESS = {
    "no byte at all": { fault: "hang" },
    "half a body and no more": { fault: "stall", body: pending },
  };
  for (const [place, reply] of Object.entries(ENDLESS)) {
    it(`that is aborted at ${place} leaves it, which the server sees`, async (test) => {
      const server = await scriptedServer(test, () => reply);
      const controller = new AbortController();
      const head = deferred();
      const own = new VideoClient({
        baseUrl: server.url,
        fetch: async (...call) => {
          const response = await fetch(...call);
          head.resolve(undefined);
          return response;
        },
      });
      const calls = [own.waitForVideo("v", { signal: controller.signal }), own.getStatus("v", { signal: controller.signal })];
      await server.arrived(2);
      if (reply.fault === "stall") await head.promise;
      controller.abort("enough");
      assert.deepEqual(await Promise.all(calls.map(rejection)), ["enough", "enough"]);
      for (const { left } of server.arrivals) await left;
    });
  }
});
