// @ts-check
/** How the given `fetch` is called, and what it may give. What a request looks like on its way is in `request.test.mjs`. */

import { leap } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { done, pending } from "./answers.mjs";
import { hostileValues } from "./hostile-values.mjs";
import { VideoClient } from "./package.mjs";
import { deferred, failure, QUICK, rejection, staysPending, within } from "./settling.mjs";

leap();

/** @typedef {import("./package.mjs").ClientOptions} ClientOptions */

/** A response of another make, whose body comes in these parts. @param {Iterable<unknown>} parts @returns {any} */
function inParts(parts) {
  const all = parts[Symbol.iterator]();
  return { status: 200, body: { getReader: () => ({ read: async () => all.next() }) } };
}

/**
 * A `Request` that can be made with none of these words; without any it cannot be made at all.
 * @param {...string} words @returns {any}
 */
function refusing(...words) {
  return class extends Request {
    /** @param {RequestInfo | URL} input @param {RequestInit} [init] */
    constructor(input, init = {}) {
      if (words.length === 0 || words.some((word) => word in init)) throw new TypeError("it is not implemented");
      super(input, init);
    }
  };
}

describe("fetch", () => {
  it("is given an address at https://iacrea.com by default", async () => {
    const asked = deferred();
    /** @type {any} */
    const listening = async (/** @type {string} */ target) => {
      asked.resolve(target);
      return Response.json(done);
    };
    await new VideoClient({ apiKey: "k-123456", fetch: listening }).waitForVideo("v");
    assert.equal(await asked.promise, "https://iacrea.com/api/video-editor/generate/video/v");
  });

  it("may change headers, which are those of its own request alone", async () => {
    /** @type {(string | null)[]} */
    const seen = [];
    /** @type {any} */
    const adding = async (/** @type {string} */ _, /** @type {{ headers: Headers }} */ { headers }) => {
      headers.append("x-request", String(seen.length));
      seen.push(headers.get("x-request"));
      return Response.json(seen.length < 3 ? pending : done);
    };
    await new VideoClient({ fetch: adding }).waitForVideo("v", QUICK);
    assert.deepEqual(seen, ["0", "1", "2"]);
  });

  it("is called unbound, with the URL as text, and with headers, a signal and the words that keep an answer fresh", async () => {
    /** @type {{ self: unknown, target: unknown, init: any, count: number }[]} */
    const calls = [];
    /** @this {unknown} @param {unknown} target @param {any} init */
    async function spy(target, init) {
      calls.push({ self: this, target, init, count: arguments.length });
      return Response.json(done);
    }
    const own = new VideoClient({
      apiKey: "k-123456",
      headers: { "x-session": "abc" },
      credentials: "include",
      fetch: /** @type {any} */ (spy),
    });
    await own.waitForVideo("v");
    await own.getStatus("v");
    assert.equal(calls.length, 2);
    for (const { self, target, init, count } of calls) {
      assert.equal(self, undefined);
      assert.equal(target, "https://iacrea.com/api/video-editor/generate/video/v");
      assert.equal(count, 2);
      assert.equal(new Headers(init.headers).get("x-api-key"), "k-123456");
      assert.equal(new Headers(init.headers).get("x-session"), "abc");
      assert.ok(init.signal instanceof AbortSignal);
      assert.deepEqual(
        [init.credentials, init.cache, init.redirect, init.method ?? "GET", init.body],
        ["include", "no-store", "manual", "GET", undefined],
      );
    }
  });

  /** Hosts by what their `Request` makes of it, and whether they are told of `cache`. @type {[what: string, request: any, cache: boolean][]} */
  const hosts = [
    ["takes all words", Request, true],
    ["refuses cache", refusing("cache"), false],
    ["refuses redirect", refusing("redirect"), true],
    ["refuses both", refusing("cache", "redirect"), false],
    ["can never be made", refusing(), false],
    ["is not there", undefined, false],
  ];
  for (const [what, request, cache] of hosts) {
    for (const apiKey of ["k-123456", undefined]) {
      it(`is told to follow no redirect, ${apiKey ? "with" : "without"} a key, where the host's Request ${what}`, async (test) => {
        const original = globalThis.Request;
        test.after(() => void (globalThis.Request = original));
        globalThis.Request = request;
        /** @type {RequestInit[]} */
        const inits = [];
        /** @type {(string | null)[]} */
        const carried = [];
        // As a fetch of another make, which needs no Request of the host's.
        const fetch = async (/** @type {any} */ _, /** @type {any} */ init) => {
          inits.push(init);
          if (init.redirect === "manual") return new Response("", { status: 302, headers: { location: "https://elsewhere.example/" } });
          carried.push(new Headers(init.headers).get("x-api-key"));
          return Response.json(done);
        };
        const own = new VideoClient({ ...(apiKey && { apiKey }), fetch });
        await failure(own.getStatus("v"), "redirected");
        await failure(own.waitForVideo("v", QUICK), "redirected");
        assert.deepEqual(inits.map((init) => [init.redirect, init.cache]), Array(2).fill(["manual", cache ? "no-store" : undefined]));
        assert.deepEqual(carried, []);
      });
    }
  }

  /** What a fetch may do that does not know the word. @type {Record<string, () => any>} */
  const refusals = {
    "throws for it": () => {
      throw new TypeError("not implemented");
    },
    "rejects for it": () => Promise.reject(new TypeError("The 'redirect' field is not implemented.")),
  };
  for (const [what, refuse] of Object.entries(refusals)) {
    /** @param {ClientOptions} options */
    const client = (options) => {
      /** @type {(string | undefined)[]} */
      const words = [];
      const fetch = (/** @type {any} */ _, /** @type {any} */ init) => {
        words.push(init.redirect);
        return init.redirect ? refuse() : Promise.resolve(Response.json(words.length < 3 ? pending : done));
      };
      return { words, own: new VideoClient({ ...options, fetch }) };
    };

    it(`that ${what} to follow no redirect is called without, where there is no key, and from then on`, async () => {
      const { words, own } = client({});
      await own.waitForVideo("v", QUICK);
      assert.deepEqual(words, ["manual", undefined, undefined]);
      await own.getStatus("v");
      assert.deepEqual(words.slice(3), [undefined]);
    });

    for (const options of [{ apiKey: "k-123456" }, { headers: { "X-Api-Key": "k-123456" } }]) {
      it(`that ${what} to follow no redirect never gets a key without (${Object.keys(options)})`, async () => {
        const { words, own } = client(options);
        await failure(own.getStatus("v"), "network");
        await failure(own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 2 }), "network");
        assert.deepEqual(words, ["manual", "manual", "manual"]);
      });
    }
  }

  it("that fails for another reason is not called again at once, and goes on being told", async () => {
    /** @type {(string | undefined)[]} */
    const words = [];
    const failing = async (/** @type {any} */ _, /** @type {any} */ init) => {
      words.push(init.redirect);
      if (words.length === 1) throw new TypeError("fetch failed");
      // What is thrown may be anything.
      if (words.length === 2) throw undefined;
      return Response.json(done);
    };
    const own = new VideoClient({ fetch: failing });
    await failure(own.getStatus("v"), "network");
    await failure(own.getStatus("v"), "network");
    await own.getStatus("v");
    assert.deepEqual(words, ["manual", "manual", "manual"]);
  });

  it("that throws whatever it is told goes on being told to follow no redirect", async () => {
    /** @type {(string | undefined)[]} */
    const words = [];
    const own = new VideoClient({
      fetch: (/** @type {any} */ _, /** @type {any} */ init) => {
        words.push(init.redirect);
        if (words.length < 3) throw new TypeError("no network");
        return Promise.resolve(Response.json(done));
      },
    });
    await failure(own.getStatus("v"), "network");
    await own.getStatus("v");
    assert.deepEqual(words, ["manual", undefined, "manual"]);
  });

  it("gets no credentials where none are given", async () => {
    /** @type {any} */
    let seen;
    /** @type {any} */
    const spy = async (/** @type {unknown} */ _, /** @type {RequestInit} */ init) => {
      seen = init;
      return Response.json(done);
    };
    await new VideoClient({ fetch: spy }).waitForVideo("v");
    assert.ok(!("credentials" in seen));
  });

  it("is looked up at each call where none was given, so that a replaced global is used", async (test) => {
    const own = new VideoClient({ baseUrl: "http://replaced.localhost" });
    test.mock.method(globalThis, "fetch", async () => Response.json(done));
    assert.equal((await own.waitForVideo("v")).status, "DONE");
  });

  it("may be a class's method that insists on being bound", async () => {
    class Transport {
      #answer = done;
      fetch = async () => Response.json(this.#answer);
    }
    assert.equal((await new VideoClient({ fetch: new Transport().fetch }).waitForVideo("v")).status, "DONE");
  });

  it("may answer at once and not with a promise", async () => {
    /** @type {any} */
    const hasty = () => Response.json(done);
    assert.equal((await new VideoClient({ fetch: hasty }).waitForVideo("v")).status, "DONE");
  });

  const text = JSON.stringify({ ...done, title: "é🎬" });
  /** @type {Record<string, () => unknown>} */
  const responses = {
    "a body without a stream": () => ({ status: 200, headers: new Headers(), text: async () => text }),
    "no headers": () => ({ status: 200, text: async () => text }),
    "a byte order mark": () => new Response(`\ufeff${text}`),
    "a body in chunks that cut its letters": () =>
      new Response(
        new ReadableStream({
          start(controller) {
            for (const byte of new TextEncoder().encode(text)) controller.enqueue(new Uint8Array([byte]));
            controller.close();
          },
        }),
      ),
    "empty chunks in between": () =>
      new Response(
        new ReadableStream({
          start(controller) {
            for (const part of ["", text, ""]) controller.enqueue(new TextEncoder().encode(part));
            controller.close();
          },
        }),
      ),
    "views of all kinds": () => {
      const bytes = new TextEncoder().encode(text.padEnd(text.length + 8 - (text.length % 8)));
      const { buffer } = bytes;
      return inParts([new DataView(buffer, 0, 3), new Int8Array(buffer, 3, 5), new BigInt64Array(buffer, 8, 1), new Uint16Array(buffer, 16, 4), new DataView(buffer, 24)]);
    },
    "bytes that lie of their length": () => inParts([Object.defineProperty(new TextEncoder().encode(text), "length", { value: 4 })]),
    "status 201": () => new Response(text, { status: 201 }),
    "no more than a test's mock has: status and json()": () => ({ status: 200, json: async () => JSON.parse(text) }),
    "ok and json()": () => ({ ok: true, json: async () => JSON.parse(text) }),
    "ok, headers as an object, and json() that is no promise": () => ({ ok: true, headers: {}, json: () => JSON.parse(text) }),
    "status, a body of null and json()": () => ({ status: 200, body: null, json: async () => JSON.parse(text) }),
    "ok and text()": () => ({ ok: true, text: async () => text }),
  };
  for (const [name, response] of Object.entries(responses)) {
    it(`may answer with ${name}`, async () => {
      /** @type {any} */
      const given = async () => response();
      const video = await within(
        1,
        new VideoClient({ fetch: given }).waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 1 }),
      );
      assert.deepEqual(video.raw, JSON.parse(text));
    });
  }

  it("that answers with what is no bytes has not answered, and that ends nobody else's poll", async () => {
    const other = new VideoClient({ fetch: async () => Response.json(pending) }).poll("v", QUICK);
    const odd = Object.entries(hostileValues()).filter(([kind]) => kind.endsWith("taken away"));
    assert.equal(odd.length, 2);
    for (const part of [...odd.map(([, value]) => value), "text", 7, [123, 125], {}]) {
      await failure(new VideoClient({ fetch: async () => inParts([part]) }).getStatus("v"), "bad_response");
    }
    await staysPending(other.done, 1_000);
    other.cancel();
  });

  const read = Response.json(done);
  /** @type {Record<string, any>} */
  const lacking = {
    "nothing": undefined,
    "null": null,
    "a text": JSON.stringify(done),
    "the body itself": done,
    "no status": { text: async () => text },
    "no status, and not ok": { ok: false, json: async () => done },
    "neither text() nor json()": { status: 200, headers: new Headers() },
    "a text() that gives none": { status: 200, text: async () => done },
    "a json() that gives undefined": { status: 200, json: async () => undefined },
    "one Response again and again": read,
  };
  for (const [name, given] of Object.entries(lacking)) {
    it(`that gives ${name} is told what a response lacks`, async () => {
      await read.text().catch(() => {});
      const own = new VideoClient({ fetch: async () => given });
      for (const asked of [own.getStatus("v"), own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 1 })]) {
        const error = await failure(asked, "bad_response");
        assert.equal(error.reason, "not_a_response");
        assert.match(error.message, /lacks a status, or a text\(\) or json\(\)/);
        assert.equal(error.httpStatus, undefined);
      }
    });
  }

  it("that gives a failure with no body at all has said enough", async () => {
    for (const [status, code] of /** @type {const} */ ([[401, "unauthorized"], [404, "not_found"], [503, "http"]])) {
      const own = new VideoClient({ fetch: /** @type {any} */ (async () => ({ ok: false, status })) });
      assert.equal((await failure(own.getStatus("v"), code)).httpStatus, status);
    }
  });

  it("that gives json() which throws, or makes a circle, has not answered", async () => {
    /** @type {any} */
    const circle = {};
    circle.self = circle;
    const read = (/** @type {() => unknown} */ json) => new VideoClient({ fetch: /** @type {any} */ (async () => ({ ok: true, json })) }).getStatus("v");
    await failure(read(async () => { throw new Error("no"); }), "network");
    for (const json of [async () => circle, () => { throw new Error("no"); }, async () => 10n]) await failure(read(json), "bad_response");
  });

  it("that gives json() with the key in it has it redacted, and is held to the longest body", async () => {
    const apiKey = "key-of-a-test-0123456789";
    const json = async () => ({ status: "PENDING", message: `for ${apiKey}` });
    const fetch = /** @type {any} */ (async () => ({ ok: true, json }));
    const { raw } = await new VideoClient({ apiKey, fetch }).getStatus("v");
    assert.deepEqual(raw, { status: "PENDING", message: "***" });
    await failure(new VideoClient({ fetch, maxResponseBytes: 20 }).getStatus("v"), "bad_response");
  });

  for (const [name, answer] of /** @type {[string, () => any][]} */ ([
    ["an error in the place of a response", () => Response.error()],
    ["a status that is no number", () => ({ status: NaN, text: async () => "" })],
    ["a status below 0", () => ({ status: -1, text: async () => "" })],
  ])) {
    it(`that gives ${name} is asked again`, async () => {
      let asked = 0;
      const own = new VideoClient({ fetch: async () => (asked++ === 0 ? answer() : Response.json(done)) });
      assert.equal((await own.waitForVideo("v", QUICK)).requests, 2);
    });
  }

  it("that hides a redirect, or knows no type of a response, is told of it", async () => {
    for (const type of ["opaqueredirect", undefined]) {
      /** @type {any} */
      const hiding = async () => ({ status: 0, type, text: async () => "" });
      await failure(new VideoClient({ fetch: hiding }).getStatus("v"), "redirected");
    }
  });

  it("that passes no signal on has its body cancelled when nobody waits for it", async () => {
    let begun = 0;
    /** @type {unknown[]} */
    const cancelled = [];
    const beginning = () => {
      begun += 1;
      return new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
        cancel: (reason) => {
          cancelled.push(reason);
          throw new Error("nobody's business");
        },
      });
    };
    const own = new VideoClient({ fetch: async () => new Response(beginning()), requestTimeoutMs: 50 });
    await failure(own.getStatus("v"), "network");
    await failure(own.waitForVideo("v", { timeoutMs: 30 }), "timeout");
    const poll = own.poll("v");
    while (begun < 3) await sleep(1);
    await sleep(1);
    poll.cancel();
    const controller = new AbortController();
    const asked = own.getStatus("v", { signal: controller.signal });
    while (begun < 4) await sleep(1);
    await sleep(1);
    controller.abort("left");
    await rejection(asked);
    await sleep(1);
    assert.equal(cancelled.length, 4);
  });

  it("that followed a redirect by itself is not believed", async () => {
    /** @type {any} */
    const following = async () => Object.defineProperty(Response.json(done), "redirected", { value: true });
    const own = new VideoClient({ fetch: following });
    await assert.rejects(own.waitForVideo("v"), { name: "VideoError", code: "redirected" });
    await assert.rejects(own.getStatus("v"), { name: "VideoError", code: "redirected" });
  });
});
