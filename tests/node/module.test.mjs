// @ts-check
/**
 * The WebAssembly module that cannot be loaded, or traps: nobody is left waiting, and the next call
 * gets a new one. A trap is played by exports that throw what the engine would.
 */

import { atOnce, still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshPackage } from "./package.mjs";
import { done, generating, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { QUICK, rejection, SLOW, within } from "./settling.mjs";

const instantiate = WebAssembly.instantiate;

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
