// @ts-check
/** What a request looks like: its URL, its headers, and how the given fetch is called. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hostileValues } from "./hostile-values.mjs";
import { VideoClient } from "./package.mjs";
import { program } from "./processes.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-server.mjs";
import { deferred, failure, QUICK, rejection, staysPending, within } from "./settling.mjs";
import { client, createVideo, logOf, url } from "./simulator.mjs";

const ODD_IDS = [
  "550e8400-e29b-41d4-a716-446655440000",
  "a/b",
  "/",
  "//",
  "a/../b",
  "?x",
  "a?b=c",
  "#",
  "a#b",
  "é",
  "日本",
  "🎬",
  "%",
  "%2e%2e",
  "%2E",
  "%00",
  "...",
  "a.",
  " ",
  "  a  ",
  "\t",
  "a\nb",
  "a\\b",
  "\\",
  ":",
  "a:b@c",
  "&",
  "=",
  "+",
  ";",
  ",",
  "'",
  '"',
  "<script>",
  "{}",
  "[]",
  "~",
  "!*()",
  "auto",
  "video",
  "\u0000",
  "\ufeff",
  "\u202e",
  "null",
  "undefined",
  "0",
  "__proto__",
];

describe("an id", { concurrency: true, timeout: 30_000 }, () => {
  for (const id of [...ODD_IDS, "x".repeat(10_000), "é/".repeat(1_000)]) {
    const name =
      id.length > 60 ? `${JSON.stringify(id.slice(0, 10))}... (${id.length} characters)` : JSON.stringify(id);
    it(`${name} arrives as one encoded segment, exactly`, async (test) => {
      const server = await scriptedServer(test, inOrder(done));
      const own = new VideoClient({ baseUrl: server.url });
      const video = await own.waitForVideo(id);
      await own.getStatus(id);
      assert.deepEqual([video.videoId, video.id], [id, id]);
      for (const { method, path } of server.arrivals) {
        assert.equal(method, "GET");
        const segment = path.replace("/api/video-editor/generate/video/", "");
        assert.ok(path !== segment && /^[^/?#]+$/.test(segment), path.slice(0, 200));
        assert.equal(decodeURIComponent(segment), id);
      }
    });
  }

  for (const id of ODD_IDS) {
    it(`${JSON.stringify(id)} is found by a server that decodes it`, async () => {
      const unique = `${id}${id === "550e8400-e29b-41d4-a716-446655440000" ? "" : "-r"}`;
      await createVideo({ id: unique, scenario: "quick", speed: 6_000 });
      const video = await client().waitForVideo(unique, QUICK);
      assert.equal(video.id, unique);
      assert.ok((await logOf(unique)).requests.length > 0);
    });
  }
});

describe("baseUrl", { concurrency: true, timeout: 30_000 }, () => {
  for (const [suffix, prefix] of Object.entries({
    "": "",
    "/": "",
    "///": "",
    "/proxy": "/proxy",
    "/proxy/": "/proxy",
    "/a/b//": "/a/b",
    "/with%20space": "/with%20space",
    "/a/../b": "/b",
  })) {
    for (const form of ["text", "URL"]) {
      it(`ending in ${JSON.stringify(suffix)} (${form}) keeps its path as a prefix`, async (test) => {
        const server = await scriptedServer(test, inOrder(done));
        const base = `${server.url}${suffix}`;
        await new VideoClient({ baseUrl: form === "URL" ? new URL(base) : base }).waitForVideo("v");
        assert.equal(server.arrivals[0]?.path, `${prefix}/api/video-editor/generate/video/v`);
      });
    }
  }

  it("is https://iacrea.com by default", async () => {
    const asked = deferred();
    /** @type {any} */
    const listening = async (/** @type {string} */ target) => {
      asked.resolve(target);
      return Response.json(done);
    };
    await new VideoClient({ apiKey: "k-123456", fetch: listening }).waitForVideo("v");
    assert.equal(await asked.promise, "https://iacrea.com/api/video-editor/generate/video/v");
  });

  it("given as a URL is not affected by changing that URL afterwards", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const base = new URL(server.url);
    const own = new VideoClient({ baseUrl: base });
    base.port = "1";
    await own.waitForVideo("v");
    assert.equal(server.arrivals.length, 1);
  });
});

describe("kind", { concurrency: true, timeout: 30_000 }, () => {
  for (const [kind, path] of /** @type {const} */ ([
    ["video", "video/v"],
    ["auto", "video/auto/v"],
    [undefined, "video/v"],
  ])) {
    it(`${kind} asks .../generate/${path}`, async (test) => {
      const server = await scriptedServer(test, inOrder(done));
      const own = new VideoClient({ baseUrl: server.url, ...(kind && { kind }) });
      await own.waitForVideo("v");
      assert.equal(server.arrivals[0]?.path, `/api/video-editor/generate/${path}`);
    });
  }

  it("auto gives the clips' category and text", async () => {
    const id = await createVideo({ kind: "auto", scenario: "quick", speed: 600 });
    const video = await client({ kind: "auto" }).waitForVideo(id, QUICK);
    assert.ok(video.generatedContent.every(({ category, text }) => category && text));
  });
});

describe("headers", { concurrency: true, timeout: 30_000 }, () => {
  /** @type {Record<string, HeadersInit>} */
  const forms = {
    "an object": { "X-Session": "abc" },
    pairs: [["X-Session", "abc"]],
    Headers: new Headers({ "X-Session": "abc" }),
  };
  for (const [form, headers] of Object.entries(forms)) {
    it(`given as ${form} go with each request, beside the key`, async (test) => {
      const server = await scriptedServer(test, inOrder(pending, done));
      await new VideoClient({ baseUrl: server.url, headers, apiKey: "k-123456" }).waitForVideo("v", QUICK);
      assert.equal(server.arrivals.length, 2);
      for (const { headers } of server.arrivals)
        assert.deepEqual([headers["x-session"], headers["x-api-key"]], ["abc", "k-123456"]);
    });
  }

  it("that are changed afterwards change nothing", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const headers = new Headers({ "x-session": "abc" });
    const own = new VideoClient({ baseUrl: server.url, headers });
    headers.set("x-session", "stolen");
    await own.waitForVideo("v");
    assert.equal(server.arrivals[0]?.headers["x-session"], "abc");
  });

  it("that a given fetch changes are those of its own request alone", async () => {
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

  it("ask for JSON, unless told otherwise", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    await new VideoClient({ baseUrl: server.url }).waitForVideo("v");
    await new VideoClient({ baseUrl: server.url, headers: { accept: "text/plain" } }).waitForVideo("v");
    assert.deepEqual(
      server.arrivals.map(({ headers }) => headers.accept),
      ["application/json", "text/plain"],
    );
  });
});

/** A response of another make, whose body comes in these parts. @param {Iterable<unknown>} parts @returns {any} */
function inParts(parts) {
  const all = parts[Symbol.iterator]();
  return { status: 200, body: { getReader: () => ({ read: async () => all.next() }) } };
}

describe("fetch", { timeout: 30_000 }, () => {
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

  for (const refused of [["cache"], ["redirect"], ["cache", "redirect"]]) {
    it(`is not told of ${refused.join(" and ")} by a host whose requests have none`, async (test) => {
      const original = globalThis.Request;
      test.after(() => void (globalThis.Request = original));
      globalThis.Request = class extends original {
        /** @param {RequestInfo | URL} input @param {RequestInit} [init] */
        constructor(input, init) {
          super(input, init);
          for (const word of refused) if (init && word in init) throw new Error(`The '${word}' field is not implemented.`);
        }
      };
      /** @type {any} */
      let seen;
      /** @type {any} */
      const spy = async (/** @type {unknown} */ _, /** @type {RequestInit} */ init) => {
        seen = init;
        return Response.json(done);
      };
      await new VideoClient({ fetch: spy }).waitForVideo("v");
      assert.deepEqual(["cache", "redirect"].filter((word) => !(word in seen)), refused);
    });
  }

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
    const own = new VideoClient({ baseUrl: url });
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
  };
  for (const [name, response] of Object.entries(responses)) {
    it(`may answer with ${name}`, async () => {
      /** @type {any} */
      const given = async () => response();
      const video = await within(
        2_000,
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
      await failure(new VideoClient({ fetch: async () => inParts([part]) }).getStatus("v"), "network");
    }
    await staysPending(other.done, 50);
    other.cancel();
  });

  it("may not hold the thread with a body of empty parts that never ends", async () => {
    const text = `
      const fetch = async () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(0)) }));
      const own = new VideoClient({ baseUrl: "http://memory.example", fetch, maxResponseBytes: 1_000 });
      await own.getStatus("v").catch(({ code, httpStatus }) => console.log(code, httpStatus));`;
    const { ended, kill } = program(text);
    const { lines } = await within(10_000, ended).finally(kill);
    assert.deepEqual(lines, ["bad_response 200"]);
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
    while (begun < 3) await new Promise(setImmediate);
    await new Promise(setImmediate);
    poll.cancel();
    const controller = new AbortController();
    const asked = own.getStatus("v", { signal: controller.signal });
    while (begun < 4) await new Promise(setImmediate);
    await new Promise(setImmediate);
    controller.abort("left");
    await rejection(asked);
    await new Promise(setImmediate);
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
