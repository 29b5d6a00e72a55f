// @ts-check
/** The poller as an async iterator. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, rendering, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, recorder, rejection, SLOW, within } from "./settling.mjs";
import { client, createVideo, logWhen, staysQuiet } from "./virtual-simulator.mjs";

describe("the async iterator", () => {
  /** @param {import("node:test").TestContext} test @param {unknown[]} answers */
  const pollOf = async (test, ...answers) => {
    const server = await scriptedServer(test, inOrder(...answers));
    return new VideoClient({ baseUrl: server.url }).poll("v", QUICK);
  };
  /** @param {AsyncIterable<import("./package.mjs").VideoUpdate>} poll */
  const collect = async (poll) => {
    const updates = [];
    for await (const update of poll) updates.push(update);
    return updates;
  };

  it("gives each update to a quick reader, and ends after DONE", async (test) => {
    const poll = await pollOf(test, pending, pending, generating(1), rendering(0.5), done);
    const updates = await within(3_000, collect(poll));
    assert.deepEqual(
      updates.map(({ status }) => status),
      ["PENDING", "GENERATING_VIDEO", "RENDERING_VIDEO", "DONE"],
    );
    assert.equal(updates.at(-1), await poll.done);
  });

  it("stays ended", async (test) => {
    const poll = await pollOf(test, done);
    const iterator = poll[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).value?.status, "DONE");
    for (let again = 0; again < 3; again += 1)
      assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  });

  it("gives DONE to whoever begins after the end", async (test) => {
    const poll = await pollOf(test, pending, done);
    const video = await poll.done;
    assert.deepEqual(await collect(poll), [video]);
  });

  it("throws what done rejects with: a failure", async () => {
    const poll = client().poll(await createVideo({ scenario: "failed", speed: 600 }), QUICK);
    const thrown = await within(5_000, rejection(collect(poll)));
    assert.equal(thrown, await failure(poll.done, "video_failed"));
  });

  it("throws what done rejects with: a reason", async () => {
    const controller = new AbortController();
    const poll = client().poll(await createVideo(), { signal: controller.signal, ...SLOW });
    const reading = collect(poll);
    controller.abort("the user left");
    assert.equal(await rejection(reading), "the user left");
    assert.equal(await rejection(collect(poll)), "the user left");
  });

  it("throws once, and is at its end then", async () => {
    const poll = client().poll("");
    const iterator = poll[Symbol.asyncIterator]();
    const thrown = await rejection(iterator.next());
    assert.equal(thrown, await failure(poll.done, "invalid_argument"));
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  });

  it("gives a slow reader the newest update, not a backlog", async (test) => {
    const poll = await pollOf(
      test,
      pending,
      ...[0, 1, 2, 3].map((ready) => generating(ready)),
      rendering(0.1),
      rendering(0.9),
      done,
    );
    const seen = [];
    for await (const update of poll) {
      seen.push(update.status);
      await poll.done;
    }
    assert.deepEqual(seen, ["PENDING", "DONE"]);
  });

  /** @type {Record<string, (poll: import("../../pkg/dist/index.js").VideoPoller) => Promise<unknown>>} */
  const waysOut = {
    break: async (poll) => {
      for await (const _ of poll) break;
    },
    throw: async (poll) => {
      for await (const _ of poll) throw new Error("mine");
    },
    "return()": (poll) => poll[Symbol.asyncIterator]().return?.() ?? assert.fail("there is no return"),
  };
  for (const [way, leave] of Object.entries(waysOut)) {
    it(`leaving the loop by ${way} leaves the poll`, async () => {
      const id = await createVideo({ scenario: "pending-for-ever" });
      const poll = client().poll(id, QUICK);
      await Promise.allSettled([leave(poll)]);
      const reason = await within(1_000, rejection(poll.done));
      assert.ok(reason instanceof DOMException && reason.name === "AbortError");
      await staysQuiet(id);
    });
  }

  it("return() settles a next() that waits", async () => {
    const poll = client().poll(await createVideo({ latencyMs: 60_000 }), SLOW);
    const iterator = poll[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await iterator.return?.();
    assert.deepEqual(await within(1_000, waiting), { done: true, value: undefined });
  });

  it("return() after DONE leaves done as it is", async (test) => {
    const poll = await pollOf(test, done);
    for await (const _ of poll) break;
    assert.equal((await poll.done).status, "DONE");
  });

  it("may be used twice at a time, and each reader sees all", async (test) => {
    const poll = await pollOf(test, pending, generating(1), done);
    const [one, other] = await within(3_000, Promise.all([collect(poll), collect(poll)]));
    assert.deepEqual(one, other);
    assert.equal(one?.length, 3);
  });

  it("answers next() calls that do not wait for each other", async (test) => {
    const poll = await pollOf(test, pending, generating(1), done);
    const iterator = poll[Symbol.asyncIterator]();
    const results = await within(3_000, Promise.all([1, 2, 3, 4, 5].map(() => iterator.next())));
    assert.deepEqual(
      results.map(({ done, value }) => [done, value?.status]),
      [
        [false, "PENDING"],
        [false, "GENERATING_VIDEO"],
        [false, "DONE"],
        [true, undefined],
        [true, undefined],
      ],
    );
  });

  it("goes beside a subscriber", async () => {
    const id = await createVideo({ speed: 600 });
    const { updates, listener } = recorder();
    const poll = client().poll(id, { onUpdate: listener, ...QUICK });
    const read = await collect(poll);
    assert.ok(read.every((update) => updates.includes(update)));
    assert.equal(read.at(-1), updates.at(-1));
    await logWhen(id, (log) => log.inFlight === 0);
  });
});
