// @ts-check
/** Options, hooks and answers that fight whoever looks at them: refused in clear words or put up with, and nothing hangs, escapes or is blamed on the module. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createVideoProxy } from "../edge/package.mjs";
import { hostileValues, inRealm, optionsThatThrow } from "./hostile-values.mjs";
import { VideoClient, VideoError } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, rejection, within } from "./settling.mjs";

/** @typedef {any} Wrong */

const CLIENT = ["apiKey", "baseUrl", "kind", "headers", "credentials", "fetch", "requestTimeoutMs", "maxResponseBytes", "concurrency", "requestsPerSecond", "follow", "acrossTabs"];
const POLL = ["signal", "onUpdate", "timeoutMs", "minIntervalMs", "maxIntervalMs", "maxConsecutiveFailures", "resumeToken"];
const PROXY = ["apiKey", "baseUrl", "allowedOrigins", "authorize", "shareMs", "fetch"];
const CODES = ["invalid_argument", "unauthorized", "not_found", "video_failed", "timeout", "network", "rate_limited", "http", "bad_response", "redirected"];
/** Ends at once, however it ends. */
const SHORT = { ...QUICK, maxConsecutiveFailures: 1, timeoutMs: 3_000 };

/** @type {typeof import("../../pkg/dist/slim.js")} */
const slim = await import(new URL("slim.js", process.env.PACKAGE_ENTRY ?? new URL("../../pkg/dist/index.js", import.meta.url)).href);

/** What reportError and the console were given, and rejections that nobody handles. @type {unknown[]} */
const escaped = [];
const note = (/** @type {unknown} */ reason) => void escaped.push(reason);
const { error: print } = console;
before(() => {
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  console.error = () => {};
});
after(() => {
  console.error = print;
  process.off("unhandledRejection", note);
  process.off("uncaughtException", note);
});

/** An error that says what it is. @param {unknown} error @param {string} what */
function isClear(error, what) {
  assert.ok(error instanceof VideoError, `${what}: no VideoError`);
  assert.ok(CODES.includes(error.code), `${what}: ${error.code}: ${error.message}`);
  assert.ok(error.message.length > 10 && error.message.length < 3_000, what);
}

/** What a constructor makes, if it does not refuse. @template T @param {() => T} make @param {string} what @returns {T | undefined} */
function madeOrRefused(make, what) {
  try {
    return make();
  } catch (error) {
    isClear(error, what);
    assert.equal(/** @type {Wrong} */ (error).code, "invalid_argument", what);
    return undefined;
  }
}

/** Settles soon, and says clearly how. @param {Promise<unknown>} promise @param {string} what @param {boolean} [passesOn] what somebody gave as a reason */
async function settlesClearly(promise, what, passesOn = false) {
  const [end] = await within(8_000, Promise.allSettled([promise]), `settled: ${what}`);
  if (end.status === "rejected" && !passesOn) isClear(end.reason, what);
}

describe("a client", () => {
  for (const name of CLIENT) {
    it(`refuses a hostile ${name}, or puts up with it`, async (test) => {
      const server = await scriptedServer(test, inOrder(done));
      const polls = [];
      for (const [kind, value] of Object.entries(hostileValues())) {
        const what = `${name}: ${kind}`;
        const own = madeOrRefused(() => new VideoClient({ baseUrl: server.url, requestTimeoutMs: 1_000, [name]: value }), what);
        if (own) polls.push(settlesClearly(own.waitForVideo("v", SHORT), what), settlesClearly(own.getStatus("v"), what));
      }
      await Promise.all(polls);
    });
  }

  it("refuses options that cannot be read, and does not pass on what they throw", () => {
    const hidden = Object.entries(hostileValues()).filter(([kind]) => /^an? (revoked|object of traps|function of traps|list of traps)/.test(kind));
    const options = [...hidden.map(([, value]) => value), ...CLIENT.flatMap((name) => [...optionsThatThrow(name)])];
    for (const value of options) {
      for (const make of [() => new VideoClient(value), () => new slim.VideoClient(value)]) {
        assert.throws(make, (error) => error instanceof VideoError || error instanceof slim.VideoError);
        assert.throws(make, { code: "invalid_argument" });
      }
    }
    for (const value of optionsThatThrow("wasm")) assert.throws(() => new slim.VideoClient(/** @type {Wrong} */ (value)), { code: "invalid_argument" });
  });

  it("takes options that are frozen, inherited, forwarded or of another realm", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const plain = { baseUrl: server.url, headers: { "x-app": "1" }, requestTimeoutMs: 2_000 };
    class Options {
      get baseUrl() {
        return server.url;
      }
    }
    const all = [
      Object.freeze({ ...plain }),
      Object.seal({ ...plain }),
      Object.create(plain),
      new Proxy(plain, {}),
      new Options(),
      inRealm(`({ baseUrl: "${server.url}", headers: { "x-app": "1" }, fetch: (...all) => fetch(...all), requestTimeoutMs: 2000 })`),
      inRealm(`Object.freeze({ baseUrl: new URL("${server.url}"), headers: [["x-app", "1"]] })`),
      inRealm(`({ baseUrl: "${server.url}", headers: new Headers({ "x-app": "1" }) })`),
    ];
    for (const options of all) assert.equal((await new VideoClient(options).waitForVideo("v")).status, "DONE");
    assert.equal(server.arrivals.filter(({ headers }) => headers["x-app"] === "1").length, all.length - 1);
  });

  it("calls any answer of a fetch an answer or none", async () => {
    const headers = { get: () => null };
    const answers = hostileValues();
    for (const [kind, value] of Object.entries(hostileValues())) {
      Object.assign(answers, {
        [`status: ${kind}`]: { status: value, headers, text: () => "{}" },
        [`headers: ${kind}`]: { status: 200, headers: value, text: () => JSON.stringify(done) },
        [`a header: ${kind}`]: { status: 429, headers: { get: () => value }, text: () => "" },
        [`text: ${kind}`]: { status: 200, headers, text: value },
        [`the text: ${kind}`]: { status: 200, headers, text: () => value },
        [`body: ${kind}`]: { status: 200, headers, body: value, text: () => JSON.stringify(done) },
        [`a reader: ${kind}`]: { status: 200, headers, body: { getReader: () => value } },
        [`a part: ${kind}`]: { status: 200, headers, body: { getReader: () => ({ read: () => value, cancel: value }) } },
        [`bytes: ${kind}`]: { status: 200, headers, body: { getReader: () => ({ read: () => ({ done: false, value }), cancel: () => value }) } },
        [`type: ${kind}`]: { status: 200, headers, type: value, redirected: value, text: () => JSON.stringify(done) },
      });
    }
    const polls = Object.entries(answers).map(async ([what, answer]) => {
      const own = new VideoClient({ apiKey: "sk-live-0123456789", baseUrl: "http://127.0.0.1", requestTimeoutMs: 500, maxResponseBytes: 1_000, fetch: /** @type {Wrong} */ (() => answer) });
      await settlesClearly(own.waitForVideo("v", SHORT), what);
      await settlesClearly(own.getStatus("v"), what);
    });
    await Promise.all(polls);
  });
});

describe("a poll", () => {
  for (const name of POLL) {
    it(`refuses a hostile ${name}, or puts up with it`, async (test) => {
      const server = await scriptedServer(test, inOrder(pending, done));
      const own = new VideoClient({ baseUrl: server.url });
      const polls = Object.entries(hostileValues()).flatMap(([kind, value]) => {
        const options = /** @type {Wrong} */ ({ ...SHORT, [name]: value });
        // A signal that is aborted is heard, whatever its reason is.
        const passesOn = name === "signal" && kind.startsWith("a signal without");
        return [
          settlesClearly(own.waitForVideo("v", options), `${name}: ${kind}`, passesOn),
          settlesClearly(own.poll("w", options).done, `poll, ${name}: ${kind}`, passesOn),
          ...(name === "signal" ? [settlesClearly(own.getStatus("v", options), `getStatus, ${name}: ${kind}`, passesOn)] : []),
          settlesClearly(allOf(own.waitForVideos(["x", "y"], options)), `waitForVideos, ${name}: ${kind}`, passesOn),
        ];
      });
      await Promise.all(polls);
    });
  }

  /** Fails with the first failure. @param {Promise<PromiseSettledResult<unknown>[]>} settled */
  async function allOf(settled) {
    for (const one of await settled) if (one.status === "rejected") throw one.reason;
  }

  it("refuses options that cannot be read, and does not pass on what they throw", async () => {
    const own = new VideoClient({ baseUrl: "http://127.0.0.1:9" });
    const hidden = Object.entries(hostileValues()).filter(([kind]) => /^an? (revoked|object of traps|function of traps|list of traps)/.test(kind));
    for (const value of [...hidden.map(([, each]) => each), ...POLL.flatMap((name) => [...optionsThatThrow(name)])]) {
      await failure(own.waitForVideo("v", value), "invalid_argument");
      await failure(own.poll("v", value).done, "invalid_argument");
      await failure(own.waitForVideos(["v"], value), "invalid_argument");
      const isRead = typeof value === "function" || !POLL.some((name) => name !== "signal" && Object.hasOwn(safe(value), name));
      if (isRead) await failure(own.getStatus("v", value), "invalid_argument");
    }
    for (const value of [...optionsThatThrow("concurrency")]) await failure(own.waitForVideos(["v"], /** @type {Wrong} */ (value)), "invalid_argument");
  });

  /** Something to look at in the place of what must not be looked at. @param {any} value */
  function safe(value) {
    try {
      Object.keys(value);
      return value;
    } catch {
      return {};
    }
  }

  it("of a hostile id is refused, or comes to an end", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const own = new VideoClient({ baseUrl: server.url });
    for (const [kind, id] of Object.entries(hostileValues())) {
      await settlesClearly(own.waitForVideo(id, SHORT), kind);
      await settlesClearly(own.getStatus(id), kind);
      if (typeof id !== "string") await failure(own.waitForVideo(id, SHORT), "invalid_argument");
      // An iterable is somebody's code: what it throws is passed on.
      const [many] = await within(8_000, Promise.allSettled([own.waitForVideos([id, id], SHORT)]));
      assert.equal(many.status, "fulfilled", kind);
    }
  });

  it("outlives listeners that throw whatever they like, now or later, in this realm or another", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, done));
    const own = new VideoClient({ baseUrl: server.url });
    const listeners = [
      ...Object.values(hostileValues()).filter((value) => typeof value === "function"),
      ...Object.values(hostileValues()).map((value) => () => value),
      ...Object.values(hostileValues()).map((value) => async () => { throw value; }),
      inRealm("async () => { throw new Error('later'); }"),
      inRealm("() => { throw null; }"),
      inRealm("() => Promise.reject()"),
    ];
    await Promise.all(listeners.map((onUpdate) => within(8_000, own.waitForVideo("v", { ...SHORT, onUpdate }))));
  });

  it("takes a signal of another realm, and rejects with its reason", async () => {
    const controller = inRealm("new AbortController()");
    const own = new VideoClient({ baseUrl: "http://127.0.0.1:9" });
    const polled = own.waitForVideo("v", { ...QUICK, signal: controller.signal, maxConsecutiveFailures: Infinity });
    const reason = inRealm("({ why: 'elsewhere' })");
    controller.abort(reason);
    assert.equal(await within(2_000, rejection(polled)), reason);
  });
});

describe("the slim client", () => {
  it("gives the token on, and to each poll an error of its own, where the module does not come in time", async () => {
    const { resumeToken } = await failure(new VideoClient({ baseUrl: "http://127.0.0.1:9" }).waitForVideo("v", { timeoutMs: 100 }), "timeout");
    const own = new slim.VideoClient({ wasm: new Promise(() => {}) });
    const tokens = [resumeToken, undefined];
    const polls = tokens.map((resumeToken) => own.waitForVideo("v", { timeoutMs: 100, ...(resumeToken && { resumeToken }) }));
    const [resumed, begun] = await Promise.all(polls.map(rejection));
    assert.deepEqual([resumed.code, resumed.resumeToken], ["timeout", resumeToken]);
    assert.match(begun.resumeToken, /^it1-new,v,/);
  });

  it("rejects whatever its source of the module is or throws, and can be asked again", async () => {
    const sources = Object.values(hostileValues()).flatMap((value) => [value, () => value, async () => { throw value; }, () => { throw value; }]);
    for (const [at, wasm] of sources.entries()) {
      /** @type {InstanceType<typeof slim.VideoClient>} */
      let own;
      try {
        own = new slim.VideoClient({ wasm, baseUrl: "http://127.0.0.1:9" });
      } catch (error) {
        assert.equal(/** @type {Wrong} */ (error).code, "invalid_argument", `source ${at}`);
        continue;
      }
      for (const ask of [() => own.waitForVideo("v", { timeoutMs: 2_000 }), () => own.getStatus("v")]) {
        const error = await within(8_000, rejection(ask()), `rejected: source ${at}`);
        assert.ok(error instanceof slim.VideoError, `source ${at}`);
        // There is no module, which is what the word means.
        assert.ok(["internal", "timeout"].includes(error.code) && error.retryable, `source ${at}: ${error.code}`);
      }
    }
  });
});

describe("the proxy", () => {
  const ask = () => new Request("https://app.example/api/video-editor/generate/video/v", { headers: { origin: "https://app.example" } });
  /** @param {(request: Request) => Promise<Response>} proxy @param {string} what */
  const answers = async (proxy, what) => {
    const answer = await within(8_000, proxy(ask()), `answered: ${what}`);
    // One that a hook gives is handed on, whatever it is.
    assert.ok(answer instanceof Response, what);
    await answer.text();
  };
  const plain = { apiKey: "sk-live-0123456789", baseUrl: "http://127.0.0.1:9" };

  for (const name of PROXY) {
    it(`refuses a hostile ${name}, or puts up with it`, async () => {
      for (const [kind, value] of Object.entries(hostileValues())) {
        const what = `${name}: ${kind}`;
        const proxy = madeOrRefused(() => createVideoProxy(/** @type {Wrong} */ ({ ...plain, [name]: value })), what);
        if (proxy) await answers(proxy, what);
      }
      for (const value of optionsThatThrow(name)) assert.throws(() => createVideoProxy(/** @type {Wrong} */ (value)), { code: "invalid_argument" });
    });
  }

  it("answers whatever its hooks and its fetch give or throw", async () => {
    for (const [kind, value] of Object.entries(hostileValues())) {
      for (const [way, hook] of Object.entries({
        give: () => value,
        "give later": async () => value,
        throw: () => {
          throw value;
        },
      })) {
        await answers(createVideoProxy({ ...plain, apiKey: /** @type {Wrong} */ (hook) }), `apiKey, ${way}: ${kind}`);
        await answers(createVideoProxy({ ...plain, authorize: /** @type {Wrong} */ (hook) }), `authorize, ${way}: ${kind}`);
        await answers(createVideoProxy({ ...plain, fetch: /** @type {Wrong} */ (hook) }), `fetch, ${way}: ${kind}`);
      }
    }
  });

  it("answers whatever it is called with", async () => {
    const proxy = createVideoProxy(plain);
    for (const [kind, value] of Object.entries(hostileValues())) {
      const answer = await within(8_000, proxy(value), kind);
      assert.equal(answer.status, 500, kind);
    }
  });
});

it("nothing of all that escaped", async () => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(escaped.length, 0, `${escaped.length} rejections that nobody handles`);
});
