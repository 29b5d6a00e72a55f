// @ts-check
/**
 * Clients and polls as programs hold them: methods that are destructured and handed on, and everything behind a Proxy, as
 * Vue, Alpine and MobX put one around what they are given.
 */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { freshPackage, VideoClient, VideoError } from "./package.mjs";
import { still } from "./virtual.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { QUICK, recorder, rejection, SLOW } from "./settling.mjs";

const dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

/**
 * The Proxies of libraries. Each gives what it holds in a Proxy as well, and calls getters and methods with itself as `this`.
 * @type {Record<string, (target: any) => any>}
 */
const PROXIES = {
  "none": (target) => target,
  "one that passes all on": (target) => new Proxy(target, {}),
  "one that reads with itself as the receiver, and wraps objects that it finds": function wrapped(target) {
    const kind = Object.prototype.toString.call(target).slice(8, -1);
    if (target === null || typeof target !== "object" || !["Object", "Array", "Map", "Set"].includes(kind)) return target;
    return new Proxy(target, { get: (inside, name, receiver) => wrapped(Reflect.get(inside, name, receiver)) });
  },
  "an object that inherits from it": (target) => Object.create(target),
  "a Proxy of a Proxy": (target) => new Proxy(new Proxy(target, {}), { get: (inside, name, receiver) => Reflect.get(inside, name, receiver) }),
};

for (const [name, around] of Object.entries(PROXIES)) {
  describe(`behind a Proxy: ${name},`, () => {
    it("a client does all that it does", async (test) => {
      const server = await scriptedServer(test, inOrder(pending, done));
      const own = around(new VideoClient({ baseUrl: server.url }));
      await own.ready();
      assert.equal((await own.waitForVideo("a", QUICK)).url, done.url);
      assert.equal((await own.getStatus("b")).status, "DONE");
      assert.equal((await own.poll("c").done).status, "DONE");
      assert.equal((await own.waitForVideos(["d"]))[0].status, "fulfilled");
      const poll = own.poll("e", SLOW);
      own[dispose]();
      assert.equal((await rejection(poll.done)).name, "AbortError");
    });

    it("a poll does all that it does", async (test) => {
      const server = await scriptedServer(test, inOrder(pending, pending, done));
      const poll = around(new VideoClient({ baseUrl: server.url }).poll("v", SLOW));
      assert.deepEqual([poll.id, poll.current], ["v", undefined]);
      const { updates, listener } = recorder();
      const stop = poll.subscribe(listener);
      await server.arrived(1);
      poll.pollNow();
      for await (const update of poll) {
        assert.equal(update.videoId, "v");
        assert.equal(poll.current.status, update.status);
        assert.match(poll.resumeToken(), /^it1/);
        poll.pollNow();
      }
      assert.equal((await poll.done).url, done.url);
      assert.equal(updates.at(-1)?.status, "DONE");
      stop();
    });

    it("a poll is cancelled, disposed of and left by its iterator", async (test) => {
      const server = await scriptedServer(test, inOrder(pending));
      const own = new VideoClient({ baseUrl: server.url });
      /** @type {((poll: any) => unknown)[]} */
      const ways = [(poll) => poll.cancel("left"), (poll) => poll[dispose](), (poll) => poll[Symbol.asyncIterator]().return()];
      for (const leave of ways) {
        const poll = around(own.poll("v", SLOW));
        leave(poll);
        const reason = await rejection(poll.done);
        assert.ok(reason === "left" || reason.name === "AbortError", String(reason));
      }
      await server.staysQuiet();
    });
  });
}

describe("methods that are taken out of", () => {
  it("a client work", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const { getStatus, poll, ready, waitForVideo, waitForVideos, [dispose]: end } = /** @type {any} */ (new VideoClient({ baseUrl: server.url }));
    await ready();
    assert.equal((await waitForVideo("v")).status, "DONE");
    assert.equal((await getStatus("v")).status, "DONE");
    assert.equal((await poll("v").done).status, "DONE");
    assert.deepEqual((await waitForVideos(["v"])).map((/** @type {any} */ { status }) => status), ["fulfilled"]);
    end();
  });

  it("a poll work, also as what an effect returns", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const { cancel, pollNow, resumeToken, subscribe, done: ended } = new VideoClient({ baseUrl: server.url }).poll("v", QUICK);
    /** @type {unknown[]} */
    const seen = [];
    subscribe((update) => void seen.push(update));
    pollNow();
    await server.arrived(3);
    assert.match(resumeToken(), /^it1/);
    assert.ok(seen.length > 0);
    const cleanUp = (() => cancel)();
    cleanUp();
    assert.equal((await rejection(ended)).name, "AbortError");
    await server.staysQuiet();
  });

  it("a client of a subclass are those of the subclass", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    class Counting extends VideoClient {
      count = 0;
      /** @param {string} id @param {import("./package.mjs").PollOptions} [options] */
      waitForVideo(id, options) {
        this.count += 1;
        return super.waitForVideo(id, options);
      }
    }
    const own = new Counting({ baseUrl: server.url });
    const { waitForVideo } = own;
    assert.equal((await waitForVideo("v")).status, "DONE");
    assert.equal(own.count, 1);
  });

  it("a client may be replaced, as tests do", async (test) => {
    const own = new VideoClient();
    test.mock.method(own, "getStatus", async () => pending);
    assert.equal(await own.getStatus("v"), pending);
  });
});

describe("what is printed of", () => {
  it("a client is its name, and no function", () => {
    const own = new VideoClient({ baseUrl: "https://api.example" });
    assert.equal(inspect(own), "VideoClient {}");
    assert.deepEqual([Object.keys(own), JSON.stringify(own), structuredClone(own)], [[], "{}", {}]);
  });

  it("a poll is its id, and no function", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const poll = new VideoClient({ baseUrl: server.url }).poll("v", SLOW);
    assert.deepEqual(Object.keys(poll), ["id"]);
    assert.doesNotMatch(inspect(poll), /Function/);
    assert.equal(JSON.stringify(poll), '{"id":"v"}');
    poll.cancel();
  });
});

describe("ready()", () => {
  it("resolves once the module is there, so that the first request needs no more real time", async (test) => {
    const fresh = await still(freshPackage());
    /** @type {string[]} */
    const urls = [];
    const own = new fresh.VideoClient({ baseUrl: "https://api.example", fetch: async (url) => (urls.push(String(url)), Response.json(done)) });
    const before = test.mock.method(WebAssembly, "instantiate");
    await own.ready();
    assert.equal(before.mock.callCount(), 1);
    assert.equal(urls.length, 0, "it sends nothing");
    await own.ready();
    const video = own.waitForVideo("v");
    // From here on nothing waits for anything but promises.
    for (let turn = 0; turn < 100 && urls.length === 0; turn += 1) await undefined;
    assert.equal(urls.length, 1);
    assert.equal((await video).url, done.url);
    assert.equal(before.mock.callCount(), 1);
  });

  it("rejects with the error that a poll would have, and can be called again", async (test) => {
    const fresh = await still(freshPackage());
    const own = new fresh.VideoClient();
    const refusal = new WebAssembly.CompileError("refused");
    const broken = test.mock.method(WebAssembly, "instantiate", async () => {
      throw refusal;
    });
    const error = await rejection(own.ready());
    assert.ok(error instanceof fresh.VideoError);
    assert.deepEqual([error.code, error.cause], ["internal", refusal]);
    broken.mock.restore();
    assert.equal(await own.ready(), undefined);
  });
});

it("errors and updates are plain data behind a Proxy too", async (test) => {
  const server = await scriptedServer(test, inOrder({ status: "ERROR", message: "bad photo" }));
  const error = await rejection(new VideoClient({ baseUrl: server.url }).waitForVideo("v"));
  assert.ok(error instanceof VideoError);
  for (const around of Object.values(PROXIES)) {
    const { code, detail, last } = around(error);
    assert.deepEqual([code, detail, last?.status], ["video_failed", "bad photo", "ERROR"]);
  }
});
