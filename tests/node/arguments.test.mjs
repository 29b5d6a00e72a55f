// @ts-check
/** What cannot work is refused as "invalid_argument" before anything is sent, and what can work is not. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VideoClient, VideoError } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, rejection, within } from "./settling.mjs";

/** Values are of types that TypeScript would refuse, too. @typedef {any} Wrong */

const NO_NUMBERS = ["100", "", null, true, {}, [5], 5n, NaN, -1, -Infinity, Symbol("5")];

/** @type {Record<string, Wrong[]>} */
const CLIENT_OPTIONS = {
  apiKey: ["", "  ", 7, null, {}, "line\nbreak", "nul\0", "ключ", "\u{1f511}"],
  baseUrl: [
    "",
    "not a url",
    "/relative",
    "ftp://example.com",
    "data:text/plain,x",
    "javascript:alert(1)",
    "file:///etc",
    "https://",
    "https://user:secret@example.com",
    "https://example.com/?x=1",
    "https://example.com/#x",
    7,
    {},
  ],
  kind: ["", "AUTO", "image", null, 7],
  headers: [7, { "bad name": "x" }, { name: "line\nbreak" }, [["one"]], "text"],
  credentials: ["", "always", null, true],
  fetch: [null, "fetch", {}],
  requestTimeoutMs: [0, ...NO_NUMBERS],
  maxResponseBytes: [0, ...NO_NUMBERS],
  concurrency: [0, 0.5, 1.5, -Infinity, ...NO_NUMBERS],
  requestsPerSecond: [0, -Infinity, ...NO_NUMBERS],
  follow: ["", "Events", "websocket", true, null, {}],
  acrossTabs: ["", null, 1, {}],
};

/** @type {Record<string, Wrong[]>} */
const POLL_OPTIONS = {
  timeoutMs: [0, -0, ...NO_NUMBERS],
  minIntervalMs: [Infinity, ...NO_NUMBERS],
  maxIntervalMs: [Infinity, ...NO_NUMBERS],
  maxConsecutiveFailures: [0, 0.5, 1.5, ...NO_NUMBERS],
  resumeToken: [
    "",
    " ",
    "null",
    "{}",
    '{"state":null}',
    "is1,v,1",
    "it1",
    "it1,",
    "it1-new,",
    "eyJhbGciOiJIUzI1NiJ9.e30.",
    7,
    null,
    {},
  ],
  onUpdate: [null, "log", {}],
  signal: [{}, "abort", 7, new AbortController()],
};

/** @type {Wrong[]} */
const NO_IDS = [
  "",
  ".",
  "..",
  "x".repeat(4_097),
  "é".repeat(2_049),
  "🎬".repeat(1_025),
  undefined,
  null,
  7,
  NaN,
  {},
  [],
  ["v"],
  true,
  Symbol("v"),
  new String("v"),
  new URL("https://example.com"),
  "\ud800",
  "a\udc00b",
  "\udc00\ud800",
];

/** @param {Wrong} value */
const shown = (value) =>
  typeof value === "string"
    ? JSON.stringify(value)
    : typeof value === "object"
      ? JSON.stringify(value)
      : typeof value === "bigint"
        ? `${value}n`
        : String(value);

describe("the constructor", () => {
  for (const [option, values] of Object.entries(CLIENT_OPTIONS)) {
    for (const value of values) {
      it(`throws for ${option}: ${shown(value)}`, () => {
        assert.throws(
          () => new VideoClient({ [option]: value }),
          (error) =>
            error instanceof VideoError &&
            error.code === "invalid_argument" &&
            error.retryable === false &&
            error.message.length > 10,
        );
      });
    }
  }

  for (const options of [null, 7, "https://example.com", Symbol("x")]) {
    it(`throws for ${shown(options)} in the place of options`, () => {
      assert.throws(() => new VideoClient(/** @type {Wrong} */ (options)), {
        name: "VideoError",
        code: "invalid_argument",
      });
    });
  }

  for (const baseUrl of [
    "http://example.com",
    "http://10.0.0.1",
    "http://192.168.1.1:8080",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "http://127.example.com",
    "http://[::2]",
    "http://[fe80::1]",
    "http://0.0.0.0",
    "http://notlocalhost",
    "http://app.localhost",
    "http://localhost.",
    "HTTP://EXAMPLE.COM",
  ]) {
    for (const [how, key] of Object.entries({
      apiKey: { apiKey: "k-1" },
      "a header": { headers: { "X-Api-Key": "k-1" } },
    })) {
      it(`refuses to send a key (${how}) in the clear to ${baseUrl}`, () => {
        assert.throws(() => new VideoClient({ baseUrl, ...key }), { name: "VideoError", code: "invalid_argument" });
      });
    }
    it(`takes ${baseUrl} without a key`, () => {
      new VideoClient({ baseUrl });
    });
  }

  for (const baseUrl of [
    "http://localhost",
    "http://LOCALHOST:3000",
    "http://127.0.0.1",
    "http://127.9.8.7:1",
    "http://[::1]:8080",
    "https://example.com",
    new URL("https://example.com/prefix/"),
  ]) {
    it(`takes a key for ${baseUrl}`, () => {
      new VideoClient({ baseUrl, apiKey: "k-1" });
    });
  }

  it("takes all options at their extremes, and none at all", () => {
    new VideoClient();
    new VideoClient({});
    new VideoClient({
      requestTimeoutMs: Infinity,
      maxResponseBytes: Infinity,
      concurrency: Infinity,
      requestsPerSecond: Infinity,
      follow: "events",
      acrossTabs: "somebody",
      kind: "auto",
      credentials: "include",
      headers: [["a", "b"]],
      fetch,
    });
    new VideoClient({ requestTimeoutMs: 0.5, maxResponseBytes: 1, concurrency: 1, requestsPerSecond: 0.001, acrossTabs: false, headers: new Headers({ a: "b" }) });
    const nothing = undefined;
    new VideoClient(
      /** @type {Wrong} */ ({
        apiKey: nothing,
        baseUrl: nothing,
        kind: nothing,
        headers: nothing,
        credentials: nothing,
        fetch: nothing,
        requestTimeoutMs: nothing,
        maxResponseBytes: nothing,
      }),
    );
  });
});

/** A client whose server must never hear of it. @param {import("node:test").TestContext} test */
async function untouched(test) {
  const server = await scriptedServer(test, inOrder(done));
  return {
    own: new VideoClient({ baseUrl: server.url }),
    nothingSent: () => assert.equal(server.arrivals.length, 0),
  };
}

/**
 * Every way to ask for one video.
 * @type {Record<string, (own: InstanceType<typeof VideoClient>, id: Wrong, options?: Wrong) => Promise<unknown>>}
 */
const WAYS = {
  "poll().done": (own, id, options) => own.poll(id, options).done,
  waitForVideo: (own, id, options) => own.waitForVideo(id, options),
  getStatus: (own, id, options) => own.getStatus(id, options),
  "an entry of waitForVideos": async (own, id, options) => {
    const [only] = await own.waitForVideos([id], options);
    if (only?.status === "rejected") throw only.reason;
    return only;
  },
};

for (const [way, call] of Object.entries(WAYS)) {
  describe(`${way} rejects, and does not throw,`, () => {
    for (const id of NO_IDS) {
      it(`for the id ${shown(id)}`, async (test) => {
        const { own, nothingSent } = await untouched(test);
        const error = await failure(call(own, id), "invalid_argument");
        assert.equal(error.retryable, false);
        nothingSent();
      });
    }

    it("for null in the place of options", async (test) => {
      const { own, nothingSent } = await untouched(test);
      await failure(call(own, "v", null), "invalid_argument");
      nothingSent();
    });

    const options = way === "getStatus" ? { signal: POLL_OPTIONS.signal ?? [] } : POLL_OPTIONS;
    for (const [option, values] of Object.entries(options)) {
      if (way.includes("waitForVideos") && option === "resumeToken") continue;
      for (const value of values) {
        it(`for ${option}: ${shown(value)}`, async (test) => {
          const { own, nothingSent } = await untouched(test);
          const error = await failure(call(own, "v", { [option]: value }), "invalid_argument");
          assert.ok(error.message.includes(option), error.message);
          nothingSent();
        });
      }
    }

    if (way !== "getStatus") {
      it("for minIntervalMs above maxIntervalMs", async (test) => {
        const { own, nothingSent } = await untouched(test);
        await failure(call(own, "v", { minIntervalMs: 2, maxIntervalMs: 1 }), "invalid_argument");
        nothingSent();
      });
    }
  });
}

describe("waitForVideos", () => {
  for (const ids of [undefined, null, 7, {}]) {
    it(`rejects for ${shown(ids)} in the place of ids`, async () => {
      await failure(new VideoClient().waitForVideos(/** @type {Wrong} */ (ids)), "invalid_argument");
    });
  }

  for (const concurrency of [0, 0.5, 1.5, ...NO_NUMBERS]) {
    it(`asks nothing with concurrency: ${shown(concurrency)}`, async (test) => {
      const { own, nothingSent } = await untouched(test);
      const outcome = own.waitForVideos(["a", "b"], /** @type {Wrong} */ ({ concurrency }));
      const reasons = await outcome.then(
        (settled) => settled.map((one) => (one.status === "rejected" ? one.reason : assert.fail("fulfilled"))),
        (reason) => [reason],
      );
      for (const reason of reasons) assert.equal(reason instanceof VideoError && reason.code, "invalid_argument");
      nothingSent();
    });
  }
});

describe("a poll", () => {
  /** @type {Record<string, Wrong>} */
  const works = {
    "no options": undefined,
    "every option undefined": {
      signal: undefined,
      onUpdate: undefined,
      timeoutMs: undefined,
      minIntervalMs: undefined,
      maxIntervalMs: undefined,
      maxConsecutiveFailures: undefined,
      resumeToken: undefined,
    },
    "all at infinity": { timeoutMs: Infinity, maxConsecutiveFailures: Infinity },
    fractions: { timeoutMs: 10_000.5, minIntervalMs: 0.25, maxIntervalMs: 0.5 },
    "a lower bound above the default upper one": { minIntervalMs: 60_000 },
    "an upper bound below the default lower one": { maxIntervalMs: 1 },
    "options without a prototype": Object.assign(Object.create(null), QUICK),
    "options that are frozen": Object.freeze({ ...QUICK }),
  };
  for (const [name, options] of Object.entries(works)) {
    it(`works with ${name}`, async (test) => {
      const server = await scriptedServer(test, inOrder(done));
      assert.equal(
        (await within(2_000, new VideoClient({ baseUrl: server.url }).waitForVideo("v", options))).status,
        "DONE",
      );
    });
  }

  it("keeps to the options it was given, though the object is changed afterwards", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const own = new VideoClient({ baseUrl: server.url });
    const options = { ...QUICK, timeoutMs: 200 };
    const poll = own.poll("v", options);
    options.timeoutMs = -1;
    await within(2_000, failure(poll.done, "timeout"));
  });

  it("whose options object is used again for the next gets its own token", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const own = new VideoClient({ baseUrl: server.url });
    const earlier = ["a", "b"].map((id) => own.poll(id));
    await Promise.all(earlier.map(({ done }) => done));
    const options = { ...QUICK, resumeToken: "" };
    const resumed = earlier.map((poll) => {
      options.resumeToken = poll.resumeToken();
      return own.waitForVideo(poll.id, options);
    });
    assert.deepEqual(
      (await Promise.all(resumed)).map(({ videoId }) => videoId),
      ["a", "b"],
    );
  });

  it("that is refused has settled, and cannot be hastened or cancelled any more", async () => {
    const poll = new VideoClient().poll("..");
    const error = await failure(poll.done, "invalid_argument");
    poll.pollNow();
    poll.cancel("late");
    assert.equal(await rejection(poll.done), error);
    assert.equal(poll.current, undefined);
  });
});
