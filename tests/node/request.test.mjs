// @ts-check
/**
 * What a request looks like: its URL and its headers. Over a socket, for what is promised are the bytes that arrive; how
 * the given `fetch` is called is in `fetch.test.mjs`.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VideoClient } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-server.mjs";
import { QUICK } from "./settling.mjs";
import { client, createVideo, logOf } from "./simulator.mjs";

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

describe("an id", { concurrency: true }, () => {
  for (const id of [...ODD_IDS, "x".repeat(4_096), "é/".repeat(1_365)]) {
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

describe("baseUrl", { concurrency: true }, () => {
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

  it("given as a URL is not affected by changing that URL afterwards", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const base = new URL(server.url);
    const own = new VideoClient({ baseUrl: base });
    base.port = "1";
    await own.waitForVideo("v");
    assert.equal(server.arrivals.length, 1);
  });
});

describe("kind", { concurrency: true }, () => {
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
    const id = await createVideo({ scenario: "quick", speed: 600 });
    const video = await client({ kind: "auto" }).waitForVideo(id, QUICK);
    assert.ok(video.generatedContent.every(({ category, text }) => category && text));
  });
});

describe("headers", { concurrency: true }, () => {
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
