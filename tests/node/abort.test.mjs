// @ts-check
/**
 * Aborting: wherever the poll stands, it rejects with the signal's own reason before the event loop turns once, and is
 * silent from then on.
 */

import { atOnce, still, took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, it } from "node:test";
import { freshPackage, VideoClient } from "./package.mjs";
import { inOrder, scriptedServer } from "./scripted-fetch.mjs";
import { deferred, QUICK, recorder, rejection, rejectionInOneTurn, SLOW, staysPending } from "./settling.mjs";
import { client, createVideo, inFlight, KEY, logWhen, staysQuiet, url } from "./virtual-simulator.mjs";

const EACH_100_MS = { minIntervalMs: 100, maxIntervalMs: 100 };

/** Resolves with the client's options when the head of answer `count` has come. @param {number} count */
function untilHead(count) {
  const head = deferred();
  let answers = 0;
  return {
    arrived: head.promise,
    /** @type {typeof fetch} */
    fetch: async (...call) => {
      const response = await fetch(...call);
      if (++answers === count) head.resolve(undefined);
      return response;
    },
  };
}

/**
 * Each brings one call to a place, and leaves it there.
 * @type {Record<string, (signal: AbortSignal, controller: AbortController, abort: () => void) => Promise<{ id: string, settled: Promise<unknown> }>>}
 */
const places = {
  async "a poll before the start"(signal, _, abort) {
    const id = await createVideo();
    abort();
    return { id, settled: client().poll(id, { signal }).done };
  },
  async "a poll while the module loads"(signal) {
    const id = await createVideo();
    const fresh = await still(freshPackage());
    const settled = new fresh.VideoClient({ apiKey: KEY, baseUrl: url }).waitForVideo(id, { signal });
    return { id, settled };
  },
  async "a poll asleep"(signal) {
    const id = await createVideo();
    const { listener, reached } = recorder();
    const settled = client().waitForVideo(id, { signal, onUpdate: listener, ...EACH_100_MS });
    await reached(() => true);
    return { id, settled };
  },
  async "a poll asleep after a failure"(signal) {
    const id = await createVideo({ scenario: "unavailable-for-ever" });
    const settled = client().waitForVideo(id, { signal, ...QUICK });
    await logWhen(id, (log) => log.requests[0]?.finished === "sent");
    return { id, settled };
  },
  async "a poll in flight"(signal) {
    const id = await createVideo({ scenario: "hang-for-ever" });
    const settled = client().waitForVideo(id, { signal, ...QUICK });
    await inFlight(id, 3);
    return { id, settled };
  },
  async "a poll in the body"(signal) {
    const id = await createVideo({ scenario: "stall-for-ever" });
    const { fetch, arrived } = untilHead(3);
    const settled = client({ fetch }).waitForVideo(id, { signal, ...QUICK });
    await arrived;
    return { id, settled };
  },
  async "one of waitForVideos in flight"(signal) {
    const id = await createVideo({ scenario: "hang-for-ever" });
    const all = client().waitForVideos([id], { signal, ...QUICK });
    await inFlight(id, 3);
    const settled = all.then(([only]) => {
      if (only?.status === "rejected") throw only.reason;
    });
    return { id, settled };
  },
  async "getStatus before the start"(signal, _, abort) {
    const id = await createVideo();
    abort();
    return { id, settled: client().getStatus(id, { signal }) };
  },
  async "getStatus while the module loads"(signal) {
    const id = await createVideo();
    const fresh = await still(freshPackage());
    return { id, settled: new fresh.VideoClient({ apiKey: KEY, baseUrl: url }).getStatus(id, { signal }) };
  },
  async "getStatus in flight"(signal) {
    const id = await createVideo({ latencyMs: 60_000 });
    const settled = client().getStatus(id, { signal });
    await inFlight(id, 1);
    return { id, settled };
  },
  async "getStatus in the body"(signal) {
    const id = await createVideo({ scenario: "stall-for-ever" });
    const { fetch, arrived } = untilHead(3);
    const stalling = client({ fetch });
    await stalling.getStatus(id);
    await stalling.getStatus(id);
    const settled = stalling.getStatus(id, { signal });
    await arrived;
    return { id, settled };
  },
};

/** @type {Record<string, (controller: AbortController) => void>} */
const reasons = {
  "the default reason": (controller) => controller.abort(),
  undefined: (controller) => controller.abort(undefined),
  "a string": (controller) => controller.abort("the user left"),
  "an Error": (controller) => controller.abort(new Error("the user left")),
  "an object": (controller) => controller.abort({ left: true }),
  null: (controller) => controller.abort(null),
};

describe("aborting", () => {
  for (const [place, reach] of Object.entries(places)) {
    for (const [reason, abortWith] of Object.entries(reasons)) {
      it(`${place} with ${reason} rejects with the reason itself, sends nothing more and leaves no listener`, async () => {
        const controller = new AbortController();
        const { signal } = controller;
        const abort = () => abortWith(controller);
        const { id, settled } = await reach(signal, controller, abort);
        abort();
        const rejectedWith = await rejectionInOneTurn(settled);
        assert.ok(Object.is(rejectedWith, signal.reason), `rejected with ${rejectedWith}`);
        assert.equal(getEventListeners(signal, "abort").length, 0);
        const { requests } = await staysQuiet(id);
        if (place.includes("start") || place.includes("loads")) assert.equal(requests.length, 0);
        if (place.includes("flight")) assert.equal(requests.at(-1)?.finished, "aborted");
      });
    }
  }

  it("without a reason gives an AbortError", async () => {
    const id = await createVideo();
    const controller = new AbortController();
    const settled = client().waitForVideo(id, { signal: controller.signal });
    controller.abort(undefined);
    const reason = await rejection(settled);
    assert.ok(reason instanceof DOMException);
    assert.equal(reason.name, "AbortError");
  });

  it("by AbortSignal.timeout rejects with its TimeoutError", async () => {
    const id = await createVideo();
    const settled = client().waitForVideo(id, { signal: AbortSignal.timeout(50), ...SLOW });
    assert.equal(await took(settled), 50);
    assert.equal((await rejection(settled)).name, "TimeoutError");
    await staysQuiet(id);
  });

  it("by AbortSignal.any rejects with the reason of the one that aborted", async () => {
    const id = await createVideo();
    const controller = new AbortController();
    const signal = AbortSignal.any([new AbortController().signal, controller.signal]);
    const settled = client().waitForVideo(id, { signal, ...SLOW });
    controller.abort("either");
    assert.equal(await rejection(settled), "either");
  });

  it("works though the given fetch ignores its signal and never answers", async () => {
    const asked = deferred();
    /** @type {any} */
    const deaf = () => {
      asked.resolve(undefined);
      return new Promise(() => {});
    };
    const controller = new AbortController();
    const settled = client({ fetch: deaf }).waitForVideo("any", { signal: controller.signal });
    await asked.promise;
    controller.abort("enough");
    assert.equal(await rejectionInOneTurn(settled), "enough");
  });

  it("of another signal does nothing", async () => {
    const id = await createVideo();
    const controller = new AbortController();
    const settled = client().waitForVideo(id, { signal: controller.signal, ...SLOW });
    new AbortController().abort();
    await staysPending(settled, SLOW.minIntervalMs);
    controller.abort();
    await rejection(settled);
  });

  it("inside onUpdate ends the poll, and no further update comes", async () => {
    const id = await createVideo();
    const controller = new AbortController();
    const { updates, listener } = recorder();
    const settled = client().waitForVideo(id, {
      signal: controller.signal,
      onUpdate: (update) => {
        listener(update);
        controller.abort("seen enough");
      },
      ...QUICK,
    });
    assert.equal(await rejection(settled), "seen enough");
    await staysQuiet(id);
    assert.equal(updates.length, 1);
  });

  it("after the end changes nothing", async () => {
    const id = await createVideo({ scenario: "quick", speed: 600 });
    const controller = new AbortController();
    const settled = client().waitForVideo(id, { signal: controller.signal, ...QUICK });
    const video = await settled;
    controller.abort();
    assert.equal(await settled, video);
  });
});

describe("a signal", () => {
  it("that outlives many polls carries no listener of any of them", async (test) => {
    const { signal } = new AbortController();
    const server = await scriptedServer(test, inOrder({ status: "DONE", url: "https://media.example/v" }));
    const own = new VideoClient({ baseUrl: server.url });
    await Promise.all(Array.from({ length: 50 }, (_, at) => own.waitForVideo(`done-${at}`, { signal })));
    await Promise.all(Array.from({ length: 50 }, (_, at) => own.getStatus(`done-${at}`, { signal })));
    await own.waitForVideos(
      Array.from({ length: 50 }, (_, at) => `many-${at}`),
      { signal },
    );
    const missing = await scriptedServer(test, inOrder(404));
    const unknown = new VideoClient({ baseUrl: missing.url });
    await Promise.allSettled(Array.from({ length: 50 }, (_, at) => unknown.waitForVideo(`no-${at}`, { signal })));
    const cancelled = own.poll("cancelled", { signal });
    cancelled.cancel();
    await rejection(cancelled.done);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  /** @type {Record<string, (own: InstanceType<typeof VideoClient>, ids: string[], signal: AbortSignal) => Promise<unknown>[]>} */
  const calls = {
    "polls with one signal": (own, ids, signal) => ids.map((id) => own.waitForVideo(id, { signal, ...SLOW })),
    "polls with a signal each": (own, ids, signal) =>
      ids.map((id) => own.waitForVideo(id, { signal: AbortSignal.any([signal]), ...SLOW })),
    "requests of getStatus with one signal": (own, ids, signal) => ids.map((id) => own.getStatus(id, { signal })),
    "videos in waitForVideos": (own, ids, signal) => {
      const all = own.waitForVideos(ids, { signal, concurrency: Infinity, ...SLOW });
      return ids.map((_, at) => all.then((each) => Promise.reject(/** @type {any} */ (each[at]).reason)));
    },
  };
  for (const [many, call] of Object.entries(calls)) {
    it(`ends forty ${many} at a time, and nobody warns of a leak`, async (test) => {
      /** @type {Error[]} */
      const warnings = [];
      const listen = (/** @type {Error} */ warning) => warnings.push(warning);
      process.on("warning", listen);
      test.after(() => process.off("warning", listen));
      const server = await scriptedServer(test, () => ({ fault: "hang" }));
      const fresh = await still(freshPackage());
      const controller = new AbortController();
      const ids = Array.from({ length: 40 }, (_, at) => `video-${at}`);
      const calls = call(new fresh.VideoClient({ baseUrl: server.url }), ids, controller.signal);
      await server.arrived(40);
      controller.abort("all of you");
      assert.deepEqual(
        await atOnce(Promise.all(calls.map(rejection))),
        ids.map(() => "all of you"),
      );
      await new Promise(setImmediate); // warnings are emitted on the next tick
      assert.deepEqual(warnings.map(String), []);
      assert.equal(getEventListeners(controller.signal, "abort").length, 0);
    });
  }
});
