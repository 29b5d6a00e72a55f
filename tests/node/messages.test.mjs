// @ts-check
/**
 * What a person is told who has set something up wrongly: from the first failure on, in words that name the address,
 * the likely cause and the cure. Each set-up of these tables is one that people have had.
 */

import { clock } from "./virtual.mjs";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { entry, VideoClient, VideoError } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, recorder, rejection, within } from "./settling.mjs";

/** @typedef {import("../../pkg/dist/index.js").RetryNotice} RetryNotice */

const { createVideoProxy } = await import(new URL("edge.js", entry).href);

const KEY = "sk-live-0123456789abcdef";
const BASE = "https://api.example";
const PATH = "/api/video-editor/generate/video/v";
const CHALLENGE = "<!DOCTYPE html><html lang=en><head><title>Just a moment...</title></head><body><script>1</script></body></html>";
const SPA = '<!doctype html><html><head><title>My app</title></head><body><div id="app"></div></body></html>';

/** A host's error, as Node makes it. @param {string} code @param {string} message */
const hostError = (code, message) => new TypeError("fetch failed", { cause: Object.assign(new Error(message), { code }) });

/** @param {any} response */
const responds = (response) => async () => response.clone();
/** @param {unknown} error */
const throws = (error) => async () => {
  throw error;
};
/** @param {number} status @param {string} [body] @param {Record<string, string>} [headers] */
const response = (status, body = "", headers = {}) => new Response(body, { status, headers });

/**
 * A set-up, the reason of what comes of it, and what its message must say beside the address.
 * @type {[name: string, options: any, reason: string, words: RegExp][]}
 */
const SETUPS = [
  ["nothing listens", { fetch: throws(hostError("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:9")) }, "connection_refused", /was refused.*[Ss]tart the server/],
  ["an unknown host", { fetch: throws(hostError("ENOTFOUND", "getaddrinfo ENOTFOUND api.example")) }, "unknown_host", /not found.*check baseUrl/],
  ["a self-signed certificate", { fetch: throws(hostError("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate")) }, "certificate", /certificate.*self-signed/],
  ["an expired certificate", { fetch: throws(hostError("CERT_HAS_EXPIRED", "certificate has expired")) }, "certificate", /expired/],
  ["a reset connection", { fetch: throws(hostError("ECONNRESET", "read ECONNRESET")) }, "connection_broken", /broke/],
  ["a fetch of one's own with a bug", { fetch: throws(new TypeError("Cannot read properties of undefined (reading 'token')")) }, "fetch_failed", /own fetch failed.*See cause/],
  ["a fetch mock that gives nothing", { fetch: async () => undefined }, "not_a_response", /no whole Response/],
  ["a server that hangs", { fetch: () => new Promise(() => {}), requestTimeoutMs: 50 }, "request_timeout", /requestTimeoutMs/],
  ["a single-page app behind baseUrl", { fetch: responds(response(200, SPA)) }, "web_page", /\(HTTP 200\) sent a web page instead of a status.*baseUrl/],
  ["a page of another kind", { fetch: responds(response(200, "OK")) }, "not_json", /\(HTTP 200\) sent no JSON.*baseUrl/],
  ["another API", { fetch: responds(response(200, '{"hello":"world"}')) }, "no_status", /\(HTTP 200\) sent JSON without a status.*baseUrl/],
  ["more than a status", { fetch: responds(response(200, "x".repeat(5_000))), maxResponseBytes: 1_000 }, "too_long", /maxResponseBytes/],
  ["401 without a key", { fetch: responds(response(401, '{"error":"no session"}')) }, "credentials_required", /\(HTTP 401\) requires credentials.*apiKey on a server/],
  ["401 with a key", { apiKey: KEY, fetch: responds(response(401)) }, "key_refused", /\(HTTP 401\) refused the API key.*check apiKey/],
  ["403", { fetch: responds(response(403, '{"error":"this video is not for you"}')) }, "access_refused", /\(HTTP 403\) refused access/],
  ["403 with a key", { apiKey: KEY, fetch: responds(response(403)) }, "key_not_allowed", /\(HTTP 403\) refused access\. The API key may be wrong or not allowed.*check apiKey first/],
  ["Cloudflare's challenge", { apiKey: KEY, fetch: responds(response(403, CHALLENGE)) }, "challenge_page", /\(HTTP 403\) sent a challenge page for browsers/],
  ["404 in JSON", { fetch: responds(response(404, '{"error":"video not found"}')) }, "video_not_found", /\(HTTP 404\) knows no video of this id/],
  ["404 in HTML: the route is not mounted", { fetch: responds(response(404, "<!DOCTYPE html><title>Error</title><pre>Cannot GET /api</pre>")) }, "wrong_address", /\(HTTP 404\) is wrong.*baseUrl/],
  ["404 of a framework in JSON", { fetch: responds(response(404, `{"statusCode":404,"message":"Cannot GET ${PATH}"}`)) }, "wrong_address", /is wrong/],
  ["402", { fetch: responds(response(402)) }, "payment_required", /\(HTTP 402\) requires payment.*credits/],
  ["400", { fetch: responds(response(400, '{"message":"bad id"}')) }, "request_refused", /\(HTTP 400\) refused the request/],
  ["429", { fetch: responds(response(429)) }, "rate_limited", /\(HTTP 429\) refused too many requests/],
  ["502 of a gateway", { fetch: responds(response(502, "<html><title>502 Bad Gateway</title></html>")) }, "server_error", /\(HTTP 502\) failed/],
  ["a trailing-slash host", { fetch: responds(response(308, "", { location: `${PATH}/` })) }, "redirected", new RegExp(`\\(HTTP 308\\) redirects.* to ${BASE}${PATH}/$`)],
  ["a redirect with secrets in it", { fetch: responds(response(302, "", { location: "https://me:word@login.example/in?next=/v#x" })) }, "redirected", / to https:\/\/login\.example\/in$/],
  ["a redirect that a browser hides", { fetch: async () => ({ status: 0, type: "opaqueredirect", url: `${BASE}${PATH}` }) }, "redirected", /redirects.*the browser hides \(mostly with a trailing slash, with https, or a login\): open this one in a tab/],
  ["DONE without an address", { fetch: responds(response(200, '{"status":"DONE"}')) }, "no_video_url", /DONE without a usable URL/],
  ["ERROR", { fetch: responds(response(200, '{"status":"ERROR","message":"out of film"}')) }, "video_failed", /could not be generated/],
];

/** What holds for each message, whatever went wrong. @param {{ message: string, detail?: string, url?: string }} told */
function readsWell({ message, detail, url }) {
  assert.equal(url, `${BASE}${PATH}`);
  assert.ok(message.includes(`${BASE}${PATH}`), message);
  assert.ok(message.length < 450 && message.split(". ").length <= 2, message);
  assert.ok(!/[{}]|undefined|null/.test(message), message);
  if (detail !== undefined) assert.ok(!message.includes(detail), `${message} repeats ${detail}`);
}

describe("a person who has set up", () => {
  for (const [name, options, reason, words] of SETUPS) {
    it(`${name} is told "${reason}", where and what to do`, async () => {
      const own = new VideoClient({ baseUrl: BASE, ...options });
      /** @type {RetryNotice[]} */
      const notices = [];
      const poll = own.poll("v", { ...QUICK, maxConsecutiveFailures: 2, onRetry: (notice) => notices.push(notice) });
      const error = await within(10_000, rejection(poll.done));
      assert.ok(VideoError.is(error), String(error));
      const once = reason === "video_failed" ? error : await within(10_000, rejection(own.getStatus("v")));
      for (const told of [error, once, ...notices]) {
        assert.equal(told.reason, reason, told.message);
        assert.match(told.message, words);
        assert.equal(told.videoId, "v");
        readsWell(told);
      }
      assert.equal(notices.length, error.retryable ? 1 : 0, "what ends the poll is no retry");
      assert.equal(poll.retrying, undefined);
    });
  }

  it("a server whose status nobody knows is told, once time is over, which it is, without the key", async () => {
    for (const [status, detail] of [["IN_REVIEW", "IN_REVIEW"], [KEY, "***"]]) {
      const own = new VideoClient({ baseUrl: BASE, apiKey: KEY, fetch: responds(response(200, JSON.stringify({ status }))) });
      const error = await failure(own.waitForVideo("v", { ...QUICK, timeoutMs: 100 }), "timeout");
      assert.equal(error.detail, detail);
      assert.match(error.message, /responded with a status that is unknown here: see detail\./);
    }
  });

  it("the key's name is in no message of a client that sends none", async () => {
    for (const status of [401, 403, 404, 500]) {
      const own = new VideoClient({ baseUrl: BASE, fetch: responds(response(status)) });
      assert.doesNotMatch((await rejection(own.getStatus("v"))).message, /the API key/i);
    }
  });

  for (const status of [404, 403, 500, 200]) {
    it(`a page (${status}) finds its title in the detail, and no tag`, async () => {
      const own = new VideoClient({ baseUrl: BASE, fetch: responds(response(status, SPA)) });
      assert.equal((await rejection(own.getStatus("v"))).detail, "My app");
    });
  }

  it("a baseUrl that holds the whole path is told that the address is wrong", async () => {
    const own = new VideoClient({ baseUrl: `${BASE}${PATH}`, fetch: responds(response(404, '{"error":"unknown"}')) });
    const error = await failure(own.getStatus("v"), "not_found");
    assert.equal(error.reason, "wrong_address");
    assert.ok(error.message.includes(`${BASE}${PATH}${PATH}`), error.message);
  });

  it("a proxy that refuses access is told by whom", async () => {
    const proxy = createVideoProxy({ apiKey: KEY, baseUrl: BASE, authorize: () => false });
    const own = new VideoClient({ baseUrl: "https://app.example", fetch: (/** @type {any} */ url, /** @type {any} */ init) => proxy(new Request(url, init)) });
    const error = await failure(own.waitForVideo("v", QUICK), "unauthorized");
    assert.match(error.message, /^https:\/\/app\.example\/\S+ \(HTTP 403\) refused access/);
    assert.equal(error.detail, "this video is not for you");
  });

  it("a route of the proxy that is not mounted is told that the address is wrong", async () => {
    const proxy = createVideoProxy({ apiKey: KEY, baseUrl: BASE });
    const own = new VideoClient({ baseUrl: "https://app.example", fetch: async () => proxy(new Request("https://app.example/elsewhere")) });
    assert.equal((await failure(own.getStatus("v"), "not_found")).reason, "wrong_address");
  });

  it("a host that ends each path with a slash is served by the proxy all the same", async () => {
    /** @type {string[]} */
    const requested = [];
    const fetch = /** @type {any} */ (
      async (/** @type {string} */ url) => {
        requested.push(url);
        return Response.json(done);
      }
    );
    const proxy = createVideoProxy({ apiKey: KEY, baseUrl: BASE, fetch, shareMs: 0 });
    for (const path of [`${PATH}/`, PATH, "/x/api/video-editor/generate/video/auto/v/"]) {
      assert.equal((await proxy(new Request(`https://app.example${path}`))).status, 200, path);
    }
    assert.deepEqual(requested, [`${BASE}${PATH}`, `${BASE}${PATH}`, `${BASE}/api/video-editor/generate/video/auto/v`]);
    for (const path of [`${PATH}//`, "/api/video-editor/generate/video/", "/api/video-editor/generate/video//", "/api/video-editor/generate/video/auto/"]) {
      assert.equal((await proxy(new Request(`https://app.example${path}`))).status, 404, path);
    }
  });
});

describe("an argument that cannot work", () => {
  it("is an empty baseUrl, of which is said what to do", async (test) => {
    const refused = { code: "invalid_argument", message: 'invalid argument: baseUrl is empty: leave it out, or in a page set it to "/" for its own origin' };
    assert.throws(() => new VideoClient({ baseUrl: "" }), refused);
    assert.throws(() => createVideoProxy({ apiKey: KEY, baseUrl: "" }), refused);
    Object.defineProperty(globalThis, "location", { value: new URL("https://app.example/app/page"), configurable: true });
    test.after(() => Reflect.deleteProperty(globalThis, "location"));
    assert.throws(() => new VideoClient({ baseUrl: "" }), refused);
  });

  it("is an AbortSignal in the place of the options, of which is said how to pass it", async () => {
    const own = new VideoClient({ baseUrl: BASE, fetch: responds(response(200)) });
    for (const signal of /** @type {any[]} */ ([new AbortController().signal, AbortSignal.timeout(10), AbortSignal.abort()])) {
      for (const act of [own.waitForVideo("v", signal), own.poll("v", signal).done, own.getStatus("v", signal), own.waitForVideos(["v"], signal)]) {
        assert.match((await failure(act, "invalid_argument")).message, /pass it as \{ signal \}/);
      }
    }
  });
});

describe("in a browser", () => {
  const WORDS = ["Failed to fetch", "Load failed", "NetworkError when attempting to fetch resource."];
  for (const words of WORDS) {
    it(`"${words}" is told with the likely causes`, async (test) => {
      Object.defineProperty(globalThis, "location", { value: new URL("https://app.example/"), configurable: true });
      test.after(() => Reflect.deleteProperty(globalThis, "location"));
      test.mock.method(globalThis, "fetch", throws(new TypeError(words)));
      const error = await failure(new VideoClient({ baseUrl: BASE }).getStatus("v"), "network");
      assert.equal(error.reason, "blocked_in_browser");
      readsWell(error);
      for (const cause of ["unreachable", "certificate", "CORS", "connect-src", "https requests http"]) assert.ok(error.message.includes(cause), error.message);
      assert.equal(/** @type {Error} */ (error.cause).message, words);
    });

    it(`"${words}" of the page's own server is told without what only another origin could be`, async (test) => {
      Object.defineProperty(globalThis, "location", { value: new URL(`${BASE}/page`), configurable: true });
      test.after(() => Reflect.deleteProperty(globalThis, "location"));
      test.mock.method(globalThis, "fetch", throws(new TypeError(words)));
      for (const [baseUrl, isOwn] of /** @type {const} */ ([[BASE, true], ["/", true], [`${BASE}.evil.example`, false], ["https://api.example:8443", false]])) {
        const error = await failure(new VideoClient({ baseUrl }).getStatus("v"), "network");
        assert.equal(error.reason, isOwn ? "no_response" : "blocked_in_browser");
        assert.equal(/CORS|Content-Security-Policy/.test(error.message), !isOwn, error.message);
        if (isOwn) readsWell(error);
      }
    });
  }
});

describe("an error of a connection", () => {
  /** By host: Node, Bun, Deno and browsers word them each in their own way. @type {[string, string][]} */
  const WORDS = [
    ["getaddrinfo ENOTFOUND api.example", "unknown_host"],
    ["getaddrinfo EAI_AGAIN api.example", "unknown_host"],
    ["error sending request for url: client error (Connect): dns error: failed to lookup", "unknown_host"],
    ["connect ECONNREFUSED 127.0.0.1:9", "connection_refused"],
    ["ConnectionRefused", "connection_refused"],
    ["tcp connect error: Connection refused (os error 111)", "connection_refused"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "certificate"],
    ["CERT_HAS_EXPIRED", "certificate"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate"],
    ["invalid peer certificate: UnknownIssuer", "certificate"],
    ["UND_ERR_SOCKET", "connection_broken"],
    ["read ECONNRESET", "connection_broken"],
    ["socket hang up", "connection_broken"],
    ["UND_ERR_CONNECT_TIMEOUT", "no_response"],
    ["connect ETIMEDOUT 10.0.0.1:443", "no_response"],
    ["connect EHOSTUNREACH 10.0.0.1", "no_response"],
    ["Failed to fetch", "no_response"],
    ["Cannot read properties of undefined", "fetch_failed"],
    ["a certain user was refused", "fetch_failed"],
  ];
  /** Where the words are. @type {Record<string, (words: string) => unknown>} */
  const PLACES = {
    "in its message": (words) => new Error(words),
    "in its code": (words) => Object.assign(new Error("no"), { code: words }),
    "in its cause": (words) => new TypeError("x", { cause: Object.assign(new Error("no"), { code: words }) }),
    "two causes deep": (words) => new Error("mine", { cause: new TypeError("x", { cause: new Error(words) }) }),
  };
  for (const [words, reason] of WORDS) {
    it(`is "${reason}" where a host says "${words}"`, async () => {
      for (const [place, make] of Object.entries(PLACES)) {
        const thrown = make(words);
        const error = await rejection(new VideoClient({ baseUrl: BASE, fetch: throws(thrown) }).getStatus("v"));
        assert.equal(error.reason, reason, place);
        assert.equal(error.cause, thrown);
      }
    });
  }
});

describe("the host's own error", () => {
  it("is the cause, of a notice as of the error", async () => {
    const thrown = hostError("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:9");
    const own = new VideoClient({ baseUrl: BASE, apiKey: KEY, fetch: throws(thrown) });
    /** @type {unknown[]} */
    const causes = [];
    const error = await failure(own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 2, onRetry: ({ cause }) => causes.push(cause) }), "network");
    assert.deepEqual([...causes, error.cause], [thrown, thrown]);
    assert.equal((await rejection(own.getStatus("v"))).cause, thrown);
  });

  it("that is no error is the cause as it is", async () => {
    for (const thrown of ["boom", 7, null]) {
      const own = new VideoClient({ baseUrl: BASE, fetch: throws(thrown) });
      assert.equal((await rejection(own.getStatus("v"))).cause, thrown);
    }
  });

  class Headers2 {
    #values = { "x-api-key": KEY };
    /** What is printed of it. */
    [inspect.custom]() {
      return this.#values;
    }
    toJSON() {
      return this.#values;
    }
  }
  const nested = (/** @type {any} */ value) => Object.assign(new Error("no"), { value });
  /** @type {Record<string, () => unknown>} */
  const LEAKS = {
    "in its message": () => new Error(`cannot send ${KEY}`),
    "in its stack": () => Object.assign(new Error("no"), { stack: `Error: no\n at x-api-key: ${KEY}` }),
    "in its name": () => Object.assign(new Error("no"), { name: KEY }),
    "in its code": () => Object.assign(new Error("no"), { code: KEY }),
    "in its cause": () => new Error("no", { cause: new Error(`sent ${KEY}`) }),
    "deep in its causes": () => new Error("1", { cause: new Error("2", { cause: new Error("3", { cause: new Error("4", { cause: new Error(KEY) }) }) }) }),
    "in its options, as axios has them": () => nested({ headers: { "x-api-key": KEY } }),
    "in a name of a property": () => nested({ [KEY]: 1 }),
    "in a list": () => nested([1, [KEY]]),
    "in Headers": () => nested(new Headers({ "x-api-key": KEY })),
    "in a Map": () => nested(new Map([["x-api-key", KEY]])),
    "in bytes": () => nested(Buffer.from(KEY)),
    "in an object that prints itself": () => nested(new Headers2()),
    "under a symbol": () => nested({ [Symbol(KEY)]: 1 }),
    "behind more than is looked through": () => nested({ list: Array.from({ length: 1_000 }, () => ({})), key: { KEY } }),
    "percent-encoded in an address": () => new Error(`GET https://api.example/?key=${encodeURIComponent(KEY)}`),
    "in an AggregateError": () => new AggregateError([new Error(KEY)], "all"),
    "as a text": () => `cannot send ${KEY}`,
    "in a getter": () => Object.defineProperty(new Error("no"), "config", { get: () => ({ KEY }), enumerable: true }),
  };
  for (const [name, leak] of Object.entries(LEAKS)) {
    it(`that holds the key ${name} is copied without it`, async () => {
      const own = new VideoClient({ baseUrl: BASE, apiKey: KEY, fetch: throws(leak()) });
      /** @type {RetryNotice[]} */
      const notices = [];
      const error = await within(10_000, rejection(own.waitForVideo("v", { ...QUICK, timeoutMs: 200, onRetry: (notice) => notices.push(notice) })));
      const once = await rejection(own.getStatus("v"));
      for (const told of [error, once, ...notices]) {
        const shown = [inspect(told, { depth: 20, showHidden: true }), JSON.stringify(told), String(told.cause?.stack), told.message].join("\n");
        assert.ok(!shown.includes(KEY), shown);
      }
      assert.ok(once.cause !== undefined);
      assert.ok(notices.length > 0);
    });
  }

  /** @type {Record<string, () => unknown>} */
  const HOSTILE = {
    "that throws when it is looked at": () => new Proxy({}, { get: () => { throw new Error("no"); }, ownKeys: () => { throw new Error("no"); }, getPrototypeOf: () => { throw new Error("no"); } }),
    "with getters that throw": () => Object.defineProperties({}, { message: { get() { throw new Error("no"); } }, code: { get() { throw new Error("no"); } } }),
    "that is its own cause": () => { const error = new Error("no"); error.cause = error; return error; },
    "with a message that is no text": () => ({ message: { toString() { throw new Error("no"); } } }),
    "without a prototype": () => Object.create(null),
    "that is a symbol": () => Symbol("no"),
  };
  for (const [name, hostile] of Object.entries(HOSTILE)) {
    for (const apiKey of [undefined, KEY]) {
      it(`${name} breaks nothing (${apiKey ? "with" : "without"} a key)`, async () => {
        const own = new VideoClient({ baseUrl: BASE, fetch: throws(hostile()), ...(apiKey && { apiKey }) });
        const error = await within(10_000, rejection(own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 3 })));
        assert.ok(VideoError.is(error));
        assert.equal(error.code, "network");
        JSON.stringify(error);
      });
    }
  }
});

describe("onRetry", () => {
  it("is called from the first failure on, before the first status, with when the next request leaves", async (test) => {
    const server = await scriptedServer(test, inOrder(503, { status: 502, body: { error: "busy" } }, { fault: "reset" }, pending, done));
    const own = new VideoClient({ baseUrl: server.url });
    /** @type {{ notice: RetryNotice, atMs: number, current: unknown, retrying: unknown }[]} */
    const heard = [];
    const poll = own.poll("v", { onRetry: (notice) => heard.push({ notice, atMs: clock.now, current: poll.current, retrying: poll.retrying }) });
    const { updates, listener } = recorder();
    /** @type {unknown[]} */
    const retrying = [];
    poll.subscribe((update) => {
      listener(update);
      retrying.push(poll.retrying);
    });
    const began = clock.now - performance.now();
    await poll.done;
    assert.deepEqual(heard.map(({ notice }) => [notice.code, notice.reason, notice.attempt, notice.httpStatus, notice.detail]), [
      ["http", "server_error", 1, 503, undefined],
      ["http", "server_error", 2, 502, "busy"],
      ["network", "no_response", 3, undefined, undefined],
    ]);
    for (const [at, { notice, atMs, current, retrying }] of heard.entries()) {
      assert.deepEqual([notice.videoId, notice.url], ["v", `${server.url}${PATH}`]);
      assert.equal(current, undefined);
      assert.equal(retrying, notice);
      const next = /** @type {{ atMs: number }} */ (server.arrivals[at + 1]);
      assert.ok(Math.abs(began + next.atMs - (atMs + notice.nextMs)) <= 2, `${next.atMs}: ${notice.nextMs}`);
    }
    assert.deepEqual(updates.map(({ status, retrying }) => [status, retrying]), [["PENDING", undefined], ["DONE", undefined]]);
    assert.deepEqual(retrying, [undefined, undefined]);
  });

  it("agrees with the updates and with the poll, and is over after a status", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, 503, 500, { status: 429, headers: { "retry-after": "7" } }, pending, done));
    /** @type {[string, string | undefined, string | undefined][]} */
    const heard = [];
    const look = (/** @type {string} */ what) => heard.push([what, poll.current?.retrying, poll.retrying?.reason]);
    const poll = new VideoClient({ baseUrl: server.url }).poll("v", { onRetry: ({ nextMs }) => look(nextMs >= 7_000 ? "retry after 7 s" : "retry"), onUpdate: () => look("update") });
    await poll.done;
    assert.deepEqual(heard, [
      ["update", undefined, undefined],
      ["retry", "http", "server_error"],
      ["update", "http", "server_error"],
      ["retry", "http", "server_error"],
      ["retry after 7 s", "rate_limited", "rate_limited"],
      ["update", "rate_limited", "rate_limited"],
      ["update", undefined, undefined],
      ["update", undefined, undefined],
    ]);
  });

  it("of the client hears of every poll, beside the poll's own", async (test) => {
    const server = await scriptedServer(test, ({ number }) => (number <= 2 ? 503 : done));
    /** @type {string[]} */
    const heard = [];
    const own = new VideoClient({ baseUrl: server.url, onRetry: ({ videoId }) => heard.push(`client ${videoId}`) });
    await Promise.all([own.waitForVideo("a", { ...QUICK, onRetry: ({ videoId }) => heard.push(`poll ${videoId}`) }), own.waitForVideos(["b"], QUICK)]);
    assert.deepEqual(heard.sort(), ["client a", "client b", "poll a"]);
  });

  it("is called for each of the polls of one video, and for one that joins in the midst, with the same next request", async (test) => {
    const server = await scriptedServer(test, inOrder(503, done));
    const own = new VideoClient({ baseUrl: server.url });
    /** @type {[string, number, number][]} */
    const heard = [];
    const listen = (/** @type {string} */ name) => ({ onRetry: (/** @type {RetryNotice} */ { nextMs, detail }) => heard.push([name, clock.now + nextMs, detail?.length ?? 0]) });
    const slow = own.waitForVideo("v", { minIntervalMs: 60_000, maxIntervalMs: 60_000, ...listen("slow") });
    const quick = own.waitForVideo("v", listen("quick"));
    await server.arrived(1);
    while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const late = own.waitForVideo("v", listen("late"));
    await Promise.all([slow, quick, late]);
    assert.deepEqual(heard.map(([name]) => name), ["slow", "quick", "late"]);
    const next = clock.now;
    for (const [name, at] of heard) assert.ok(Math.abs(at - next) <= 2, `${name}: ${at - next}`);
  });

  for (const way of ["throws", "rejects"]) {
    it(`that ${way} is reported, and ends nothing`, async (test) => {
      /** @type {unknown[]} */
      const reported = [];
      Reflect.set(globalThis, "reportError", (/** @type {unknown} */ error) => reported.push(error));
      test.after(() => Reflect.deleteProperty(globalThis, "reportError"));
      const server = await scriptedServer(test, inOrder(503, done));
      const fault = new Error("of a listener");
      const onRetry = () => {
        if (way === "throws") throw fault;
        return /** @type {any} */ (Promise.reject(fault));
      };
      await new VideoClient({ baseUrl: server.url }).waitForVideo("v", { ...QUICK, onRetry });
      assert.deepEqual(reported, [fault]);
    });
  }

  it("may cancel the poll, after which nothing is called", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, 503));
    /** @type {string[]} */
    const heard = [];
    const own = new VideoClient({ baseUrl: server.url, onRetry: () => heard.push("client") });
    const poll = own.poll("v", { onUpdate: () => heard.push("update"), onRetry: () => (heard.push("retry"), poll.cancel()) });
    assert.equal((await rejection(poll.done)).name, "AbortError");
    assert.deepEqual(heard, ["update", "retry"]);
    assert.equal(poll.retrying, undefined);
    await server.staysQuiet();
  });

  it("must be a function", async () => {
    for (const onRetry of /** @type {any[]} */ ([null, "log", {}])) {
      assert.throws(() => new VideoClient({ onRetry }), (error) => VideoError.is(error) && error.code === "invalid_argument");
      await failure(new VideoClient({ baseUrl: BASE }).waitForVideo("v", { onRetry }), "invalid_argument");
    }
  });

  it("hears of a device that is offline, which is no failure of the server's", async (test) => {
    const { navigator } = globalThis;
    Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true });
    test.after(() => Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true }));
    let calls = 0;
    const fetch = async () => {
      calls += 1;
      if (calls > 3) return Response.json(done);
      throw new TypeError("Failed to fetch");
    };
    /** @type {[string, number][]} */
    const heard = [];
    await new VideoClient({ baseUrl: BASE, fetch }).waitForVideo("v", { maxConsecutiveFailures: 2, onRetry: ({ reason, attempt }) => heard.push([reason, attempt]) });
    assert.deepEqual(heard, Array(3).fill(["offline", 1]));
  });
});

describe("a timeout", () => {
  for (const [name, fetch, reason] of /** @type {[string, any, string][]} */ ([
    ["a dead server", throws(hostError("ECONNREFUSED", "connect ECONNREFUSED")), "connection_refused"],
    ["a page behind baseUrl", responds(response(200, SPA)), "web_page"],
    ["a proxy in trouble", responds(response(502, '{"error":"the apiKey hook gave no key"}')), "server_error"],
  ])) {
    it(`that followed ${name} says so, and has the last failure as its cause`, async () => {
      const own = new VideoClient({ baseUrl: BASE, fetch });
      /** @type {RetryNotice[]} */
      const notices = [];
      const error = await failure(own.waitForVideo("v", { timeoutMs: 5_000, onRetry: (notice) => notices.push(notice) }), "timeout");
      assert.equal(error.reason, "timeout_failing");
      readsWell(error);
      const cause = /** @type {any} */ (error.cause);
      assert.ok(cause instanceof VideoError);
      const last = /** @type {RetryNotice} */ (notices.at(-1));
      for (const key of /** @type {const} */ (["code", "reason", "message", "httpStatus", "detail", "url", "videoId", "cause"])) assert.equal(cause[key], last[key], key);
      assert.equal(cause.reason, reason);
      assert.equal(cause.retryable, true);
      // The detail is the cause's.
      assert.ok(error.message.includes(cause.message.replace("detail and ", "")), error.message);
    });
  }

  it("of a server that never responds says so", async () => {
    const own = new VideoClient({ baseUrl: BASE, fetch: () => new Promise(() => {}) });
    const error = await failure(own.waitForVideo("v", { timeoutMs: 5_000 }), "timeout");
    assert.deepEqual([error.reason, error.cause], ["timeout_unanswered", undefined]);
    readsWell(error);
  });

  it("of a video that takes longer has no cause", async () => {
    const own = new VideoClient({ baseUrl: BASE, fetch: responds(Response.json(pending)) });
    const error = await failure(own.waitForVideo("v", { timeoutMs: 5_000 }), "timeout");
    assert.deepEqual([error.reason, error.cause, "cause" in error], ["timeout", undefined, false]);
    readsWell(error);
  });

  it("because the server asks to wait longer has that as its cause", async () => {
    const own = new VideoClient({ baseUrl: BASE, fetch: responds(response(429, '{"error":"tomorrow"}', { "retry-after": "86400" })) });
    const error = await failure(own.waitForVideo("v"), "timeout");
    assert.equal(error.reason, "retry_after_too_long");
    readsWell(error);
    const cause = /** @type {any} */ (error.cause);
    assert.deepEqual([cause.code, cause.httpStatus, cause.detail], ["rate_limited", 429, "tomorrow"]);
  });
});

describe("a VideoError", () => {
  it("is an instance of the class of every copy of the package", async () => {
    const { VideoError: other } = createRequire(entry)("./cjs/index.js");
    assert.notEqual(other, VideoError);
    const error = await rejection(new VideoClient({ baseUrl: BASE, fetch: responds(response(404)) }).getStatus("v"));
    for (const kind of [VideoError, other]) {
      assert.ok(error instanceof kind && kind.is(error));
      assert.ok(error instanceof Error);
      for (const value of [undefined, null, 7, "x", {}, new Error("no"), Object.create(null), { name: "VideoError", code: "http" }, new Proxy({}, { get() { throw new Error("no"); } })]) {
        assert.ok(!(value instanceof kind) && !kind.is(value));
      }
    }
    class Own extends VideoError {}
    assert.ok(!(error instanceof Own));
  });

  it("is written as JSON without the host's objects and with its causes", async () => {
    const thrown = hostError("ECONNREFUSED", "connect ECONNREFUSED");
    const own = new VideoClient({ baseUrl: BASE, fetch: throws(thrown) });
    const error = await failure(own.waitForVideo("v", { timeoutMs: 3_000 }), "timeout");
    const { message, ...json } = JSON.parse(JSON.stringify(error));
    assert.equal(message, error.message);
    assert.deepEqual(json, {
      name: "VideoError",
      code: "timeout",
      reason: "timeout_failing",
      retryable: true,
      videoId: "v",
      url: `${BASE}${PATH}`,
      resumeToken: error.resumeToken,
      cause: {
        name: "VideoError",
        code: "network",
        reason: "connection_refused",
        message: /** @type {Error} */ (error.cause).message,
        retryable: true,
        videoId: "v",
        url: `${BASE}${PATH}`,
        cause: { name: "TypeError", message: "fetch failed" },
      },
    });
  });

  it("is written as JSON with the last update, but for its body", async () => {
    const own = new VideoClient({ baseUrl: BASE, fetch: responds(Response.json({ status: "ERROR", message: "out of film" })) });
    const { last, detail } = JSON.parse(JSON.stringify(await failure(own.waitForVideo("v"), "video_failed")));
    assert.deepEqual([last.status, last.message, "raw" in last, detail], ["ERROR", "out of film", false, "out of film"]);
  });

  it("of an argument has a reason too", async () => {
    const error = await failure(new VideoClient({ baseUrl: BASE }).waitForVideo(""), "invalid_argument");
    assert.equal(error.reason, "invalid_argument");
    assert.throws(() => new VideoClient({ baseUrl: "ftp://x" }), (error) => VideoError.is(error) && error.reason === "invalid_argument");
  });
});

describe("the machine", async () => {
  const { start, step } = await import(new URL("machine.js", entry).href);
  const NOW = Date.UTC(2027, 0, 15);

  it("says which failure is being retried, from the first on", async () => {
    const { snapshot } = await start("v", NOW);
    for (const [event, expected] of /** @type {[any, any][]} */ ([
      [{ type: "network_error" }, { code: "network", reason: "no_response" }],
      [{ type: "response", httpStatus: 503, body: '{"error":"busy"}' }, { code: "http", reason: "server_error", httpStatus: 503, detail: "busy" }],
      [{ type: "response", httpStatus: 200, body: SPA }, { code: "bad_response", reason: "web_page", httpStatus: 200, detail: "My app" }],
    ])) {
      const { command, snapshot: asleep } = await step(snapshot, event, NOW + 100);
      assert.equal(command.type, "sleep");
      const { message, ...rest } = command.retrying;
      assert.deepEqual(rest, { videoId: "v", attempt: 1, nextMs: command.untilMs - NOW - 100, url: "", ...expected });
      assert.ok(message.includes("he server") && message.endsWith("."), message);
      const again = await step(asleep, { type: "wake" }, NOW + 200);
      assert.deepEqual([again.command.retrying.reason, again.command.retrying.attempt], [expected.reason, 1]);
      const due = await step(asleep, { type: "wake" }, command.untilMs);
      const well = await step(due.snapshot, { type: "response", httpStatus: 200, body: '{"status":"PENDING"}' }, command.untilMs + 100);
      assert.equal("retrying" in well.command, false);
    }
  });

  it("has the last failure as the cause of a timeout, from the snapshot alone", async () => {
    const { snapshot } = await start("v", NOW, { timeoutMs: 10_000 });
    const failing = await step(snapshot, { type: "response", httpStatus: 502, body: "down" }, NOW + 9_900);
    const { command } = await step(failing.snapshot, { type: "wake" }, NOW + 10_000);
    // A wake at the deadline is early enough for the carrier, not for one more request.
    assert.equal(command.type, "failed");
    assert.deepEqual([command.error.code, command.error.reason, command.error.videoId], ["timeout", "timeout_failing", "v"]);
    assert.ok(command.error.cause instanceof VideoError);
    assert.deepEqual([command.error.cause.code, command.error.cause.reason, command.error.cause.httpStatus], ["http", "server_error", 502]);
  });
});
