// @ts-check
/**
 * Tokens come from storages and URLs, which others can write to. Whatever a token is made of, it is refused before any
 * request or the poll comes to a proper end, of its own video; it never brings the module down, and never another video.
 */

import { still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { freshPackage, VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, rendering, scriptedServer } from "./scripted-fetch.mjs";
import { QUICK, rejection, within } from "./settling.mjs";

const ID = "video-é,1%2C";

/** A token is closed by this, which is no secret: who forges one can compute it. @param {string} text */
function checksum(text) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** @param {string[]} fields */
function closed(fields) {
  const text = fields.join(",");
  return `${text},${checksum(text)}`;
}

/** Tokens of polls at every stage, by what the server has said so far. @type {Record<string, unknown[]>} */
const STAGES = {
  pending: [{ ...pending, message: "in the queue, third" }],
  generating: [generating(2, 12)],
  rendering: [rendering(0.5)],
  "starting to render": [{ status: "START_RENDERING_VIDEO", progress: 3 }],
  unknown: [{ status: "DREAMING" }],
  failing: [generating(1), { status: 503, headers: { "retry-after": "1" }, body: "busy" }],
  done: [generating(4), done],
  failed: [generating(4), { status: "ERROR", message: "no" }],
};

/** @type {Map<string, string>} */
const tokens = new Map();

before(async () => {
  const { VideoClient } = await still(freshPackage());
  const early = new VideoClient({ baseUrl: "http://127.0.0.1:9" }).poll(ID, { timeoutMs: 60_000, maxIntervalMs: 50 });
  tokens.set("not begun", early.resumeToken());
  early.cancel();
  await Promise.all(
    Object.entries(STAGES).map(async ([stage, answers]) => {
      /** @type {(() => void)[]} */
      const ends = [];
      const server = await scriptedServer({ after: (act) => void ends.push(act) }, inOrder(...answers));
      const poll = new VideoClient({ baseUrl: server.url }).poll(ID, { ...QUICK, timeoutMs: 60_000 });
      await server.arrived(answers.length);
      await Promise.race([poll.done.catch(() => {}), new Promise((resolve) => poll.subscribe(resolve))]);
      if (stage === "failing") while (!poll.current?.retrying) await new Promise((resolve) => poll.subscribe(resolve));
      tokens.set(stage, poll.resumeToken());
      poll.cancel();
      for (const end of ends) end();
    }),
  );
  assert.equal(new Set(tokens.values()).size, 9);
  for (const token of tokens.values()) assert.equal(closed(token.split(",").slice(0, -1)), token);
});

/**
 * How polls from these tokens end: by code, and how many.
 * @param {import("node:test").TestContext} test
 * @param {Iterable<string>} forged
 * @param {string} [id]
 */
async function endings(test, forged, id = ID) {
  const server = await scriptedServer(test, inOrder(done));
  const own = new VideoClient({ baseUrl: server.url });
  /** @type {Map<string, string[]>} */
  const ends = new Map();
  const queue = [...forged].values();
  const work = async () => {
    for (const resumeToken of queue) {
      /** @type {[PromiseSettledResult<any>]} */
      const [end] = await within(10_000, Promise.allSettled([own.waitForVideo(id, { ...QUICK, timeoutMs: 400, resumeToken })]), resumeToken);
      const code = end.status === "fulfilled" ? end.value.status : end.reason.code;
      if (end.status === "fulfilled") assert.deepEqual([end.value.videoId, end.value.url, end.value.overall], [id, done.url, 1], resumeToken);
      const alike = ends.get(code);
      if (alike) alike.push(resumeToken);
      else ends.set(code, [resumeToken]);
    }
  };
  await Promise.all(Array.from({ length: 64 }, work));
  const address = `/api/video-editor/generate/video/${encodeURIComponent(id)}`;
  for (const { path } of server.arrivals) assert.equal(path, address, "no other video is asked for");
  assert.equal((await own.waitForVideo(id)).status, "DONE", "the module is as sound as before");
  return { ends, asked: server.arrivals.length - 1 };
}

describe("a token", () => {
  it("of which any bit is flipped is refused before any request", async (test) => {
    const flipped = [...tokens.values()].flatMap((token) =>
      [...token].flatMap((letter, at) =>
        Array.from({ length: 9 }, (_, bit) => token.slice(0, at) + String.fromCharCode(letter.charCodeAt(0) ^ (1 << bit)) + token.slice(at + 1)),
      ),
    );
    const { ends, asked } = await endings(test, flipped);
    assert.deepEqual([...ends].map(([code, all]) => [code, all.length]), [["invalid_argument", flipped.length]]);
    assert.equal(asked, 0);
    test.diagnostic(`${flipped.length} tokens`);
  });

  it("that is cut, at either end or in the middle, or joined to another is refused before any request", async (test) => {
    const all = [...tokens.values()];
    const cut = all.flatMap((token) => [...token].flatMap((_, at) => (at === 0 ? [""] : [token.slice(0, at), token.slice(at), token.slice(0, at) + token.slice(at + 1), token.slice(0, at) + token.slice(at - 1)])));
    const joined = all.flatMap((one) => all.flatMap((other) => [`${one}${other}`, `${one},${other}`]));
    const swapped = all.flatMap((one) => all.filter((other) => other !== one).map((other) => one.replace(/\d+$/, () => other.split(",").at(-1) ?? "")));
    const { ends, asked } = await endings(test, [...cut, ...joined, ...swapped]);
    assert.deepEqual([...ends.keys()], ["invalid_argument"], JSON.stringify([...ends].map(([code, some]) => [code, some.slice(0, 3)])));
    assert.equal(asked, 0);
  });

  it("of another video is refused before any request, also of one with a name much like it", async (test) => {
    for (const id of ["video", "video-é", `${ID} `, `${ID},`, encodeURIComponent(ID), ID.toUpperCase(), ID.normalize("NFD"), "video-é,1,"]) {
      const { ends, asked } = await endings(test, tokens.values(), id);
      assert.deepEqual([...ends].map(([code, all]) => [code, all.length]), [["invalid_argument", tokens.size]], id);
      assert.equal(asked, 0);
    }
  });

  it("that is forged, checksum and all, is refused, or its poll comes to a proper end", async (test) => {
    const values = ["", "-", "0", "1", "-1", "9", "a", "d", "f", "g", "p", "r", "s", "t", "u", "999999", "4294967296", "9007199254740993", "18446744073709551615", "18446744073709551616", "1e3", "NaN", "%", "%FF", "%00", "x".repeat(5_000), "9218868437227405312", "9221120237041090560"];
    const forged = [...tokens.values()].flatMap((token) => {
      const fields = token.split(",").slice(0, -1);
      return fields.flatMap((_, at) => [
        ...values.map((value) => closed(fields.toSpliced(at, 1, value))),
        closed(fields.toSpliced(at, 1)),
        closed(fields.toSpliced(at, 0, fields[at] ?? "")),
        closed(fields.slice(0, at)),
      ]);
    });
    const { ends } = await endings(test, forged);
    test.diagnostic(JSON.stringify([...ends].map(([code, all]) => [code, all.length])));
    const others = [...ends].filter(([code]) => !["invalid_argument", "DONE", "timeout"].includes(code));
    assert.deepEqual(others.map(([code, all]) => [code, all.slice(0, 3)]), []);
    assert.ok((ends.get("DONE")?.length ?? 0) > 100 && (ends.get("invalid_argument")?.length ?? 0) > 1_000, "forged ones of both kinds");
  });

  it("that asks to be left alone for ever can be cancelled, and ends by the deadline that it is given", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const own = new VideoClient({ baseUrl: server.url });
    const fields = (tokens.get("failing") ?? "").split(",").slice(0, -1);
    const far = String(Date.now() + 1e10);
    const times = fields.flatMap((field, at) => (/^1\d{12}$/.test(field) ? [at] : []));
    assert.ok(times.length >= 4, "a token tells of times");
    const resumeToken = closed(fields.map((field, at) => (times.includes(at) ? far : field)));
    const poll = own.poll(ID, { ...QUICK, resumeToken });
    poll.cancel("enough");
    assert.equal(await rejection(poll.done), "enough");
    const [end] = await within(10_000, Promise.allSettled([own.waitForVideo(ID, { ...QUICK, resumeToken, timeoutMs: 300 })]));
    if (end.status === "rejected") assert.ok(["timeout", "invalid_argument"].includes(end.reason.code), end.reason.code);
  });
});
