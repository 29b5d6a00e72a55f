// @ts-check
/** What a poll tells: to onUpdate, to subscribers and as `current`. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, rendering, scriptedServer } from "./scripted-fetch.mjs";
import { QUICK, recorder, rejection, SLOW, within } from "./settling.mjs";
import { client, createVideo } from "./virtual-simulator.mjs";

/**
 * Polls a server that gives these answers in order, and returns all updates.
 * @param {import("node:test").TestContext} test
 * @param {unknown[]} answers
 */
async function updatesOf(test, ...answers) {
  const server = await scriptedServer(test, inOrder(...answers));
  const { updates, listener } = recorder();
  const settled = new VideoClient({ baseUrl: server.url }).waitForVideo("v", { onUpdate: listener, ...QUICK });
  await within(5_000, Promise.allSettled([settled]));
  return { updates, settled, requests: server.arrivals.length };
}

describe("updates", () => {
  it("are the first status, then changes only: time and the count of requests are none", async (test) => {
    const answers = [
      pending,
      pending,
      generating(0),
      generating(1),
      generating(1),
      generating(1),
      rendering(0.1),
      rendering(0.1),
      done,
    ];
    const { updates, requests } = await updatesOf(test, ...answers);
    assert.equal(requests, answers.length);
    assert.deepEqual(
      updates.map(({ status, requests }) => [status, requests]),
      [
        ["PENDING", 1],
        ["GENERATING_VIDEO", 3],
        ["GENERATING_VIDEO", 4],
        ["RENDERING_VIDEO", 7],
        ["DONE", 9],
      ],
    );
  });

  it("tell that a failure is being retried, and that it is over", async (test) => {
    const { updates } = await updatesOf(test, pending, 500, 500, { fault: "reset" }, "<html>", 429, pending, done);
    assert.deepEqual(
      updates.map(({ status, retrying }) => [status, retrying]),
      [
        ["PENDING", undefined],
        ["PENDING", "http"],
        ["PENDING", "network"],
        ["PENDING", "bad_response"],
        ["PENDING", "rate_limited"],
        ["PENDING", undefined],
        ["DONE", undefined],
      ],
    );
  });

  it("begin with the first status, not with a failure before it", async (test) => {
    const { updates } = await updatesOf(test, 500, 500, pending, done);
    assert.deepEqual(
      updates.map(({ status }) => status),
      ["PENDING", "DONE"],
    );
  });

  it("never let overall fall, and give 1 for DONE alone", async (test) => {
    const { updates } = await updatesOf(
      test,
      pending,
      generating(3),
      pending,
      generating(1),
      rendering(0.9),
      rendering(0.2),
      { status: "NEW" },
      rendering(100),
      rendering(1),
      done,
    );
    const overall = updates.map((update) => update.overall);
    assert.deepEqual(
      overall,
      [...overall].sort((a, b) => a - b),
    );
    assert.ok(overall.every((share) => share >= 0 && share <= 1));
    assert.deepEqual(
      overall.map((share) => share === 1),
      updates.map(({ status }) => status === "DONE"),
    );
  });

  it("give progress as 0 to 1 on either scale", async (test) => {
    const shares = async (/** @type {number[]} */ ...wire) => {
      const { updates } = await updatesOf(test, ...wire.map(rendering), done);
      return updates.flatMap((update) => (update.status === "RENDERING_VIDEO" ? [update.progress] : []));
    };
    assert.deepEqual(await shares(0.25, 0.5, 1), [0.25, 0.5, 1]);
    assert.deepEqual(await shares(25, 50, 100), [0.25, 0.5, 1]);
    assert.deepEqual(await shares(1, 50, 100), [0.01, 0.5, 1]);
  });

  it("carry clips and credits forward when the server omits them", async (test) => {
    const { updates } = await updatesOf(test, generating(4), rendering(0.5), { ...done, creditsUsed: 40 });
    for (const update of updates) {
      assert.equal(update.generatedContent.length, 4);
      assert.equal(update.creditsTotal, 90);
    }
    assert.deepEqual(
      updates.map(({ creditsUsed }) => creditsUsed),
      [10, 10, 40],
    );
  });

  it("replace the clips by an empty list that the server does send", async (test) => {
    const { updates } = await updatesOf(test, generating(4), generating(0, 0), done);
    assert.deepEqual(
      updates.map(({ generatedContent }) => generatedContent.length),
      [4, 0, 0],
    );
  });

  it("hold the body as the server sent it, fields unknown to us and all", async (test) => {
    const body = { ...done, extra: { deep: [1, "two", null, { three: 3.5 }] }, id: 7, ключ: "é\u2028" };
    const { updates } = await updatesOf(test, body);
    assert.deepEqual(updates[0]?.raw, body);
    assert.equal(updates[0]?.status === "DONE" && updates[0].id, "7");
  });

  it("name a status that nobody knows UNRECOGNIZED, and go on", async (test) => {
    const { updates } = await updatesOf(
      test,
      { status: "POLISHING", generatedContent: [{ status: "cancelled" }] },
      done,
    );
    const [first] = updates;
    assert.ok(first?.status === "UNRECOGNIZED");
    assert.equal(first.rawStatus, "POLISHING");
    assert.equal(first.generatedContent[0]?.status, "unrecognized");
  });

  it("end with the one that done resolves with", async (test) => {
    const { updates, settled } = await updatesOf(test, pending, done);
    assert.equal(updates.at(-1), await settled);
    assert.deepEqual({ .../** @type {any} */ (await settled) }.videoId, "v");
  });

  it("include the ERROR that ends the poll", async (test) => {
    const { updates, settled } = await updatesOf(test, pending, { status: "ERROR", message: "out of film" });
    const last = updates.at(-1);
    assert.ok(last?.status === "ERROR");
    assert.equal(last.message, "out of film");
    assert.equal((await rejection(settled)).last, last);
  });

  it("estimate the time left once there is ground for it, and never below 0", async () => {
    const id = await createVideo({ speed: 600 });
    const { updates, listener } = recorder();
    await client().waitForVideo(id, { onUpdate: listener, ...QUICK });
    const estimates = updates.flatMap(({ remainingMs }) => (remainingMs === undefined ? [] : [remainingMs]));
    assert.ok(estimates.length > 0);
    assert.ok(estimates.every((ms) => ms >= 0));
    assert.equal(updates[0]?.remainingMs, undefined);
  });
});

describe("subscribe and current", () => {
  /** @param {import("node:test").TestContext} test @param {unknown[]} answers */
  const pollOf = async (test, ...answers) => {
    const server = await scriptedServer(test, inOrder(...answers));
    return new VideoClient({ baseUrl: server.url }).poll("v", QUICK);
  };

  it("current stays the same object until there is a new update", async (test) => {
    const poll = await pollOf(test, pending, pending, pending, pending, generating(1), generating(1), done);
    assert.equal(poll.current, undefined);
    /** @type {unknown[]} */
    const told = [];
    const seen = new Set();
    poll.subscribe((update) => {
      told.push(update);
      assert.equal(poll.current, update);
    });
    const looking = setInterval(() => poll.current && seen.add(poll.current), 1);
    const video = await poll.done;
    clearInterval(looking);
    assert.equal(poll.current, video);
    seen.add(poll.current);
    assert.equal(told.length, 3);
    assert.ok([...seen].every((update) => told.includes(update)));
  });

  it("fit useSyncExternalStore: a snapshot is stable, changes before the call, and no change is missed", async (test) => {
    const poll = await pollOf(test, pending, generating(1), generating(1), rendering(0.5), done);
    const getSnapshot = () => poll.current;
    let rendered = getSnapshot();
    /** @type {unknown[]} */
    const renders = [];
    const unsubscribe = poll.subscribe(() => {
      assert.notEqual(getSnapshot(), rendered, "called without a change");
      assert.equal(getSnapshot(), getSnapshot());
      rendered = getSnapshot();
      renders.push(rendered);
    });
    await poll.done;
    assert.equal(renders.length, 4);
    assert.equal(getSnapshot(), rendered);
    unsubscribe();
  });

  it("unsubscribing stops the calls, may be repeated, and leaves others", async (test) => {
    const poll = await pollOf(test, pending, generating(1), generating(2), done);
    const gone = recorder();
    const stays = recorder();
    const unsubscribe = poll.subscribe((update) => {
      gone.listener(update);
      unsubscribe();
      unsubscribe();
    });
    poll.subscribe(stays.listener);
    await poll.done;
    assert.deepEqual([gone.updates.length, stays.updates.length], [1, 4]);
  });

  it("the same listener twice is called twice, and leaves one at a time", async (test) => {
    const poll = await pollOf(test, pending, generating(1), done);
    const { updates, listener } = recorder();
    const leave = poll.subscribe(listener);
    poll.subscribe(listener);
    poll.subscribe(({ status }) => status === "PENDING" && leave());
    await poll.done;
    assert.equal(updates.length, 2 + 1 + 1);
  });

  it("a listener that leaves during an update is not called any more, and none is skipped for it", async (test) => {
    const poll = await pollOf(test, pending, done);
    const [second, third] = [recorder(), recorder()];
    /** @type {() => void} */
    let leave = () => {};
    poll.subscribe(() => leave());
    leave = poll.subscribe(second.listener);
    poll.subscribe(third.listener);
    await poll.done;
    assert.deepEqual([second.updates.length, third.updates.length], [0, 2]);
  });

  it("a subscriber who comes later hears what is new from then on", async (test) => {
    const poll = await pollOf(test, pending, generating(1), done);
    const late = recorder();
    poll.subscribe(({ status }) => {
      if (status === "PENDING") poll.subscribe(late.listener);
    });
    await poll.done;
    assert.deepEqual(
      late.updates.map(({ status }) => status),
      ["GENERATING_VIDEO", "DONE"],
    );
  });

  it("subscribing after the end is harmless", async (test) => {
    const poll = await pollOf(test, done);
    await poll.done;
    const unsubscribe = poll.subscribe(() => assert.fail("called"));
    unsubscribe();
  });

  it("nothing is heard after cancel", async () => {
    const poll = client().poll(await createVideo({ scenario: "pending-for-ever" }), QUICK);
    const { updates, listener, reached } = recorder();
    poll.subscribe(listener);
    await reached(() => true);
    poll.cancel();
    const heard = updates.length;
    await rejection(poll.done);
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    assert.equal(updates.length, heard);
  });
});

describe("a listener that throws", () => {
  const thrown = [new Error("from a listener"), "a text", undefined, null];

  /** Collects what is reported, in the way the host has for it. @param {import("node:test").TestContext} test @param {boolean} hasReportError */
  const reports = (test, hasReportError) => {
    /** @type {unknown[]} */
    const reported = [];
    const report = (/** @type {unknown[]} */ ...values) => void reported.push(values.at(-1));
    test.mock.method(console, "error", hasReportError ? () => assert.fail("console.error was called") : report);
    if (hasReportError) {
      globalThis.reportError = report;
      test.after(() => Reflect.deleteProperty(globalThis, "reportError"));
    }
    return reported;
  };

  for (const hasReportError of [true, false]) {
    it(`is reported ${hasReportError ? "to reportError" : "to the console"}, and the poll goes on to its end`, async (test) => {
      const reported = reports(test, hasReportError);
      const server = await scriptedServer(test, inOrder(pending, generating(1), generating(2), done));
      let calls = 0;
      const onUpdate = () => {
        throw thrown[calls++];
      };
      const video = await new VideoClient({ baseUrl: server.url }).waitForVideo("v", { onUpdate, ...QUICK });
      assert.equal(video.status, "DONE");
      assert.deepEqual(reported, thrown);
    });
  }

  it("keeps neither other listeners nor an iterator from their updates", async (test) => {
    const reported = reports(test, false);
    const server = await scriptedServer(test, inOrder(pending, done));
    const poll = new VideoClient({ baseUrl: server.url }).poll("v", {
      ...QUICK,
      onUpdate: () => {
        throw "first";
      },
    });
    const { updates, listener } = recorder();
    poll.subscribe(() => {
      throw "second";
    });
    poll.subscribe(listener);
    for await (const update of poll) assert.ok(update.status);
    assert.equal(updates.length, 2);
    assert.deepEqual(reported, ["first", "second", "first", "second"]);
  });

  it("of one poll does not touch another poll of the same video", async (test) => {
    reports(test, false);
    const server = await scriptedServer(test, inOrder(pending, done));
    const own = new VideoClient({ baseUrl: server.url });
    const throwing = own.waitForVideo("v", {
      ...QUICK,
      onUpdate: () => {
        throw new Error("mine");
      },
    });
    const { updates, listener } = recorder();
    await Promise.all([throwing, own.waitForVideo("v", { onUpdate: listener, ...QUICK })]);
    assert.equal(updates.at(-1)?.status, "DONE");
  });

  it("because it is async and rejects is reported too, and is no unhandled rejection", async (test) => {
    const reported = reports(test, false);
    /** @type {unknown[]} */
    const unhandled = [];
    const listen = (/** @type {unknown} */ reason) => unhandled.push(reason);
    process.on("unhandledRejection", listen);
    test.after(() => process.off("unhandledRejection", listen));
    const server = await scriptedServer(test, inOrder(pending, done));
    await new VideoClient({ baseUrl: server.url }).waitForVideo("v", {
      ...QUICK,
      onUpdate: async () => Promise.reject("later"),
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(unhandled, []);
    assert.deepEqual(reported, ["later", "later"]);
  });
});

describe("a listener that calls back", () => {
  /** @type {Record<string, (poll: import("../../pkg/dist/index.js").VideoPoller, own: InstanceType<typeof VideoClient>) => void>} */
  const deeds = {
    cancel: (poll) => poll.cancel("inside"),
    "dispose of the client": (_, own) => own[Symbol.dispose](),
    pollNow: (poll) => poll.pollNow(),
    resumeToken: (poll) => void poll.resumeToken(),
    "poll the same video": (_, own) => void own.poll("v", SLOW),
    subscribe: (poll) => void poll.subscribe(() => {}),
  };
  for (const [name, deed] of Object.entries(deeds)) {
    it(`to ${name} harms nobody`, async (test) => {
      const server = await scriptedServer(test, ({ path, number }) =>
        path.endsWith("/v") ? (number < 6 ? pending : done) : done,
      );
      const own = new VideoClient({ baseUrl: server.url });
      const poll = own.poll("v", QUICK);
      poll.subscribe(() => deed(poll, own));
      const [settled] = await within(3_000, Promise.allSettled([poll.done]));
      if (settled.status === "rejected")
        assert.ok(settled.reason === "inside" || settled.reason.name === "AbortError", settled.reason);
      assert.equal((await own.waitForVideo("other", QUICK)).status, "DONE");
      own[Symbol.dispose]();
    });
  }
});
