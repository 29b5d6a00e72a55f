// @ts-check
/** The handler by itself, in Node: its options, how it calls fetch, its limits of time and memory, and that it never rejects. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { WRITINGS } from "../secrets/evidence.mjs";
import { createVideoProxy, dist, VideoError } from "./package.mjs";
import { BASE, done, KEY } from "./upstream.mjs";

/** @typedef {import("./package.mjs").ProxyOptions} ProxyOptions */

/** @param {string} [id] @param {RequestInit} [init] */
const request = (id = "v", init) => new Request(`https://site.example${BASE}/${id}`, init);
const answering = () => async () => Response.json(done);

/** @param {Partial<ProxyOptions> & { fetch: any }} options */
const proxy = (options) => createVideoProxy({ apiKey: KEY, ...options });

/** What an answer of the proxy's own says. @param {Response} response */
async function refusal(response) {
  assert.equal(response.headers.get("content-type"), "application/json");
  const { error, ...rest } = await response.json();
  assert.deepEqual([typeof error, rest], ["string", {}]);
  return response.status;
}

describe("a fetch of one's own may give what a test's mock has:", () => {
  /** @param {unknown} response */
  const mocked = (response) => proxy({ fetch: /** @type {any} */ (async () => response) });
  /** @type {Record<string, object>} */
  const mocks = {
    "status and json()": { status: 200, json: async () => done },
    "ok and json()": { ok: true, json: async () => done },
    "ok and text()": { ok: true, text: async () => JSON.stringify(done) },
    "status, headers, a body of null and json()": { status: 200, headers: new Headers(), body: null, json: async () => done },
  };
  for (const [what, mock] of Object.entries(mocks)) {
    it(what, async () => {
      const response = await mocked(mock)(request());
      assert.deepEqual([response.status, await response.json()], [200, done]);
    });
  }

  it("and where it lacks what is needed, that is a 502", async () => {
    for (const mock of [{}, { ok: false }, { status: 200 }, undefined]) assert.equal((await mocked(mock)(request())).status, 502);
  });

  it("and where that repeats the key, it is redacted", async () => {
    const mock = { ok: true, json: async () => ({ status: "PENDING", message: `for ${KEY}` }) };
    assert.deepEqual(await (await mocked(mock)(request())).json(), { status: "PENDING", message: "***" });
  });
});

describe("options that cannot work are refused at once", () => {
  /** @type {[what: string, options: any][]} */
  const cases = [
    ["none", undefined],
    ["null", null],
    ["a text", "key"],
    ["no key", {}],
    ["an empty key", { apiKey: "" }],
    ["a blank key", { apiKey: " \n" }],
    ["a key of another type", { apiKey: 1 }],
    ["a key with a line break", { apiKey: "secret\r\nx: 1" }],
    ["a key with a zero", { apiKey: "secret\0" }],
    ["a key beyond latin-1", { apiKey: "secret€" }],
    ["a relative base URL", { baseUrl: "/api" }],
    ["no URL", { baseUrl: "iacrea" }],
    ["another protocol", { baseUrl: "ftp://iacrea.example" }],
    ["plain http", { baseUrl: "http://iacrea.example" }],
    ["plain http behind a loopback name", { baseUrl: "http://localhost.iacrea.example" }],
    ["plain http to a name that a name server may know", { baseUrl: "http://api.localhost" }],
    ["a user name", { baseUrl: "https://user@iacrea.example" }],
    ["a password", { baseUrl: "https://:word@iacrea.example" }],
    ["a query", { baseUrl: "https://iacrea.example/?a=1" }],
    ["a fragment", { baseUrl: "https://iacrea.example/#a" }],
    ["a share of less than nothing", { shareMs: -1 }],
    ["a share for ever", { shareMs: Infinity }],
    ["a share of no number", { shareMs: NaN }],
    ["a share in a text", { shareMs: "1500" }],
    ["an origin that is no list", { allowedOrigins: "https://app.example" }],
    ["an origin with a slash", { allowedOrigins: ["https://app.example/"] }],
    ["an origin with a path", { allowedOrigins: ["https://app.example/a"] }],
    ["an origin with its usual port", { allowedOrigins: ["https://app.example:443"] }],
    ["an origin in capitals", { allowedOrigins: ["https://App.example"] }],
    ["any origin", { allowedOrigins: ["*"] }],
    ["an origin for many", { allowedOrigins: ["https://*.example", "*.example"] }],
    ["the origin of whoever hides it", { allowedOrigins: ["null"] }],
    ["a host for an origin", { allowedOrigins: ["app.example"] }],
    ["an origin that is an object", { allowedOrigins: [new URL("https://app.example")] }],
    ["an authorize that is no function", { authorize: true }],
    ["a fetch that is no function", { fetch: {} }],
  ];
  for (const [what, options] of cases) {
    it(what, () => {
      const given = options && typeof options === "object" && what.indexOf("key") < 0 ? { apiKey: KEY, ...options } : options;
      assert.throws(
        () => createVideoProxy(given),
        (/** @type {any} */ error) => {
          assert.ok(error instanceof VideoError);
          assert.deepEqual([error.code, error.retryable], ["invalid_argument", false]);
          assert.ok(!inspect(error).includes("secret") && !inspect(error).includes(KEY));
          return true;
        },
      );
    });
  }

  it("and others are taken", () => {
    for (const options of [
      {},
      { baseUrl: new URL("https://iacrea.example/sub/") },
      { baseUrl: "http://127.0.0.1:8080" },
      { baseUrl: "http://localhost" },
      { baseUrl: "http://[::1]:1" },
      { shareMs: 0 },
      { shareMs: 0.5 },
      { allowedOrigins: [] },
      { allowedOrigins: ["https://app.example", "http://localhost:5173", "https://app.example:8443"] },
      { apiKey: () => "" },
      { authorize: undefined, fetch: undefined, shareMs: undefined, baseUrl: undefined, allowedOrigins: undefined },
    ]) {
      assert.equal(typeof createVideoProxy({ apiKey: KEY, .../** @type {any} */ (options) }), "function");
    }
  });

  it("and are read once: what happens to the object later changes nothing", async () => {
    const origins = ["https://app.example"];
    const options = { apiKey: KEY, allowedOrigins: origins, authorize: () => true, fetch: answering() };
    const handler = createVideoProxy(options);
    origins.push("https://evil.example");
    Object.assign(options, { authorize: () => false, apiKey: "another" });
    const response = await handler(request("v", { headers: { origin: "https://evil.example" } }));
    assert.deepEqual([response.status, response.headers.get("access-control-allow-origin")], [200, null]);
  });
});

describe("fetch", () => {
  it("is called unbound, with the key, no caching and no redirects", async () => {
    /** @type {any[]} */
    const calls = [];
    /** @this {unknown} */
    function fetch(/** @type {unknown[]} */ ...given) {
      calls.push([this, ...given]);
      return Promise.resolve(Response.json(done));
    }
    const caller = new AbortController();
    const handler = proxy({ fetch, baseUrl: "https://iacrea.example/sub/" });
    await handler(request("a b", { headers: { cookie: "a=1" }, signal: caller.signal }));
    const [[self, url, { signal, ...init }]] = calls;
    assert.equal(self, undefined);
    assert.equal(url, `https://iacrea.example/sub${BASE}/a%20b`);
    assert.deepEqual(init, { headers: { accept: "application/json", "x-api-key": KEY }, cache: "no-store", redirect: "manual" });
    caller.abort();
    assert.equal(signal.aborted, false);
  });

  it("is the global one of the moment, if none is given", async (test) => {
    const handler = createVideoProxy({ apiKey: KEY });
    const { mock } = test.mock.method(globalThis, "fetch", answering());
    assert.equal((await handler(request())).status, 200);
    assert.equal(mock.calls[0]?.arguments[0], `https://iacrea.com${BASE}/v`);
  });

  it("is not told of caching where the host does not know the word", async (test) => {
    class Strict extends Request {
      /** @param {any} input @param {any} [init] */
      constructor(input, init) {
        if (init && "cache" in init) throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.");
        super(input, init);
      }
    }
    const original = globalThis.Request;
    test.after(() => void (globalThis.Request = original));
    globalThis.Request = Strict;
    /** @type {any} */
    let init;
    const handler = proxy({ fetch: async (/** @type {any[]} */ ...given) => ((init = given[1]), Response.json(done)) });
    assert.equal((await handler(new original(`https://site.example${BASE}/v`))).status, 200);
    assert.deepEqual(["cache" in init, init.redirect], [false, "manual"]);
  });

  for (const [what, fetch, status = 502] of /** @type {[string, any, number?][]} */ ([
    ["rejects", () => Promise.reject(new TypeError(`cannot send ${KEY}`))],
    ["rejects with nothing", () => Promise.reject()],
    ["throws", () => { throw new Error(KEY); }],
    ["gives nothing", () => undefined],
    ["gives an object", () => ({})],
    ["gives a status alone", () => ({ status: 200 })],
    ["gives no bytes", () => new Response(new ReadableStream({ start: (stream) => stream.enqueue("text") }))],
    ["gives a body that fails", () => new Response(new ReadableStream({ start: (stream) => stream.error(new Error(KEY)) }))],
    ["gives a redirect it did not follow", () => ({ type: "opaqueredirect", status: 0, headers: new Headers() })],
    ["gives what it was redirected to", () => Object.defineProperty(Response.json(done), "redirected", { value: true })],
    ["gives an error", () => Response.error()],
    ["gives a status that does not exist", () => ({ status: 999, headers: new Headers(), arrayBuffer: async () => new ArrayBuffer(0) })],
    ["gives a response of another make", () => ({ status: 201, headers: new Headers(), body: {}, arrayBuffer: async () => new ArrayBuffer(2) }), 201],
  ])) {
    it(`that ${what} gives ${status}`, async (test) => {
      const error = test.mock.method(console, "error", () => {});
      const response = await proxy({ fetch: async (/** @type {any[]} */ ...given) => fetch(...given) })(request());
      assert.equal(response.status, status);
      const text = await response.text();
      assert.ok(!text.includes(KEY));
      assert.ok(error.mock.callCount() <= 1);
      assert.ok(!inspect(error.mock.calls).includes(KEY));
    });
  }

  it("that throws at once gives 502", async () => {
    const fetch = () => {
      throw new Error(KEY);
    };
    assert.equal(await refusal(await proxy({ fetch })(request())), 502);
  });

  for (const status of [204, 205, 304]) {
    it(`gives ${status} without a body`, async () => {
      const response = await proxy({ fetch: async () => new Response(null, { status }) })(request());
      assert.deepEqual([response.status, response.body], [status, null]);
    });
  }

  it("that sends more than a megabyte is stopped", async () => {
    let pulled = 0;
    /** @type {AbortSignal | undefined} */
    let signal;
    let cancelled = false;
    const body = new ReadableStream({
      pull: (stream) => void ((pulled += 65_536), stream.enqueue(new Uint8Array(65_536))),
      cancel: () => void (cancelled = true),
    });
    const fetch = async (/** @type {any} */ _url, /** @type {any} */ init) => ((signal = init.signal), new Response(body));
    assert.equal(await refusal(await proxy({ fetch })(request())), 502);
    assert.ok(cancelled);
    assert.ok(pulled <= 1_048_576 + 3 * 65_536, String(pulled));
    assert.equal(signal?.aborted, true);
  });
});

describe("time", () => {
  /** @type {Record<string, () => Promise<Response>>} */
  const stalls = {
    "headers": () => new Promise(() => {}),
    "the body": async () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(1)) })),
  };
  for (const [what, stall] of Object.entries(stalls)) {
    for (const shareMs of [0, 1_500]) {
      it(`is 30 s until ${what} must be there, sharing for ${shareMs} ms`, async (test) => {
        test.mock.timers.enable({ apis: ["setTimeout"] });
        let signal = /** @type {AbortSignal | undefined} */ (undefined);
        const handler = proxy({ shareMs, fetch: (/** @type {any} */ _url, /** @type {any} */ init) => ((signal = init.signal), stall()) });
        let settled = false;
        const answers = [handler(request()), handler(request())];
        void Promise.any(answers).then(() => (settled = true));
        await turns();
        test.mock.timers.tick(29_999);
        await turns();
        assert.deepEqual([settled, signal?.aborted], [false, false]);
        test.mock.timers.tick(1);
        for (const response of await Promise.all(answers)) assert.equal(await refusal(response), 504);
        assert.equal(signal?.aborted, true);
      });
    }
  }

  it("leaves no timer: a process with an answer still shared ends by itself", async () => {
    const program = `
      import { createVideoProxy } from ${JSON.stringify(`${dist}/edge.js`)};
      const proxy = createVideoProxy({ apiKey: "k", shareMs: 600_000, fetch: async () => Response.json({}) });
      const request = () => new Request("https://site.example${BASE}/v");
      const answers = await Promise.all([proxy(request()), proxy(request())]);
      console.log(answers.map(({ status }) => status).join());`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    // It would keep an answer for ten minutes.
    const limit = setTimeout(() => child.kill("SIGKILL"), 240_000);
    const [code] = await once(child, "close");
    clearTimeout(limit);
    assert.deepEqual([code, output], [0, "200,200\n"]);
  });
});

describe("memory", () => {
  /** The ids that a proxy asked for, while it keeps its answers for long. @param {() => Response} answer */
  function keeper(answer) {
    /** @type {string[]} */
    const asked = [];
    const fetch = async (/** @type {any} */ url) => {
      asked.push(String(url).split("/").at(-1) ?? "");
      return answer();
    };
    const handler = proxy({ shareMs: 600_000, fetch });
    return { asked, ask: (/** @type {string} */ id) => handler(request(id)) };
  }

  it("holds no more than a thousand answers", async () => {
    const { asked, ask } = keeper(() => Response.json(done));
    for (let at = 0; at <= 1_000; at += 1) await ask(`v${at}`);
    assert.equal(asked.length, 1_001);
    await ask("v1000");
    await ask("v1");
    assert.equal(asked.length, 1_001);
    await ask("v0");
    assert.equal(asked.length, 1_002);
  });

  it("holds no more than eight megabytes", async () => {
    const { asked, ask } = keeper(() => new Response("x".repeat(1_000_000)));
    for (let at = 0; at <= 8; at += 1) await ask(`v${at}`);
    await ask("v8");
    await ask("v1");
    assert.equal(asked.length, 9);
    await ask("v0");
    assert.equal(asked.length, 10);
  });
});

describe("the handler", () => {
  it("gives each caller a Response of their own", async () => {
    const handler = proxy({ fetch: answering() });
    const [one, two] = await Promise.all([handler(request()), handler(request())]);
    assert.notEqual(one, two);
    new Uint8Array(await /** @type {Response} */ (one).arrayBuffer()).fill(0);
    assert.deepEqual(await two?.json(), done);
    assert.deepEqual(await (await handler(request())).json(), done);
  });

  it("answers HEAD without a body, whatever the host does with one", async () => {
    const response = await proxy({ fetch: answering() })(request("v", { method: "HEAD" }));
    assert.deepEqual([response.status, response.body], [200, null]);
  });

  it("is not confused by a hook that changes what it is told", async () => {
    let url;
    const handler = proxy({
      authorize: (_request, video) => {
        video.id = "../another";
        video.kind = "auto";
        return true;
      },
      fetch: async (/** @type {unknown} */ given) => ((url = given), Response.json(done)),
    });
    await handler(request("mine"));
    assert.equal(url, `https://iacrea.com${BASE}/mine`);
  });

  for (const [what, given] of /** @type {[string, any][]} */ ([
    ["nothing", undefined],
    ["an object", {}],
    ["a request with half a URL", { url: `${BASE}/v`, method: "GET", headers: {} }],
    ["a request without headers", { url: `https://site.example${BASE}/v`, method: "GET" }],
  ])) {
    it(`does not reject for ${what}`, async (test) => {
      const { mock } = test.mock.method(console, "error", () => {});
      assert.equal(await refusal(await proxy({ fetch: answering() })(given)), 500);
      assert.equal(mock.callCount(), 1);
      assert.ok(!inspect(mock.calls).includes(KEY));
    });
  }

  it("tells the console, and nobody else, what a hook threw", async (test) => {
    const { mock } = test.mock.method(console, "error", () => {});
    const thrown = new Error("the words of the hook");
    const hook = () => {
      throw thrown;
    };
    for (const options of [{ authorize: hook }, { apiKey: hook }]) {
      const response = await proxy({ ...options, fetch: answering() })(request());
      assert.equal(await refusal(response.clone()), 500);
      assert.match(await response.text(), new RegExp(Object.keys(options).join()));
      assert.equal(mock.calls.at(-1)?.arguments.at(-1), thrown);
    }
  });
});

describe("the log of a server that is set up wrongly", () => {
  const API = `https://api-${process.pid}.example`;
  const hosts = (/** @type {string} */ name) => ({ baseUrl: `${API}/${name}` });
  const refused = (/** @type {string} */ words) => async () => {
    throw new TypeError("fetch failed", { cause: new Error(words) });
  };
  /** @type {Record<string, [options: any, status: number, log: RegExp, told: RegExp]>} */
  const setups = {
    "an apiKey hook that gives an empty text": [{ apiKey: () => "" }, 500, /the apiKey hook of the proxy gave an empty text for a key\. The environment variable .* probably not set/, /not set up, which does not pass by itself/],
    "an apiKey hook that gives undefined": [{ apiKey: () => undefined }, 500, /gave undefined for a key\. The environment variable/, /not set up/],
    "an apiKey hook that gives what no header can hold": [{ apiKey: async () => `${KEY}\n${KEY}` }, 500, /gave a text that no header can hold for a key/, /not set up/],
    "an API that is down": [{ ...hosts("down"), fetch: refused("connect ECONNREFUSED 127.0.0.1:9") }, 502, new RegExp(`not be reached at ${API}/down${BASE}/\\{id\\}: connect ECONNREFUSED 127\\.0\\.0\\.1:9\\. Check`), /could not be reached/],
    "an API that is down, of which the host quotes the request": [{ ...hosts("quoted"), fetch: refused(`x-api-key: ${KEY}`) }, 502, new RegExp(`not be reached at ${API}/quoted${BASE}/\\{id\\}: \\*\\*\\*\\.`), /could not be reached/],
    "an API that redirects": [{ ...hosts("moved"), fetch: async (/** @type {string} */ url) => new Response(null, { status: 308, headers: { location: `${url}/?token=1` } }) }, 502, new RegExp(`${API}/moved${BASE}/\\{id\\} redirects to ${API}/moved${BASE}/\\{id\\}/, which is not followed`), /redirects/],
    "an API that redirects to a place with the key": [{ ...hosts("echo"), fetch: async () => new Response(null, { status: 302, headers: { location: `/${KEY}` } }) }, 502, new RegExp(`${API}/echo\\S+ redirects to \\*\\*\\*, which`), /redirects/],
    "an authorize that returns nothing": [{ authorize: () => {} }, 403, /the authorize hook of the proxy returned undefined, which is refused: return true, false or a Response/, /not for you/],
  };
  for (const [what, [options, status, words, told]] of Object.entries(setups)) {
    it(`names ${what} once, and not the key`, async (test) => {
      const { mock } = test.mock.method(console, "error", () => {});
      const own = proxy({ shareMs: 0, fetch: answering(), ...options });
      for (const id of ["v1", "v2", "v3"]) {
        const response = await own(request(id));
        assert.equal(await refusal(response.clone()), status);
        assert.match(await response.text(), told);
      }
      assert.equal(mock.callCount(), 1, inspect(mock.calls.map((call) => call.arguments)));
      const said = String(mock.calls[0]?.arguments);
      assert.match(said, words);
      assert.ok(said.startsWith("iacrea-video: ") && !said.includes(KEY) && !said.includes("token=1"), said);
    });
  }

  it("says nothing of a caller who leaves, nor of who is refused", async (test) => {
    const { mock } = test.mock.method(console, "error", () => {});
    const controller = new AbortController();
    /** @type {() => void} */
    let sent = () => {};
    const isSent = new Promise((resolve) => (sent = () => resolve(undefined)));
    const hanging = proxy({
      fetch: (/** @type {any} */ _url, /** @type {any} */ { signal }) => {
        sent();
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const left = hanging(request("v", { signal: controller.signal }));
    await isSent;
    controller.abort();
    await left;
    await proxy({ authorize: () => false, fetch: answering() })(request());
    assert.equal(mock.callCount(), 0);
  });
});

describe("a long body", () => {
  for (const length of [65_537, 131_072, 1_048_576]) {
    it(`comes in pieces as its caller reads it, whole and for each caller by itself: ${length} bytes`, async () => {
      const sent = Buffer.from("0123456789abcdef".repeat(length / 16 + 1).slice(0, length));
      const shared = proxy({ fetch: async () => new Response(sent) });
      const callers = await Promise.all([shared(request()), shared(request())]);
      for (const { body } of callers) {
        const pieces = [];
        for await (const piece of /** @type {AsyncIterable<Uint8Array>} */ (/** @type {unknown} */ (body))) {
          // No more is made for who does not read.
          assert.ok(piece.length <= 65_536, `${piece.length} bytes`);
          pieces.push(Buffer.from(piece));
          piece.fill(0);
        }
        assert.ok(Buffer.concat(pieces).equals(sent));
      }
    });
  }

  it("is nothing for HEAD", async () => {
    const head = await proxy({ fetch: async () => new Response("x".repeat(100_000)) })(request("v", { method: "HEAD" }));
    assert.deepEqual([head.status, await head.text()], [200, ""]);
  });
});

describe("a key in what the API says", () => {
  /** The bytes that come through, and how they are declared. @param {string} apiKey @param {any} body @param {string} [type] */
  async function through(apiKey, body, type = "text/plain") {
    const fetch = async () => new Response(body, { headers: { "content-type": type } });
    const response = await proxy({ apiKey, fetch, shareMs: 0 })(request());
    return { body: Buffer.from(await response.arrayBuffer()), type: response.headers.get("content-type") };
  }

  /** A text in the bytes of a charset. @param {string} text @param {string} charset */
  function encoded(text, charset) {
    if (charset === "utf-16be") return Buffer.from(text, "utf16le").swap16();
    if (charset === "utf-32le") return Buffer.concat([...text].map((letter) => Buffer.from([letter.charCodeAt(0), 0, 0, 0])));
    return Buffer.from(text, /** @type {BufferEncoding} */ (charset));
  }

  /** @type {Record<string, { what: string, key: string, body: string, bytes?: string, type?: string, redacted?: string }[]>} */
  const vectors = JSON.parse(readFileSync(new URL("../vectors/redaction.json", import.meta.url), "utf8"));
  for (const [group, all] of Object.entries(vectors)) {
    for (const { what, key, body, bytes = "utf-8", type, redacted } of all) {
      it(`${redacted === undefined ? "does not hide" : "is redacted in"} ${group}: ${what}`, async () => {
        const sent = encoded(body, bytes);
        const given = await through(key, sent, type);
        assert.deepEqual(given.body.toString(), Buffer.from(redacted ?? sent).toString());
        if (redacted !== undefined) assert.match(given.type ?? "", /^(?:[^;]*|.*; charset=utf-8)$/);
        else assert.deepEqual(given.body, sent);
      });
    }
  }

  for (const key of ["seven77", "----------"]) {
    it(`that is not looked for costs nothing, whatever the text: ${key}`, async (test) => {
      const sent = "%25252561&amp;amp;".repeat(1_000);
      let looks = 0;
      const { replace } = String.prototype;
      test.mock.method(String.prototype, "replace", /** @this {string} */ function (/** @type {any[]} */ ...given) {
        looks += Number(String(this) === sent);
        return Reflect.apply(replace, this, given);
      });
      assert.equal((await through(key, sent)).body.toString(), sent);
      assert.equal(looks, 0, "no code of it is undone");
      await through(KEY, sent);
      assert.ok(looks > 0, "and it would be seen here");
    });
  }

  /** Numbers from 0 to just under 1, the same in each run (mulberry32). @param {number} seed */
  function random(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  it("is redacted in any three layers, whole or shortened, and what is beside it stays", async () => {
    const next = random(1);
    const below = (/** @type {number} */ end) => Math.floor(next() * end);
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+=_.:~-\u00e9";
    const layers = Object.entries(WRITINGS);
    for (let round = 0; round < 1_000; round += 1) {
      const key = Array.from({ length: 8 + below(40) }, () => letters[below(letters.length)]).join("");
      const chosen = Array.from({ length: below(4) }, () => layers[below(layers.length)] ?? assert.fail());
      const part = key.length > 24 && next() < 0.5 ? key.slice(0, 24 + below(key.length - 24)) : key;
      const written = chosen.reduce((text, [, write]) => write(text), part);
      const how = `${key} ${chosen.map(([name]) => name).join(", ")}`;
      assert.equal((await through(key, `key <${written}>, it says`)).body.toString(), "***", how);
      const json = { n: 12_345_678, [written]: [written, { beside: written }, "stays"] };
      const clean = { n: 12_345_678, "***": ["***", { beside: "***" }, "stays"] };
      assert.deepEqual(JSON.parse((await through(key, JSON.stringify(json))).body.toString()), clean, how);
    }
  });

  it("is left alone where it only looks like one, in any three layers", async () => {
    const next = random(2);
    const below = (/** @type {number} */ end) => Math.floor(next() * end);
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const layers = Object.values(WRITINGS);
    for (let round = 0; round < 1_000; round += 1) {
      const key = Array.from({ length: 12 + below(36) }, () => letters[below(letters.length)]).join("");
      const at = below(12);
      for (const near of [`${key.slice(0, at)}${key[at] === "x" ? "y" : "x"}${key.slice(at + 1)}`, key.slice(0, 11), key.slice(1)]) {
        const chosen = Array.from({ length: below(4) }, () => layers[below(layers.length)] ?? assert.fail());
        const sent = JSON.stringify({ said: chosen.reduce((text, write) => write(text), near) });
        assert.equal((await through(key, sent)).body.toString(), sent, key);
      }
    }
  });

  it("is looked for in so many steps for each letter, whatever the key and the text, by expressions that do not depend on it", async () => {
    const SIZE = 5_000;
    // Eight layers and the text as it came, twice for JSON, whose strings are looked at by themselves. In each, a letter is
    // passed by at most five expressions, and by a search for no more than so many letters for each form of the key.
    const MOST = 2 * 9 * 8;
    const LONGEST = 256;
    const used = new Set();
    let steps = 0;
    const { exec } = RegExp.prototype;
    const { includes } = String.prototype;
    /** @param {string} key @param {string} text */
    const measured = async (key, text) => {
      used.clear();
      steps = 0;
      const exchange = { handler: proxy({ apiKey: key, fetch: async () => new Response(text), shareMs: 0 }), request: request() };
      /** @this {RegExp} */
      RegExp.prototype.exec = function (given) {
        used.add(this.source);
        steps += 1;
        return exec.call(this, given);
      };
      String.prototype.includes = function (part, from) {
        steps += this.length;
        assert.ok(part.length <= LONGEST);
        return includes.call(this, part, from);
      };
      try {
        await exchange.handler(exchange.request);
      } finally {
        RegExp.prototype.exec = exec;
        String.prototype.includes = includes;
      }
      return { steps, used: new Set(used) };
    };
    const escaped = (/** @type {string} */ text) => WRITINGS["in a URL, all escaped"]?.(text) ?? assert.fail();
    const expressions = new Set();
    for (const text of [`["\\/${KEY}"]`, KEY, "a".repeat(SIZE)]) {
      const { used } = await measured(KEY, text);
      for (const source of used) expressions.add(source);
    }
    assert.ok(steps >= SIZE, `${steps} steps are not all that it takes to look through ${SIZE} letters`);
    for (const key of ["0123456789ab", KEY, "0123456789abcdef0123456789abcdef", "%25%25%25%25%25%25x", `${"a".repeat(3_000)}b${"a".repeat(3_000)}`, "ab".repeat(3_000)]) {
      const nearly = key.slice(0, -1);
      for (const unit of [`${escaped(nearly)}!`, nearly, "\\", "%25", "%2525252561", `%${"25".repeat(SIZE / 2)}61`, "%61", "&#", "&#0097;", "&#0000000000000000", "&amp;amp;", "&aaaaaaaaaaaaaaaa", "\\u{", "\\u{0000000000000000", "\\\\\\\\u0061", "a", "https://a"]) {
        const times = Math.ceil(SIZE / unit.length);
        // Where the first string has the key, each of the others is looked at by itself.
        for (const text of [unit, unit.repeat(times), `https://${unit.repeat(times)}`, JSON.stringify([key, unit.repeat(times)]), JSON.stringify([key, ...Array(times).fill(unit)])]) {
          const { steps, used } = await measured(key, text);
          assert.ok(steps <= MOST * (text.length + 100), `${steps} steps for ${text.length} letters: ${key.slice(0, 20)} in ${text.slice(0, 60)}`);
          assert.deepEqual([...used].filter((source) => !expressions.has(source)), []);
        }
      }
    }
  });
});

/** Lets promises settle. */
async function turns() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
