// @ts-check
/**
 * The WebAssembly module that cannot be loaded, or traps: nobody is left waiting, and the next call
 * gets a new one. A trap is played by exports that throw what the engine would.
 */

import { atOnce, clock, still, took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { entry, freshPackage, VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { QUICK, rejection, SLOW, within } from "./settling.mjs";

const instantiate = WebAssembly.instantiate;
/** @type {string} */
const VERSION = JSON.parse(readFileSync(new URL("../package.json", entry), "utf8")).version;

/** Whatever reached nobody. @param {import("node:test").TestContext} test */
function strays(test) {
  /** @type {unknown[]} */
  const seen = [];
  const listen = (/** @type {unknown} */ reason) => seen.push(reason);
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, listen);
    test.after(() => process.off(event, listen));
  }
  return seen;
}

/** @param {any} error @param {any} VideoError */
function isInternal(error, VideoError, isRetryable = true) {
  assert.ok(error instanceof VideoError, String(error));
  assert.equal(error.code, "internal", error.message);
  assert.equal(error.retryable, isRetryable, error.message);
}

describe("a module that cannot be loaded", () => {
  /** Each spoils something and returns how to mend it. @type {Record<string, () => () => void>} */
  const troubles = {
    "because instantiating it fails": () => {
      WebAssembly.instantiate = /** @type {any} */ (
        async () => {
          throw new WebAssembly.CompileError("refused by policy");
        }
      );
      return () => void (WebAssembly.instantiate = instantiate);
    },
    "because there is no WebAssembly": () => {
      const whole = WebAssembly;
      Reflect.deleteProperty(globalThis, "WebAssembly");
      return () =>
        void Object.defineProperty(globalThis, "WebAssembly", { value: whole, configurable: true, writable: true });
    },
    "because a page's policy has forbidden it": () => {
      const { Module } = WebAssembly;
      WebAssembly.Module = /** @type {any} */ (
        class {
          constructor() {
            throw new WebAssembly.CompileError("violates the following Content Security Policy directive");
          }
        }
      );
      return () => void (WebAssembly.Module = Module);
    },
    "because nothing can inflate it": () => {
      const whole = DecompressionStream;
      const builtin = process.getBuiltinModule;
      Reflect.deleteProperty(globalThis, "DecompressionStream");
      // @ts-expect-error -- as in a Node of before it
      process.getBuiltinModule = undefined;
      return () => {
        process.getBuiltinModule = builtin;
        Object.defineProperty(globalThis, "DecompressionStream", { value: whole, configurable: true, writable: true });
      };
    },
  };
  for (const [why, spoil] of Object.entries(troubles)) {
    it(`${why} rejects with "internal", asks nothing, and is tried again`, async (test) => {
      const seen = strays(test);
      const server = await scriptedServer(test, inOrder(done));
      const { VideoClient, VideoError } = await still(freshPackage());
      const mend = spoil();
      const own = new VideoClient({ baseUrl: server.url });
      try {
        const poll = own.poll("v");
        const calls = [
          poll.done,
          own.waitForVideo("v"),
          own.getStatus("v"),
          (async () => {
            for await (const update of poll) assert.fail(update.status);
          })(),
        ];
        // What a host lacks now it lacks later.
        const isRetryable = !why.includes("no WebAssembly") && !why.includes("forbidden");
        for (const error of await atOnce(Promise.all(calls.map(rejection)))) {
          isInternal(error, VideoError, isRetryable);
          assert.match(error.reason, why.includes("no WebAssembly") ? /^no_webassembly$/ : why.includes("forbidden") ? /^webassembly_forbidden$/ : /^module_not_loaded$/);
          assert.ok(error.cause instanceof Error, "what the host said");
        }
        const [only] = await own.waitForVideos(["v"]);
        isInternal(only?.status === "rejected" && only.reason, VideoError, isRetryable);
      } finally {
        mend();
      }
      assert.equal(server.arrivals.length, 0);
      assert.equal((await own.waitForVideo("v")).status, "DONE");
      assert.equal((await own.getStatus("v")).status, "DONE");
      assert.deepEqual(seen, []);
    });
  }
});

describe("the error of a module that does not come", () => {
  /** @type {typeof import("../../pkg/dist/slim.js")} */
  let slim;
  /** A token of an earlier poll. */
  let resumeToken = "";
  before(async () => {
    slim = await import(new URL("slim.js", entry).href);
    const poll = new VideoClient().poll("v");
    poll.cancel();
    resumeToken = poll.resumeToken();
  });

  const refusal = new Error("HTTP 404");
  /** @type {Record<string, [wasm: any, options: object, code: string, isCause: (cause: any) => boolean]>} */
  const troubles = {
    "in 30 s": [() => new Promise(() => {}), {}, "internal", ({ name }) => name === "TimeoutError"],
    "in the time of the poll": [() => new Promise(() => {}), { timeoutMs: 300 }, "timeout", ({ name }) => name === "TimeoutError"],
    "since its source rejects": [() => Promise.reject(refusal), {}, "internal", (cause) => cause === refusal],
    "since its source throws": [() => { throw refusal; }, { timeoutMs: 300 }, "internal", (cause) => cause === refusal],
    "since its source is no module": [new Uint8Array([1, 2, 3]), {}, "internal", (cause) => cause instanceof WebAssembly.CompileError],
    "since its address cannot be reached": ["https://nowhere.example/v.wasm", {}, "internal", ({ message }) => message === "fetch failed"],
  };
  for (const [why, [wasm, options, code, isCause]] of Object.entries(troubles)) {
    it(`has the caller's token and the cause: ${why}`, async () => {
      const own = new slim.VideoClient({ wasm });
      const given = own.poll("v", { ...options, resumeToken });
      const fresh = own.poll("v", options);
      const once = own.getStatus("v");
      const [settled] = await own.waitForVideos([{ id: "v", resumeToken }], options);
      const errors = await Promise.all([given.done, fresh.done, once].map(rejection));
      for (const error of errors) assert.ok(error instanceof slim.VideoError && isCause(error.cause), `${error.cause}`);
      const [ofGiven, ofFresh] = errors;
      assert.deepEqual([ofGiven.code, ofGiven.resumeToken, given.resumeToken()], [code, resumeToken, resumeToken]);
      assert.deepEqual([ofFresh.code, ofFresh.resumeToken], [code, fresh.resumeToken()]);
      assert.match(fresh.resumeToken(), /^it1-new,v,/);
      assert.deepEqual([settled?.status, settled?.status === "rejected" && settled.resumeToken], ["rejected", resumeToken]);
    });
  }
});

describe("the message of a module that does not come", () => {
  const bytes = readFileSync(new URL("iacrea-video.wasm", entry));
  /** The same module of another version, by the name that it imports under. */
  const older = Buffer.from(bytes);
  for (let at = older.indexOf(VERSION); at >= 0; at = older.indexOf(VERSION, at)) older.write("9".repeat(VERSION.length), at);
  const empty = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  const respond = (/** @type {any} */ body, /** @type {ResponseInit} */ init) => async () => Object.defineProperty(new Response(body, init), "url", { value: "https://app.example/v.wasm?token=1" });
  const simulator = readFileSync(new URL("simulator.wasm", entry));

  /** What `fetch` gives, what is given for `wasm`, and what is said. @type {Record<string, [fetch: any, wasm: any, words: RegExp]>} */
  const troubles = {
    "an address that is not there": [respond("no", { status: 404 }), "/assets/v.wasm?token=1", /could not be loaded: \/assets\/v\.wasm: HTTP 404\. Check/],
    "a URL that is not there": [respond("no", { status: 500 }), new URL("https://app.example/v.wasm"), /loaded: https:\/\/app\.example\/v\.wasm: HTTP 500\. Check/],
    "a response of an address": [undefined, respond("no", { status: 404 }), /loaded: https:\/\/app\.example\/v\.wasm: HTTP 404\. Check/],
    "a host that is down": [async () => { throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:9") }); }, "https://app.example/v.wasm", /v\.wasm: fetch failed \(connect ECONNREFUSED 127\.0\.0\.1:9\)\. Check/],
    "a page in its place": [respond("<!doctype html><title>App</title>", { headers: { "content-type": "text/html" } }), "/v.wasm", /loaded: \/v\.wasm: a web page is there instead\. Check/],
    "bytes that are none": [respond("wasm", {}), "/v.wasm", /loaded: \/v\.wasm: WebAssembly\./],
    "one of another version": [respond(older, {}), "/v.wasm", /it is of another version of this package, or no module of it: /],
    "bytes of another version": [undefined, older, /it is of another version of this package/],
    "another one, compiled": [undefined, empty, /it is of another version of this package, or no module of it: /],
    "the simulator's": [undefined, simulator, /it is of another version of this package, or no module of it: /],
  };
  for (const [what, [fetch, wasm, words]] of Object.entries(troubles)) {
    it(`says of ${what} where and what it is`, async (test) => {
      if (fetch) test.mock.method(globalThis, "fetch", fetch);
      const slim = await import(new URL("slim.js", entry).href);
      const error = await rejection(new slim.VideoClient({ wasm }).waitForVideo("v"));
      assert.equal(error.reason, "module_not_loaded", error.message);
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, /token=1|bug/);
    });
  }

  it("is over once its source brings the right one", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const slim = await import(new URL("slim.js", entry).href);
    let wasm = older;
    const own = new slim.VideoClient({ baseUrl: server.url, wasm: () => wasm });
    assert.equal((await rejection(own.waitForVideo("v"))).reason, "module_not_loaded");
    wasm = bytes;
    assert.equal((await own.waitForVideo("v")).status, "DONE");
  });
});

it("an inlined module that takes longer to compile than a poll has time ends the poll when its time is over", async (test) => {
  const server = await scriptedServer(test, inOrder(pending));
  const { VideoClient } = await still(freshPackage());
  test.mock.method(WebAssembly, "instantiate", async (/** @type {[any, any]} */ ...given) => {
    await sleep(500);
    return instantiate(...given);
  });
  const own = new VideoClient({ baseUrl: server.url });
  const early = own.waitForVideo("v", { timeoutMs: 300 });
  const late = own.waitForVideo("v", { timeoutMs: 800 });
  assert.equal(await took(early), 300);
  assert.equal((await rejection(early)).code, "timeout");
  assert.equal(await took(late), 500, "what it waited for counts");
  assert.equal((await rejection(late)).code, "timeout");
});

describe("a module that is loaded", () => {
  it("is loaded once, however many call at a time", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const { VideoClient } = await still(freshPackage());
    const spy = test.mock.method(WebAssembly, "instantiate", instantiate);
    const own = new VideoClient({ baseUrl: server.url });
    await Promise.all([
      own.waitForVideo("a"),
      own.getStatus("b"),
      new VideoClient({ baseUrl: server.url }).waitForVideo("c"),
    ]);
    await own.waitForVideo("d");
    assert.equal(spy.mock.callCount(), 1);
  });
});

describe("a module that traps", () => {
  /**
   * A package whose instances trap at the next call into them, once told to.
   * @param {import("node:test").TestContext} test
   */
  async function trapping(test) {
    const fresh = await still(freshPackage());
    let armed = false;
    let instances = 0;
    const patched = async (/** @type {WebAssembly.Module} */ module, /** @type {any} */ imports) => {
      const instance = await instantiate(module, imports);
      instances += 1;
      /** @type {Record<string, unknown>} */
      const exports = {};
      for (const [name, value] of Object.entries(instance.exports)) {
        const callable = typeof value === "function" && value;
        exports[name] = !callable
          ? value
          : (/** @type {unknown[]} */ ...parameters) => {
              if (armed) {
                armed = false;
                throw new WebAssembly.RuntimeError("unreachable");
              }
              return callable(...parameters);
            };
      }
      return { exports };
    };
    test.mock.method(WebAssembly, "instantiate", /** @type {any} */ (patched));
    return { ...fresh, arm: () => void (armed = true), instances: () => instances };
  }

  /** Where the trap strikes. @type {Record<string, (own: any, poll: any) => void>} */
  const places = {
    "when a timer or an answer calls in": () => {},
    "inside pollNow": (_, poll) => poll.pollNow(),
    "inside resumeToken": (_, poll) => void poll.resumeToken(),
  };
  for (const [place, strike] of Object.entries(places)) {
    it(`${place} rejects all that wait on it with "internal", and the next call works`, async (test) => {
      const seen = strays(test);
      let answer = /** @type {any} */ (pending);
      const server = await scriptedServer(test, ({ path }) => (path.endsWith("hang") ? { fault: "hang" } : answer));
      const { VideoClient, VideoError, arm, instances } = await trapping(test);
      const [own, other] = [new VideoClient({ baseUrl: server.url }), new VideoClient({ baseUrl: server.url })];
      const poll = own.poll("v", place.includes("timer") ? { minIntervalMs: 50, maxIntervalMs: 50 } : SLOW);
      const waiting = [
        poll.done,
        own.waitForVideo("asleep", SLOW),
        other.waitForVideo("hang"),
        other.getStatus("hang"),
      ];
      await server.arrived(4);
      if (!poll.current) await new Promise((resolve) => poll.subscribe(resolve));
      arm();
      strike(own, poll);
      for (const error of await within(51, Promise.all(waiting.map(rejection)))) isInternal(error, VideoError);
      await server.staysQuiet();
      answer = done;
      assert.equal((await atOnce(own.waitForVideo("v", QUICK))).status, "DONE");
      assert.equal((await atOnce(other.getStatus("v"))).status, "DONE");
      assert.equal(instances(), 2);
      assert.deepEqual(seen, []);
    });
  }

  it("takes back the requests that are under way, and leaves no timer behind", async (test) => {
    let isHanging = false;
    const server = await scriptedServer(test, ({ path }) => {
      if (path.endsWith("asleep") || !isHanging) return pending;
      return path.endsWith("body") ? { fault: "stall", body: generating(4) } : { fault: "hang" };
    });
    const { VideoClient, arm } = await trapping(test);
    const own = new VideoClient({ baseUrl: server.url });
    await own.getStatus("first");
    const timers = clock.countTimers();
    isHanging = true;
    const poll = own.poll("v");
    const waiting = [poll.done, own.waitForVideo("asleep", SLOW), own.getStatus("status"), new VideoClient({ baseUrl: server.url }).waitForVideo("body")];
    const settled = Promise.allSettled(waiting);
    await server.arrived(5);
    assert.equal(server.traffic.inFlight, 3);
    arm();
    poll.pollNow();
    assert.equal(server.traffic.inFlight, 0, "they are aborted at once");
    assert.equal(clock.countTimers(), timers);
    await settled;
  });

  it("takes back what the call that was on its way around the trap begins after it", async (test) => {
    const server = await scriptedServer(test, ({ path }) => (path.endsWith("hang") ? { fault: "hang" } : pending));
    const { VideoClient, arm } = await trapping(test);
    const own = new VideoClient({ baseUrl: server.url, fetch: (...given) => (strike(), fetch(...given)) });
    let strike = () => {};
    await own.getStatus("first");
    const timers = clock.countTimers();
    const hanging = own.poll("hang");
    await server.arrived(2);
    // Within the call that sends a request.
    strike = () => {
      strike = () => {};
      arm();
      hanging.pollNow();
    };
    const error = await rejection(own.waitForVideo("v"));
    assert.equal(error.code, "internal");
    assert.equal((await rejection(hanging.done)).code, "internal");
    assert.equal(server.traffic.inFlight, 0);
    assert.equal(clock.countTimers(), timers);
  });

  /** A poll that was told of one answer, and then of the trap. @param {import("node:test").TestContext} test */
  async function trapped(test) {
    const server = await scriptedServer(test, ({ number }) => (number < 2 ? generating(3) : done));
    const { VideoClient, arm } = await trapping(test);
    const own = new VideoClient({ baseUrl: server.url });
    const poll = own.poll("v", SLOW);
    await new Promise((resolve) => poll.subscribe(resolve));
    arm();
    poll.pollNow();
    return { own, poll, error: await rejection(poll.done) };
  }

  it("leaves the last update and a token in the error, which is worth trying again", async (test) => {
    const { own, poll, error } = await trapped(test);
    assert.equal(error.last, poll.current);
    assert.equal(typeof error.resumeToken, "string");
    assert.equal((await own.waitForVideo("v", { resumeToken: error.resumeToken })).status, "DONE");
  });

  it("leaves the poll a token to go on with, from where it was", async (test) => {
    const { own, poll } = await trapped(test);
    const { requests } = await own.waitForVideo("v", { resumeToken: poll.resumeToken() });
    assert.ok(requests > (poll.current?.requests ?? NaN), `${requests} requests`);
  });
});
