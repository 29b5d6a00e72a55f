// @ts-check
/**
 * What a response means to the package: where the finished video is, which words end a poll, what a failure says. The
 * rules themselves are tested in the core (`src/core/status.rs`); here each kind of them is seen from outside, by all
 * three ways in: `getStatus`, a poll, and the machine for engines.
 */

import { still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { runs } from "../support/fuzz.mjs";
import { entry, VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, rendering, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, recorder, rejection } from "./settling.mjs";

/** @type {typeof import("../../pkg/dist/machine.js")} */
const machine = await import(new URL("machine.js", entry).href);

const U = "https://cdn.test/v.mp4";
const PICTURE = "https://cdn.test/t.jpg";
const NOW = Date.UTC(2027, 0, 15);

/** A client whose every response this is. @param {string | Uint8Array} body @param {ResponseInit} [init] */
const answering = (body, init) => new VideoClient({ apiKey: "sk-live-0123456789", fetch: async () => new Response(/** @type {any} */ (body), init) });
/** @param {unknown} body */
const saying = (body) => answering(JSON.stringify(body));
await still(saying(pending).getStatus("v"));

/** The video's address in such a body, by each way in; undefined where it is a `bad_response`. @param {object} members */
async function urlIn(members) {
  const body = { status: "DONE", ...members };
  const asked = await saying(body).getStatus("v").then(
    (video) => (video.status === "DONE" ? video.url : assert.fail(video.status)),
    (error) => {
      assert.equal(error.code, "bad_response");
      return undefined;
    },
  );
  const { snapshot } = await machine.start("v", NOW);
  const { command } = await machine.step(snapshot, { type: "response", httpStatus: 200, body: JSON.stringify(body) }, NOW);
  if (asked === undefined) assert.equal(command.type, "sleep", "it is asked again");
  else assert.equal(command.type === "done" && command.update.url, asked);
  return asked;
}

describe("the finished video", () => {
  for (const members of [
    { url: null, thumbnailUrl: PICTURE },
    { webhookUrl: "https://my.app/hook" },
    { message: "Finalising", documentation_url: "https://iacrea.com/docs" },
    { url: "/media/v.mp4", thumbnail: PICTURE },
    { url: null, link: U },
    { poster: { url: PICTURE } },
    { generatedContent: [{ id: "1", url: U, status: "success" }] },
    { sequences: [{ medias: [{ url: U }] }] },
    { output: [U, "https://cdn.test/2.mp4"] },
    { videos: [{ url: U }, { url: "https://cdn.test/2.mp4" }] },
    { url: "https://" },
  ]) {
    it(`is not in ${JSON.stringify(members)}`, async () => assert.equal(await urlIn(members), undefined));
  }

  for (const members of [
    { output: [U], thumbnail: PICTURE },
    { video: { url: U } },
    { data: { url: U } },
    { data: { videos: [{ url: U, poster: PICTURE }] } },
    { url: `\u00a0${U}\n` },
    { url: "https://cdn.test:99999/v.mp4", videoUrl: U },
    { url: PICTURE, videoUrl: U },
    { resultUrl: U, thumbnailUrl: PICTURE, webhookUrl: "https://my.app/hook" },
  ]) {
    it(`is in ${JSON.stringify(members)}`, async () => assert.equal(await urlIn(members), U));
  }

  it("is waited for where a body that says DONE has none yet", async (test) => {
    const server = await scriptedServer(test, inOrder({ status: "DONE", url: null, thumbnailUrl: PICTURE }, { status: "DONE", video: { url: U } }));
    const video = await new VideoClient({ baseUrl: server.url }).waitForVideo("v", QUICK);
    assert.deepEqual([video.url, server.arrivals.length], [U, 2]);
  });
});

describe("an address", () => {
  /** What the host's parser makes of it. @param {string} text */
  const parsed = (text) => {
    try {
      return new URL(text).href;
    } catch {
      return undefined;
    }
  };
  /** @param {string} text */
  const holds = async (text) => {
    const given = await urlIn({ url: text });
    assert.equal(given && parsed(given), parsed(text.replaceAll(/^[\s\0-\x20]+|[\s\0-\x20]+$/g, "")), JSON.stringify([text, given]));
    assert.ok(given === undefined || !/[\s]/.test(given.replaceAll(/[\u00a0\u3000]/g, "")), given);
  };

  it("is what the host's URL parser takes, and means the same to it", async () => {
    for (const text of [
      U, "http://cdn.test", "HTTPS://CDN.test/My house.mp4?a=b c#d e", `\t${U} \n`, `\u00a0${U}`, "https://cdn.test/a\tb\n.mp4",
      "https://cdn.test/a\u00a0b.mp4", "https://cdn.test/a\u3000b", 'https://cdn.test/a"b|c{d}.mp4', "https://cdn.test/\u00fcbung.mp4", "https://b\u00fccher.test/v",
      "https://", "https://?", "https://#", "https://@/", "https://u:p@cdn.test/v", "https://u@", "https://cdn.test:443/v", "https://cdn.test:99999/v",
      "https://cdn.test:65535/v", "https://cdn.test:65536/v", "https://cdn.test:/v", "https://cdn.test:x/v", "https://:80/v", "https://cdn test/v", "https:// /v",
      "https://cdn.test\\v.mp4", "https://cdn.test|/v", "https://cdn<.test/v", "https://cdn^.test/v", "https://a_b.test/v", "https://a!b.test/v", "https://a..b/v", "https://cdn.test./v",
      "https://127.0.0.1/v", "https://256.0.0.1/v", "https://1.2.3.4.5/v", "https://cdn.test.7/v", "https://cdn.0x7f/v", "https://[::1]/v", "https://[::1]:80/v",
      "https://[1:2:3:4:5:6:7:8]/v", "https://[::1/v", "https://[]/v", "https://[::1]x/v", "https://[::g]/v",
    ]) {
      await holds(text);
    }
  });

  it("is that of any text from the pieces of addresses", async () => {
    const piece = fc.constantFrom(
      "cdn", "test", "a", "Z", "_", "-", "7", "127.0.0.1", ".", "..", ":", ":80", ":65535", ":65536", "@", "u:p@", "/", "//", "\\", "?", "#", "[", "]", "[::1]", "[1:2:3:4:5:6:7:8]", "[::", "1:2]",
      " ", "\t", "\n", "\u00a0", "%", "|", "^", "<", "\"", "{", "\u00e9", "\u0001", "\u007f", "0x", "0x7f", "v.mp4", "my video.mp4", "&", "=", "+", ";", "'", "`", "$", "!", "*", "(",
    );
    // What the parser takes and no server writes: more slashes, coded letters of a host, other spellings of an IP address.
    // And what the core cannot tell: names beyond ASCII, and which groups make an IPv6 address.
    const isOdd = (/** @type {string} */ text) => {
      const rest = text.trim().replaceAll(/[\t\n\r]/g, "").replace(/^https?:\/\//i, "");
      const authority = /^[^/\\?#]*/.exec(rest)?.[0] ?? "";
      const host = authority.slice(authority.lastIndexOf("@") + 1).replace(/:\d*$/, "");
      const isNumber = /(^|\.)(0x[^.]*|\d+)\.*$/i.test(host) && !/^(\d{1,3}\.){3}\d{1,3}$/.test(host);
      return /^[/\\]/.test(rest) || /%|[^\0-\x7f]|^\[.*\]$/.test(host) || (isNumber && parsed(text.trim()) !== undefined);
    };
    const text = fc.tuple(fc.constantFrom("https://", "http://", "HTTPS://", " https://"), fc.array(piece, { maxLength: 8 })).map(([scheme, pieces]) => scheme + pieces.join(""));
    await fc.assert(fc.asyncProperty(text.filter((text) => !isOdd(text)), holds), runs(1_000));
  });

  it("is never what the parser refuses", async () => {
    const text = fc.tuple(fc.constantFrom("https://", "http://"), fc.string({ unit: fc.constantFrom(..."abc019.:[@/\\?#%|^<> -_x"), maxLength: 12 })).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(text, async (text) => {
        const given = await urlIn({ url: text });
        assert.ok(given === undefined || parsed(given) !== undefined, JSON.stringify([text, given]));
      }),
      runs(1_000),
    );
  });
});

describe("a response 202 without a status", () => {
  for (const body of ["", '{"id":"vid-1"}', "accepted"]) {
    const accepted = { status: 202, body };
    it(`(${body || "empty"}) is no failure, however often it comes`, async (test) => {
      const server = await scriptedServer(test, inOrder(...Array(30).fill(accepted), done));
      const { updates, listener } = recorder();
      const video = await new VideoClient({ baseUrl: server.url }).waitForVideo("v", { ...QUICK, onUpdate: listener });
      assert.deepEqual([video.url, server.arrivals.length], [done.url, 31]);
      assert.deepEqual(updates.map(({ status }) => status), ["DONE"], "before a status there is nothing to show");
    });

    it(`(${body || "empty"}) leaves a poll the status and the body that it has`, async (test) => {
      const server = await scriptedServer(test, inOrder(rendering(0.5), 500, accepted, accepted, done));
      const { updates, listener } = recorder();
      await new VideoClient({ baseUrl: server.url }).waitForVideo("v", { ...QUICK, onUpdate: listener });
      assert.deepEqual(updates.map(({ status, retrying }) => [status, retrying]), [
        ["RENDERING_VIDEO", undefined],
        ["RENDERING_VIDEO", "http"],
        ["RENDERING_VIDEO", undefined],
        ["DONE", undefined],
      ]);
      assert.deepEqual(updates[2]?.raw, rendering(0.5));
    });

    it(`(${body || "empty"}) is PENDING to getStatus`, async () => {
      const video = await answering(body, { status: 202 }).getStatus("v");
      assert.deepEqual({ ...video }, { status: "PENDING", generatedContent: [], raw: undefined });
    });
  }

  it("is heeded where it says Retry-After", async (test) => {
    const server = await scriptedServer(test, inOrder({ status: 202, headers: { "retry-after": "60" }, body: "" }, done));
    await new VideoClient({ baseUrl: server.url }).waitForVideo("v", QUICK);
    const [first, second] = server.arrivals;
    assert.equal(Math.round((second?.atMs ?? 0) - (first?.atMs ?? 0)), 60_000);
  });

  it("lets a poll go on in an engine", async () => {
    const { snapshot } = await machine.start("v", NOW);
    const at = await machine.step(snapshot, { type: "response", httpStatus: 202, retryAfter: "9", body: "" }, NOW);
    assert.deepEqual(at.command, { type: "sleep", untilMs: NOW + 9_000 });
  });
});

/** Three intervals are a little more than half a minute. */
const TENTH = { minIntervalMs: 10_500, maxIntervalMs: 10_500 };

describe("a word that is not the documented one", () => {
  it("means DONE where the video is beside it, and is told", async (test) => {
    for (const word of ["completed", "succeeded", "finished"]) {
      const body = { status: word, video: { url: U } };
      const server = await scriptedServer(test, inOrder(body));
      const video = await new VideoClient({ baseUrl: server.url }).waitForVideo("v", QUICK);
      assert.deepEqual([video.status, video.url, video.rawStatus, video.overall], ["DONE", U, word, 1]);
      const status = await saying({ status: word }).getStatus("v");
      assert.deepEqual([status.status, status.status === "UNRECOGNIZED" && status.rawStatus], ["UNRECOGNIZED", word]);
    }
    const plain = await saying({ status: "done", url: U }).getStatus("v");
    assert.ok(!("rawStatus" in plain), "which is the documented one in other letters");
  });

  for (const word of ["failed", "canceled", "cancelled", "expired", "rejected"]) {
    it(`"${word}" ends a poll after three in a row over half a minute`, async (test) => {
      const server = await scriptedServer(test, inOrder(generating(1), { status: word, message: "success", error: "out of film" }));
      const own = new VideoClient({ baseUrl: server.url });
      const { updates, listener } = recorder();
      const error = await failure(own.waitForVideo("v", { ...TENTH, onUpdate: listener }), "video_failed");
      assert.deepEqual(updates.map(({ status }) => status), ["GENERATING_VIDEO", "UNRECOGNIZED", "ERROR"]);
      const { last } = error;
      assert.deepEqual([last?.status, last?.status === "ERROR" && last.rawStatus], ["ERROR", word]);
      assert.deepEqual([error.retryable, error.detail], [true, "out of film"]);
      assert.equal(server.arrivals.length, 5, "one status, and four of these");
      assert.ok(error.resumeToken);
    });
  }

  it("goes on from the token of such an end", async (test) => {
    const server = await scriptedServer(test, inOrder(...Array(4).fill({ status: "failed" }), { status: "failed" }, done));
    const own = new VideoClient({ baseUrl: server.url });
    const { resumeToken } = await failure(own.waitForVideo("v", TENTH), "video_failed");
    const video = await own.waitForVideo("v", { ...TENTH, ...(resumeToken && { resumeToken }) });
    assert.deepEqual([video.url, server.arrivals.length], [done.url, 6]);
  });

  it("is counted by an engine from snapshot to snapshot", async () => {
    let at = await machine.start("v", NOW);
    const said = /** @type {const} */ ({ type: "response", httpStatus: 200, body: '{"status":"failed"}' });
    for (const seconds of [0, 15]) {
      at = await machine.step(at.snapshot, said, NOW + seconds * 1_000);
      assert.equal(at.command.type, "sleep");
    }
    at = await machine.step(at.snapshot, said, NOW + 30_000);
    assert.ok(at.command.type === "failed");
    const { code, retryable, detail, last } = at.command.error;
    assert.deepEqual([code, retryable, detail], ["video_failed", true, '{"status":"failed"}']);
    assert.equal(last?.status === "ERROR" && last.rawStatus, "failed");
  });
});

describe("progress", () => {
  /** @param {...unknown} wire */
  const shares = async (...wire) => {
    const bodies = [...wire.map((progress) => ({ status: "RENDERING_VIDEO", progress })), done];
    const { updates, listener } = recorder();
    const fetch = async () => Response.json(bodies.shift());
    await new VideoClient({ fetch }).waitForVideo("v", { ...QUICK, onUpdate: listener });
    const overall = updates.map((update) => update.overall);
    assert.deepEqual(overall, [...overall].sort((a, b) => a - b), "which never falls");
    return updates.flatMap((update) => (update.status === "RENDERING_VIDEO" ? [update.progress] : []));
  };

  it("above 1 proves percent, whatever came before", async () => {
    assert.deepEqual(await shares(0.5, 3.2, 12, 45), [0.5, 0.032, 0.12, 0.45]);
    assert.deepEqual(await shares(0.2, 0.5, 2, 1), [0.2, 0.5, 0.02, 0.01]);
  });

  it("with a percent sign is percent", async () => {
    assert.deepEqual(await shares("0.5%", "45%", "80 %"), [0.005, 0.45, 0.8]);
    assert.deepEqual(await shares("0.5 %", 0.75, 1), [0.005, 0.0075, 0.01]);
    const status = await saying({ status: "RENDERING_VIDEO", progress: "0.5%" }).getStatus("v");
    assert.equal(status.status === "RENDERING_VIDEO" && status.progress, 0.005);
  });
});

describe("what a failed video says", () => {
  for (const [members, detail] of /** @type {[object, string][]} */ ([
    [{ errorMessage: "Photo 3 was refused" }, "Photo 3 was refused"],
    [{ failure_reason: "Photo 3 was refused" }, "Photo 3 was refused"],
    [{ errors: [{ message: "Photo 3 was refused" }] }, "Photo 3 was refused"],
    [{ error: { code: "X1", reason: "Photo 3 was refused" } }, "Photo 3 was refused"],
    [{ message: "success", error: "GPU out of memory" }, "GPU out of memory"],
    [{ code: 7 }, '{"status":"ERROR","code":7}'],
  ])) {
    it(`in ${JSON.stringify(members)} is its detail`, async () => {
      const error = await failure(saying({ status: "ERROR", ...members }).waitForVideo("v", QUICK), "video_failed");
      assert.deepEqual([error.detail, error.retryable], [detail, false]);
    });
  }
});

describe("the bytes of a body", () => {
  const words = { status: "PENDING", message: "R\u00e9g\u00e9n\u00e9ration d\u2019\u00e9t\u00e9" };
  const latin = { status: "PENDING", message: "R\u00e9g\u00e9n\u00e9ration" };
  const utf16 = (/** @type {unknown} */ value) => Buffer.from(JSON.stringify(value), "utf16le");
  const MARK = Buffer.from([0xff, 0xfe]);
  for (const [what, body, type, expected] of /** @type {[string, Uint8Array, string, object][]} */ ([
    ["in ISO-8859-1", Buffer.from(JSON.stringify(latin), "latin1"), "application/json; charset=ISO-8859-1", latin],
    ["in ISO-8859-15", Buffer.from(JSON.stringify(latin).replace("R", "\u00a4"), "latin1"), 'application/json;Charset="iso-8859-15"', { ...latin, message: latin.message.replace("R", "\u20ac") }],
    ["in UTF-16", utf16(words), "application/json; charset=utf-16le", words],
    ["in UTF-16, big end first", utf16(words).swap16(), "application/json; v=1; charset=UTF-16BE", words],
    ["in UTF-16 that a mark alone tells", Buffer.concat([MARK, utf16(words)]), "application/json", words],
    ["in UTF-16, big end first, that a mark tells", Buffer.concat([MARK, utf16(words)]).swap16(), "application/json; charset=utf-16", words],
    ["in UTF-8 that is declared as something else", Buffer.from(JSON.stringify(words)), "application/json; charset=iso-8859-1", words],
    ["in UTF-8 that is declared as nobody knows what", Buffer.from(JSON.stringify(words)), "application/json; charset=klingon", words],
    ["in a charset that nobody knows", Buffer.from(JSON.stringify(latin), "latin1"), "application/json; charset=klingon", { ...latin, message: latin.message.replaceAll("\u00e9", "\ufffd") }],
  ])) {
    it(`${what} are read`, async () => {
      const video = await answering(body, { headers: { "content-type": type } }).getStatus("v");
      assert.deepEqual(video.raw, expected);
    });
  }

  it("that hold the key hide it in no charset", async () => {
    for (const body of [utf16({ error: "sk-live-0123456789" }), Buffer.from('{"error":"sk-live-0123456789 \xe9"}', "latin1")]) {
      for (const charset of ["utf-16le", "utf-16be", "iso-8859-1", "klingon"]) {
        const error = await rejection(answering(body, { status: 402, headers: { "content-type": `text/plain; charset=${charset}` } }).getStatus("v"));
        assert.equal(error.detail?.replace('{"error":"***"}', "***"), "***");
      }
    }
  });

  it("that are JSON but for a number that JSON does not have say so", async () => {
    const error = await rejection(answering('{"status":"RENDERING_VIDEO","progress":NaN}').getStatus("v"));
    assert.equal(error.code, "bad_response");
    assert.equal(error.reason, "not_a_number");
    assert.match(error.message, /NaN/);
  });
});
