// @ts-check
/** Which video a notification is taken to be about, in any shape it may have, and that nothing makes the reader throw. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readWebhook } from "./package.mjs";

const URL = "https://site.example/webhook";
const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

/** @param {BodyInit} body @param {string} [type] @param {string} [url] */
const post = (body, type = JSON_TYPE, url = URL) =>
  new Request(url, { method: "POST", body, headers: type ? { "content-type": type } : {} });

/** @param {unknown} value @param {number} depth */
const nested = (value, depth, name = "data") => {
  for (let at = 0; at < depth; at += 1) value = { [name]: value };
  return value;
};

/** JSON bodies, as values or as text. @type {[what: string, body: unknown, id: string | null][]} */
const BODIES = [
  ["the body of the status call", { status: "DONE", id: "v", url: "https://cdn.example/v.webm", generatedContent: [{ id: "clip" }] }, "v"],
  ["the same under another name", { status: "DONE", videoId: "v" }, "v"],
  ["the same under a third name", { status: "DONE", video_id: "v" }, "v"],
  ["the same without a status", { id: "v", generatedContent: [{ id: "clip" }] }, "v"],
  ["the same with an envelope beside it", { status: "DONE", id: "v", data: { id: "other" } }, "v"],
  ["clips alone", { generatedContent: [{ id: "clip" }] }, null],
  ["an id alone", { id: "v" }, "v"],
  ["a number", { id: 42 }, "42"],
  ["a number for a video", { video: 42 }, "42"],
  ["zero", { id: 0 }, "0"],
  ["a number too large to be exact", { id: 1e21 }, null],
  ["half a number", { id: 1.5 }, null],
  ["a video", { event: "video.done", video: { id: "v" } }, "v"],
  ["a video by its longer name", { video: { videoId: "v", id: "w" } }, "v"],
  ["a video as a text", { type: "done", video: "v" }, "v"],
  ["a video as an address", { video: "https://cdn.example/v.webm", id: "v" }, "v"],
  ["the most telling name", { id: "a", video: { id: "b" }, data: { id: "c" }, video_id: "d", videoId: "e" }, "e"],
  ["the next most telling name", { id: "a", video: { id: "b" }, data: { id: "c" }, video_id: "d" }, "d"],
  ["a video before an envelope", { id: "a", video: { id: "b" }, data: { id: "c" } }, "b"],
  ["an envelope before the event's own id", { id: "event", type: "video.done", data: { id: "v" } }, "v"],
  ["an event's id and status, and a video by name in an envelope", { id: "event", status: "delivered", data: { videoId: "v" } }, "v"],
  ["an event's id and status beside a video", { id: "event", status: "DONE", video: { id: "v" } }, "v"],
  ["an event's id and status, and a video in envelopes", { id: "event", status: "sent", data: { object: '{"video":{"id":"v"}}' } }, "v"],
  ["an event's id and a status that is none of the API's, and an id in an envelope", { id: "event", status: "delivered", data: { id: "v" } }, "v"],
  ["an event's id and status, and a video as a text in an envelope", { id: "event", status: "DONE", data: { video: "v" } }, "v"],
  ["an event's id and status beside a video as a text", { id: "event", status: "sent", video: "v" }, "v"],
  ...["videoID", "VideoId", "video-id", "videoUuid", "video_uuid", "generatedVideoId", "generated_video_id"].flatMap((name) => [
    /** @type {[string, unknown, string]} */ ([`a video by the name ${name} beside another id`, { id: "event", status: "DONE", [name]: "v" }, "v"]),
    /** @type {[string, unknown, string]} */ ([`a video by the name ${name} in an envelope`, { id: "event", status: "DONE", data: { [name]: "v", id: "job" } }, "v"]),
  ]),
  ...["video", "Video", "generatedVideo", "generated_video"].map(
    (name) => /** @type {[string, unknown, string]} */ ([`an object ${name} in an envelope`, { id: "event", status: "DONE", data: { id: "job", [name]: { id: "v" } } }, "v"]),
  ),
  ...["message", "content", "resource", "attributes", "job", "task", "params", "detail", "notification"].map(
    (name) => /** @type {[string, unknown, string]} */ ([`a video by name in ${name}`, { id: "event", status: "DONE", [name]: { id: "own", videoId: "v" } }, "v"]),
  ),
  ["an id of a job", { id: "v", job: { id: "job" } }, "v"],
  ["the id of a job alone", { job: { id: "job" } }, null],
  ["a video that is a file, in an envelope", { id: "v", status: "DONE", data: { video: "video.MP4" } }, "v"],
  ["a video that is a title", { id: "v", status: "pending", video: "My title" }, "v"],
  ["a batch", [{ videoId: "v" }, { videoId: "w" }], "v"],
  ["a batch of bodies of the status call, of which the second says more", [{ id: "v", status: "DONE" }, { videoId: "w" }], "v"],
  ...["events", "records", "items", "notifications", "messages", "data"].map(
    (name) => /** @type {[string, unknown, string]} */ ([`a batch in ${name}`, { id: "batch", [name]: [{ id: "event", data: { videoId: "v" } }, { videoId: "w" }] }, "v"]),
  ),
  ["a list of ids", { id: "batch", videoIds: ["v", "w"] }, "v"],
  ["a list of ids by another name", { data: { video_ids: [7, 8] } }, "7"],
  ["a list of videos", { id: "batch", videos: [{ id: "v" }, { id: "w" }] }, "v"],
  ["a list of videos as texts", { id: "batch", videos: ["v", "w"] }, "v"],
  ["a status beside the name of a file", { id: "v", status: "DONE", video: "video.webm" }, "v"],
  ["an envelope that names nothing", { id: "v", data: { url: "x" } }, "v"],
  ...["data", "payload", "body", "result", "object", "event"].map(
    (name) => /** @type {[string, unknown, string]} */ ([`the envelope ${name}`, { [name]: { status: "DONE", id: "v" } }, "v"]),
  ),
  ["envelopes in envelopes", { payload: { event: { data: { video: { id: "v" } } } } }, "v"],
  ["three envelopes", nested({ id: "v" }, 3), "v"],
  ["four envelopes", nested({ id: "v" }, 4), null],
  ["JSON in an envelope's text", { body: '{"data":{"id":"v"}}' }, "v"],
  ["a word in an envelope", { event: "done", data: "v" }, null],
  ["a list of one event", [{ data: { id: "v" } }], "v"],
  ["a list in an envelope", { data: [{ id: "v" }] }, "v"],
  ["an empty list", [], null],
  ["a list of lists", [[[[["v"]]]]], null],
  ["an empty id", { videoId: "", id: "v" }, "v"],
  ["an id that is null", { videoId: null, id: "v" }, "v"],
  ["an id that is a list", { videoId: ["a"], id: "v" }, "v"],
  ["an id that is an object", { id: { id: "v" } }, null],
  ["an id that is true", { id: true }, null],
  ["dots", { id: ".." }, null],
  ["one dot", { id: "." }, null],
  ["a path", { id: "../v" }, null],
  ["a backslash", { id: "a\\b" }, null],
  ["a path in escapes", { id: "%2e%2E%2fv" }, null],
  ["a letter in escapes", { videoId: "%76", id: "v" }, "v"],
  ["a percent sign", { id: "100%" }, "100%"],
  ["a line break", { id: "a\nb" }, null],
  ["half of a pair", '{"id":"a\\ud800"}', null],
  ["a whole pair", '{"id":"\\ud83c\\udfac"}', "🎬"],
  ["an id of 512 characters", { id: "x".repeat(512) }, "x".repeat(512)],
  ["an id of 513 characters", { id: "x".repeat(513) }, null],
  ["an object", {}, null],
  ["null", null, null],
  ["true", true, null],
  ["a number by itself", 42, null],
  ["a text by itself", '"v"', null],
  ["nothing", "", null],
  ["no JSON", "{", null],
  ["a page", "<html><a href='?id=v'>", null],
  ["a prototype", '{"__proto__":{"id":"v","videoId":"v"}}', null],
  ["a prototype in an envelope", '{"data":{"__proto__":{"id":"v"}}}', null],
  ["a constructor", '{"constructor":{"prototype":{"videoId":"v"}}}', null],
  ["names of Object's own", { toString: "v", hasOwnProperty: 1, id: "v" }, "v"],
  ["a name twice", '{"id":"a","id":"v"}', "v"],
  ["a byte order mark", '\ufeff{"id":"v"}', "v"],
  ["deep nesting", `${'{"data":'.repeat(50_000)}1${"}".repeat(50_000)}`, null],
  ["deep lists", `${"[".repeat(50_000)}${"]".repeat(50_000)}`, null],
  ["texts of JSON in one another", JSON.stringify({ data: JSON.stringify({ data: JSON.stringify({ data: '{"data":{"id":"v"}}' }) }) }), null],
];

describe("a notification in JSON", { timeout: 280_000 }, () => {
  for (const [what, body, id] of BODIES) {
    it(`that holds ${what} is about ${id?.slice(0, 20) ?? "no video"}`, async () => {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      for (const type of [JSON_TYPE, "text/plain", "application/vnd.api+json; charset=utf-8", "", "nonsense"]) {
        assert.deepEqual(await readWebhook(post(text, type)), id === null ? null : { videoId: id });
      }
    });
  }

  it("of a megabyte is read, and no more than that", async () => {
    const body = (/** @type {number} */ length) => '{"id":"v"}'.padEnd(length, " ");
    assert.deepEqual(await readWebhook(post(body(1_048_576))), { videoId: "v" });
    assert.equal(await readWebhook(post(body(1_048_577))), null);
  });

  it("without an end is left", async () => {
    let cancelled = false;
    const body = new ReadableStream({
      pull: (stream) => stream.enqueue(new Uint8Array(65_536)),
      cancel: () => void (cancelled = true),
    });
    assert.equal(await readWebhook(new Request(URL, /** @type {any} */ ({ method: "POST", body, duplex: "half" }))), null);
    assert.ok(cancelled);
  });

  it("that is no text is about no video", async () => {
    const bytes = Buffer.concat([Buffer.from('{"id":"v'), Buffer.from([0xff, 0xc0]), Buffer.from('"}')]);
    assert.equal(await readWebhook(post(bytes)), null);
    assert.equal(await readWebhook(post(Buffer.from([0xff, 0xfe, 0x00]))), null);
  });
});

describe("a notification in a form", () => {
  for (const [body, id] of /** @type {const} */ ([
    ["videoId=v&id=a", "v"],
    ["video_id=v", "v"],
    ["status=DONE&id=v", "v"],
    ["id=a%20b+c", "a b c"],
    ["video=v", "v"],
    ["id=v&id=w", "v"],
    ["payload=%7B%22id%22%3A%22v%22%7D", "v"],
    ["id=..", null],
    ["id=%ff", null],
    ["id=%252e%252e%252f", null],
    ["id=100%25", "100%"],
    ["__proto__=v&constructor=v", null],
    ["", null],
    ["&&==&", null],
  ])) {
    it(`${body || "that is empty"} is about ${id ?? "no video"}`, async () => {
      assert.deepEqual(await readWebhook(post(body, `${FORM_TYPE}; charset=utf-8`)), id === null ? null : { videoId: id });
    });
  }

  it("is not looked for in other texts", async () => {
    assert.equal(await readWebhook(post("id=v", "text/html")), null);
  });
});

describe("a notification in the query", () => {
  it("is read for want of one in the body", async () => {
    const url = `${URL}?videoId=q`;
    assert.deepEqual(await readWebhook(new Request(url)), { videoId: "q" });
    assert.deepEqual(await readWebhook(new Request(url, { method: "POST" })), { videoId: "q" });
    for (const body of ["{", "{}", "null", '{"id":".."}', "x".repeat(1_048_577)]) {
      assert.deepEqual(await readWebhook(post(body, JSON_TYPE, url)), { videoId: "q" });
    }
    assert.deepEqual(await readWebhook(post('{"id":"v"}', JSON_TYPE, url)), { videoId: "v" });
  });

  it("can have any of the names", async () => {
    for (const query of ["id=q", "video_id=q", "video=q", "status=DONE&id=q"]) {
      assert.deepEqual(await readWebhook(new Request(`${URL}?${query}`)), { videoId: "q" });
    }
  });
});

describe("the reader never throws", () => {
  it("nor believes a prototype that somebody else has marked", async (test) => {
    test.after(() => void delete (/** @type {any} */ (Object.prototype).videoId));
    /** @type {any} */ (Object.prototype).videoId = "of the prototype";
    for (const body of ["{}", '{"data":{}}', '{"video":{}}', "[{}]"]) assert.equal(await readWebhook(post(body)), null);
  });

  it("for a body that was read before", async () => {
    const request = post('{"id":"v"}', JSON_TYPE, `${URL}?id=q`);
    await request.text();
    assert.deepEqual(await readWebhook(request), { videoId: "q" });
  });

  it("for a body that somebody is reading", async () => {
    const request = post('{"id":"v"}');
    request.body?.getReader();
    assert.equal(await readWebhook(request), null);
  });

  it("for a body that breaks off", async () => {
    const body = new ReadableStream({ start: (stream) => stream.error(new Error("gone")) });
    assert.equal(await readWebhook(new Request(URL, /** @type {any} */ ({ method: "POST", body, duplex: "half" }))), null);
  });

  for (const [what, given] of /** @type {[string, any][]} */ ([
    ["nothing", undefined],
    ["an object", {}],
    ["a text", "v"],
    ["a request with half a URL", { url: "/webhook?id=v", headers: new Headers(), body: null }],
  ])) {
    it(`for ${what}`, async () => {
      assert.equal(await readWebhook(given), null);
    });
  }

  it("and leaves no mark on any prototype", async () => {
    await readWebhook(post('{"__proto__":{"marked":1},"constructor":{"prototype":{"marked":1}}}'));
    await readWebhook(post("__proto__[marked]=1&__proto__=1", FORM_TYPE));
    assert.equal(/** @type {any} */ ({}).marked, undefined);
  });
});
