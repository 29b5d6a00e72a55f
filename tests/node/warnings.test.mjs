// @ts-check
/** What is said once on the console: options that do not exist, and a key in a page. It ends nothing. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { still } from "./virtual.mjs";
import { freshPackage } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { QUICK } from "./settling.mjs";

let copies = 0;

/** A fresh copy of an entry, and what it prints; each text is printed once in a copy. @param {import("node:test").TestContext} test @param {string} [entry] */
async function printing(test, entry = "index") {
  /** @type {string[]} */
  const warnings = [];
  test.mock.method(console, "warn", (/** @type {unknown[]} */ ...words) => void warnings.push(words.join(" ")));
  copies += 1;
  const url = new URL(`${entry}.js?warnings=${copies}`, process.env.PACKAGE_ENTRY ?? new URL("../../pkg/dist/index.js", import.meta.url));
  const exported = await still(entry === "index" ? freshPackage() : import(url.href));
  return { warnings, exported: /** @type {any} */ (exported) };
}

/** @typedef {(exported: any, options: any) => unknown} Use */

describe("an option that does not exist", () => {
  /** Who takes options, and as what it is called. @type {Record<string, [entry: string, Use]>} */
  const places = {
    "VideoClient": ["index", ({ VideoClient }, options) => new VideoClient({ baseUrl: "https://api.example", ...options })],
    "poll()": ["index", ({ VideoClient }, options) => new VideoClient().poll("v", { signal: AbortSignal.abort(), ...options }).done.catch(() => {})],
    "waitForVideo()": ["index", ({ VideoClient }, options) => new VideoClient().waitForVideo("v", { signal: AbortSignal.abort(), ...options }).catch(() => {})],
    "waitForVideos()": ["index", ({ VideoClient }, options) => new VideoClient().waitForVideos([], options)],
    "an entry of waitForVideos()": ["index", ({ VideoClient }, options) => new VideoClient().waitForVideos([{ id: "v", resumeToken: undefined, ...options }], { signal: AbortSignal.abort() })],
    "getStatus()": ["index", ({ VideoClient }, options) => new VideoClient().getStatus("v", { signal: AbortSignal.abort(), ...options }).catch(() => {})],
    "createVideoProxy()": ["edge", ({ createVideoProxy }, options) => createVideoProxy({ apiKey: "key-0123456789", ...options })],
    "start()": ["machine", ({ start }, options) => start("v", 0, options)],
    "createSimulator()": ["simulator", ({ createSimulator }, options) => createSimulator(options)],
    "createVideo()": ["simulator", ({ createSimulator }, options) => createSimulator().createVideo(options)],
  };
  /** Where it was given, how it was spelt, and what was meant. @type {[place: string, given: string, meant: string][]} */
  const slips = [
    ["VideoClient", "apikey", "apiKey"],
    ["VideoClient", "api_key", "apiKey"],
    ["VideoClient", "key", "apiKey"],
    ["VideoClient", "baseURL", "baseUrl"],
    ["VideoClient", "url", "baseUrl"],
    ["VideoClient", "header", "headers"],
    ["VideoClient", "requestTimeout", "requestTimeoutMs"],
    ["VideoClient", "maxResponseByte", "maxResponseBytes"],
    ["VideoClient", "acrosTabs", "acrossTabs"],
    ["VideoClient", "allowBrowserkey", "allowBrowserKey"],
    ["poll()", "timeout", "timeoutMs"],
    ["waitForVideo()", "timeout", "timeoutMs"],
    ["poll()", "interval", "minIntervalMs"],
    ["poll()", "minInterval", "minIntervalMs"],
    ["poll()", "maxIntervallMs", "maxIntervalMs"],
    ["poll()", "onupdate", "onUpdate"],
    ["poll()", "token", "resumeToken"],
    ["poll()", "resume_token", "resumeToken"],
    ["poll()", "maxConsecutiveFailure", "maxConsecutiveFailures"],
    ["waitForVideos()", "concurency", "concurrency"],
    ["an entry of waitForVideos()", "resumetoken", "resumeToken"],
    ["an entry of waitForVideos()", "token", "resumeToken"],
    ["getStatus()", "abortSignal", "signal"],
    ["createVideoProxy()", "authorise", "authorize"],
    ["createVideoProxy()", "allowedOrigin", "allowedOrigins"],
    ["start()", "timeoutms", "timeoutMs"],
    ["createSimulator()", "scenerio", "scenario"],
    ["createVideo()", "scenarios", "scenario"],
  ];
  for (const [place, given, meant] of slips) {
    it(`is said to be ignored, with the nearest one that does: ${given} of ${place}`, async (test) => {
      const [entry, use] = /** @type {[string, Use]} */ (places[place]);
      const { warnings, exported } = await printing(test, entry);
      await use(exported, { [given]: undefined });
      await use(exported, { [given]: undefined });
      assert.equal(warnings.length, 1, `${warnings}`);
      assert.ok(warnings[0]?.startsWith(`iacrea-video: ${place} has no option "${given}"`), warnings[0]);
      assert.ok(warnings[0]?.endsWith(`Did you mean "${meant}"?`), warnings[0]);
    });
  }

  it("and is near none is said to be ignored, with those that do", async (test) => {
    const { warnings, exported } = await printing(test);
    new exported.VideoClient({ retryPolicy: 3 });
    assert.match(warnings[0] ?? "", /has no option "retryPolicy", and ignores it\. It has: apiKey, .*allowBrowserKey/);
  });

  it("but does elsewhere is said to belong there", async (test) => {
    const { warnings, exported } = await printing(test);
    const own = new exported.VideoClient({ timeoutMs: 1_000 });
    await own.waitForVideo("v", { signal: AbortSignal.abort(), acrossTabs: true }).catch(() => {});
    assert.match(warnings[0] ?? "", /"timeoutMs".* It is an option of poll\(\)/);
    assert.match(warnings[1] ?? "", /"acrossTabs".* It is an option of VideoClient/);
  });

  it("is said of however many polls there are, and ends none", async (test) => {
    const { warnings, exported } = await printing(test);
    const server = await scriptedServer(test, inOrder(pending, done));
    const own = new exported.VideoClient({ baseUrl: server.url });
    for (let at = 0; at < 20; at += 1) assert.equal((await own.waitForVideo("v", { ...QUICK, pauseMs: 5 })).status, "DONE");
    assert.equal(warnings.length, 1);
  });

  it("is put up with where there is no console, or one that throws", async (test) => {
    const { exported } = await printing(test);
    const { console } = globalThis;
    for (const broken of [undefined, {}, { warn: () => { throw new Error("no console"); } }]) {
      Object.assign(globalThis, { console: broken });
      try {
        new exported.VideoClient({ [`odd${typeof broken}`]: 1 });
      } finally {
        Object.assign(globalThis, { console });
      }
    }
  });

  it("is not there where all are spelt right, also by an object of a class or one that is frozen", async (test) => {
    const { warnings, exported } = await printing(test);
    const server = await scriptedServer(test, inOrder(done));
    class Options {
      get baseUrl() {
        return server.url;
      }
    }
    await new exported.VideoClient(new Options()).waitForVideo("v", Object.freeze({ ...QUICK, timeoutMs: 5_000, signal: undefined }));
    await new exported.VideoClient({ baseUrl: server.url }).waitForVideos(["v"], { ...QUICK, concurrency: 2 });
    assert.deepEqual(warnings, []);
  });
});

describe("bounds of the interval", () => {
  const url = "https://api.example";
  /** The times of the requests. @param {import("node:test").TestContext} test @param {object} options */
  async function paceOf(test, options) {
    const { exported } = await printing(test);
    const server = await scriptedServer(test, inOrder(pending));
    const poll = new exported.VideoClient({ baseUrl: server.url }).poll("v", options);
    await server.arrived(6);
    poll.cancel();
    return server.arrivals.slice(1).map(({ atMs }, at) => atMs - (server.arrivals[at]?.atMs ?? NaN));
  }

  it("follow the one that is given: a minimum above the default maximum, and a maximum below the default minimum", async (test) => {
    for (const pause of await paceOf(test, { minIntervalMs: 9_000 })) assert.equal(pause, 9_000);
    for (const pause of await paceOf(test, { maxIntervalMs: 300 })) assert.ok(pause <= 300, `${pause}`);
  });

  it("that are both given and contradict each other are refused", async (test) => {
    const { exported } = await printing(test);
    const { code } = await new exported.VideoClient({ baseUrl: url }).waitForVideo("v", { minIntervalMs: 9, maxIntervalMs: 8 }).catch((/** @type {any} */ error) => error);
    assert.equal(code, "invalid_argument");
  });
});

describe("a key in a page", () => {
  /** Plays a page. @param {import("node:test").TestContext} test @param {string | undefined} href */
  function page(test, href) {
    const location = href === undefined ? undefined : new URL(href);
    for (const [name, value] of Object.entries({ document: {}, location })) {
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
      test.after(() => void Reflect.deleteProperty(globalThis, name));
    }
  }
  const withKey = { apiKey: "key-0123456789", baseUrl: "https://api.example" };

  for (const href of ["https://shop.example/videos?x=1", "http://192.168.1.20:3000/", "https://127.evil.example/", "https://localhost.evil.example/", "chrome-extension://abcdef/popup.html"]) {
    it(`is warned of once, by the address of the page, without the key: ${href}`, async (test) => {
      page(test, href);
      const { warnings, exported } = await printing(test);
      new exported.VideoClient(withKey);
      new exported.VideoClient({ baseUrl: "https://api.example", headers: { "X-Api-Key": "key-0123456789" } });
      assert.equal(warnings.length, 1);
      assert.ok(warnings[0]?.includes("allowBrowserKey: true") && warnings[0].includes("createVideoProxy"), warnings[0]);
      assert.ok(!warnings[0]?.includes("key-0123456789") && !warnings[0]?.includes("x=1"));
    });
  }

  /** @type {[what: string, href: string | undefined, options: object][]} */
  const quiet = [
    ["with allowBrowserKey", "https://shop.example/", { ...withKey, allowBrowserKey: true }],
    ["without a key", "https://shop.example/", { baseUrl: "/video-proxy" }],
    ["of localhost", "http://localhost:5173/", withKey],
    ["of a name under localhost", "http://app.localhost:5173/", withKey],
    ["of 127.0.0.1", "http://127.0.0.1:5173/", withKey],
    ["of [::1]", "http://[::1]:5173/", withKey],
    ["of a file", "file:///home/me/index.html", withKey],
    ["of a test's DOM without an address", "about:blank", withKey],
    ["that has a document and no address", undefined, withKey],
  ];
  for (const [what, href, options] of quiet) {
    it(`is not warned of ${what}`, async (test) => {
      page(test, href);
      const { warnings, exported } = await printing(test);
      new exported.VideoClient(options);
      assert.deepEqual(warnings, []);
    });
  }

  it("is not warned of where there is no document, as in Node and in workers", async (test) => {
    Object.defineProperty(globalThis, "location", { value: new URL("https://shop.example/worker.js"), configurable: true });
    test.after(() => void Reflect.deleteProperty(globalThis, "location"));
    const { warnings, exported } = await printing(test);
    new exported.VideoClient(withKey);
    assert.deepEqual(warnings, []);
  });

  it("is allowed by true alone", async (test) => {
    const { exported } = await printing(test);
    for (const allowBrowserKey of ["true", 1, null]) {
      assert.throws(() => new exported.VideoClient({ ...withKey, allowBrowserKey }), { code: "invalid_argument" });
    }
  });
});

describe("a poll that tells nobody", () => {
  /** @typedef {{ client?: object, poll?: object, act?: (poll: any) => void }} How */
  const onRetry = () => {};
  /** Whatever script the server has, the poll goes on until it has responded to so many. @param {import("node:test").TestContext} test @param {any} script @param {How} [how] */
  async function warningsOf(test, script, { client = {}, poll: options = {}, act = () => {} } = {}) {
    const { warnings, exported } = await printing(test);
    const server = await scriptedServer(test, script);
    const own = new exported.VideoClient({ baseUrl: server.url, ...client });
    const polls = ["a", "b"].map((id) => own.poll(id, { ...QUICK, ...options }));
    polls.forEach(act);
    await Promise.allSettled(polls.map(({ done }) => done));
    return { warnings, server };
  }

  it("is warned of at its second failure, once for a client, in the words of the notice", async (test) => {
    const { warnings, server } = await warningsOf(test, inOrder(503, 503, 503, 503, 503, 503, pending, done));
    assert.equal(warnings.length, 1, `${warnings}`);
    assert.ok(warnings[0]?.startsWith(`iacrea-video: still no status, and requests fail: ${server.url}/api/`), warnings[0]);
    assert.match(warnings[0] ?? "", / \(HTTP 503\) failed\. .* set onRetry /);
  });

  it("is warned of by waitForVideo and waitForVideos too", async (test) => {
    const { warnings, exported } = await printing(test);
    for (const wait of [(/** @type {any} */ own) => own.waitForVideo("v", QUICK), (/** @type {any} */ own) => own.waitForVideos(["v"], QUICK)]) {
      const server = await scriptedServer(test, inOrder(503, 503, done));
      await wait(new exported.VideoClient({ baseUrl: server.url }));
    }
    assert.equal(warnings.length, 2, `${warnings}`);
  });

  /** @type {Record<string, [any, How?]>} */
  const quiet = {
    "that recovers after one failure": [inOrder(503, 503, pending, done)],
    "that has had a status": [inOrder(pending, pending, 503, 503, 503, 503, done)],
    "with an onRetry": [inOrder(503, 503, 503, 503, done), { poll: { onRetry } }],
    "whose client has an onRetry": [inOrder(503, 503, 503, 503, done), { client: { onRetry } }],
    "whose `retrying` is read": [inOrder(503, 503, 503, 503, done), { act: ({ retrying }) => assert.equal(retrying, undefined) }],
  };
  for (const [name, [script, how]] of Object.entries(quiet)) {
    it(`is not warned of ${name}`, async (test) => {
      assert.deepEqual((await warningsOf(test, script, how)).warnings, []);
    });
  }

  /** @param {import("node:test").TestContext} test @param {object} options @param {(poll: any) => unknown} act */
  async function left(test, options, act) {
    const { warnings, exported } = await printing(test);
    const server = await scriptedServer(test, inOrder(401));
    /** @type {unknown[]} */
    const unhandled = [];
    const note = (/** @type {unknown} */ reason) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    test.after(() => process.off("unhandledRejection", note));
    const poll = new exported.VideoClient({ baseUrl: server.url }).poll("v", options);
    await act(poll);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(unhandled, []);
    return { warnings, poll };
  }

  for (const [name, options] of Object.entries({ "": {}, " that has an onUpdate alone": { onUpdate() {} } })) {
    it(`and fails${name} is warned of, with its error`, async (test) => {
      const { warnings, poll } = await left(test, options, () => {});
      const { message } = await poll.done.catch((/** @type {any} */ error) => error);
      assert.deepEqual(warnings, [`iacrea-video: poll() failed, and nothing awaits its done: ${message}`]);
    });
  }

  /** @type {Record<string, [object, (poll: any) => unknown]>} */
  const told = {
    "with an onRetry": [{ onRetry }, () => {}],
    "whose `done` is read, and left alone": [{}, ({ done }) => void done],
    "that is iterated": [{}, async (poll) => { try { for await (const update of poll) update; } catch { /* It is told. */ } }],
    "that is cancelled": [{}, (poll) => poll.cancel()],
  };
  for (const [name, [options, act]] of Object.entries(told)) {
    it(`and fails is not warned of ${name}`, async (test) => {
      assert.deepEqual((await left(test, options, act)).warnings, []);
    });
  }

  it("has one promise of its end", async (test) => {
    const { poll } = await left(test, {}, () => {});
    assert.equal(poll.done, poll.done);
    assert.ok(poll.done instanceof Promise);
  });
});

it("a text is no list of videos", async (test) => {
  const { exported } = await printing(test);
  const own = new exported.VideoClient({ baseUrl: "https://api.example" });
  for (const text of ["abc", "", new String("abc"), 7, null, undefined, { id: "a" }]) {
    const { code, message } = await own.waitForVideos(text).catch((/** @type {any} */ error) => error);
    assert.equal(code, "invalid_argument", String(text));
    assert.match(message, /a list of ids/);
  }
});

// The last, for nothing is printed after so many.
it("of a great many options that do not exist a few are named, and briefly", async (test) => {
  const { warnings, exported } = await printing(test);
  new exported.VideoClient(Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`${at}`.repeat(500), at])));
  assert.ok(warnings.length > 0 && warnings.length <= 50, `${warnings.length}`);
  assert.ok(warnings.every((text) => text.length < 400));
});
