// @ts-check
/** What callers of a proxy share, with whom and for how long, in virtual time. Real hosts: company.test.mjs. */

import { clock } from "../node/virtual.mjs";

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVideoProxy } from "./package.mjs";
import { BASE, done, KEY } from "./upstream.mjs";

/** @typedef {{ id: string, key: string | null }} Sent */

/**
 * A proxy before an API that answers after a while; `reply` may be another than a Response, which is JSON.
 * @param {Partial<import("./package.mjs").ProxyOptions>} [options]
 * @param {(sent: Sent, number: number) => unknown} [reply]
 */
function proxied(options = {}, reply = () => done) {
  /** @type {Sent[]} */
  const sent = [];
  const fetch = async (/** @type {any} */ url, /** @type {any} */ { headers }) => {
    const request = { id: String(url).slice(String(url).indexOf(BASE) + BASE.length + 1), key: headers["x-api-key"] };
    const number = sent.push(request);
    await new Promise((resolve) => setTimeout(resolve, LATENCY_MS));
    const answer = reply(request, number);
    return answer instanceof Response ? answer : Response.json(answer);
  };
  const handler = createVideoProxy({ apiKey: KEY, fetch, ...options });
  /** @param {string} id @param {RequestInit} [init] */
  const call = (id, init) => handler(new Request(`https://site.example${BASE}/${id}`, init));
  return {
    sent,
    call,
    /** The answers, once they are there; time goes on no further. @param {Promise<Response>[]} calls */
    async settled(...calls) {
      await clock.tickAsync(LATENCY_MS);
      return Promise.all(calls);
    },
  };
}

const LATENCY_MS = 200;

describe("callers of one video", () => {
  it("cause one request, and each has the whole answer", async () => {
    const { call, sent, settled } = proxied({}, () => ({ ...done, message: "x".repeat(100_000) }));
    const answers = await settled(...Array.from({ length: 10 }, (_, at) => call("v", { method: at === 3 ? "HEAD" : "GET" })));
    assert.equal(sent.length, 1);
    for (const [at, response] of answers.entries()) {
      assert.equal(response.status, 200);
      assert.equal((await response.text()).length, at === 3 ? 0 : JSON.stringify(done).length + 100_000 + ',"message":""'.length);
    }
  });

  for (const [what, options, shareMs] of /** @type {const} */ ([
    ["1.5 s", {}, 1_500],
    ["as long as they are told", { shareMs: 40 }, 40],
    ["half a millisecond", { shareMs: 0.5 }, 0.5],
  ])) {
    it(`share an answer for ${what}, counted from when it came`, async () => {
      const { call, sent, settled } = proxied(options);
      await settled(call("v"));
      await clock.tickAsync(Math.ceil(shareMs) - 1);
      assert.equal((await call("v")).status, 200);
      assert.equal(sent.length, 1);
      await clock.tickAsync(1);
      assert.equal((await settled(call("v"))).length, 1);
      assert.equal(sent.length, 2);
    });
  }

  it("share one that is under way however long it takes", async () => {
    const { call, sent, settled } = proxied({ shareMs: 40 });
    const first = call("v");
    await clock.tickAsync(LATENCY_MS - 1);
    const answers = await settled(first, call("v"));
    assert.deepEqual(answers.map(({ status }) => status), [200, 200]);
    assert.equal(sent.length, 1);
  });

  for (const status of [401, 404, 429, 500, 302]) {
    it(`share an answer that is a ${status}`, async () => {
      const { call, sent, settled } = proxied({}, () => new Response("", { status, headers: { location: "/" } }));
      const [first] = await settled(call("v"));
      assert.equal((await call("v")).status, first?.status);
      assert.equal(sent.length, 1);
    });
  }

  for (const [what, answer] of /** @type {[string, () => unknown][]} */ ([
    ["no answer", () => { throw new TypeError("reset"); }],
    ["only half of one", () => new Response(new ReadableStream({ start: (stream) => stream.error(new Error("cut")) }))],
  ])) {
    it(`share that there was ${what} for 1.5 s, counted from when it was asked for`, async () => {
      const { call, sent, settled } = proxied({}, (_, number) => (number === 1 ? answer() : done));
      assert.deepEqual((await settled(call("v"), call("v"))).map(({ status }) => status), [502, 502]);
      await clock.tickAsync(1_500 - LATENCY_MS - 1);
      for (let caller = 0; caller < 50; caller += 1) assert.equal((await call("v")).status, 502);
      assert.equal(sent.length, 1);
      await clock.tickAsync(1);
      assert.deepEqual([(await settled(call("v")))[0]?.status, sent.length], [200, 2]);
    });
  }

  for (const [shareMs, seconds] of /** @type {const} */ ([[1_500, 1.5], [400, 0.4], [600_000, 10]])) {
    it(`who leave at once cause one request in ${seconds} s, and one who stays has the next one's answer, sharing for ${shareMs} ms`, async () => {
      const { call, sent } = proxied({ shareMs });
      const spanMs = 2_500 * seconds;
      for (let passedMs = 0; passedMs < spanMs; passedMs += seconds * 10) {
        const leaving = new AbortController();
        const called = call("v", { signal: leaving.signal });
        await clock.tickAsync(seconds * 5);
        leaving.abort();
        assert.equal((await called).status, 499);
        await clock.tickAsync(seconds * 5);
      }
      assert.equal(sent.length, 3);
      const staying = [call("v"), call("v")];
      await clock.tickAsync(seconds * 500 - 1);
      assert.equal(sent.length, 3);
      await clock.tickAsync(1 + LATENCY_MS);
      assert.deepEqual((await Promise.all(staying)).map(({ status }) => status), [200, 200]);
      assert.equal(sent.length, 4);
      assert.equal((await call("v")).status, 200);
      assert.equal(clock.countTimers(), 0);
    });
  }

  it("share nothing if shareMs is 0", async () => {
    const { call, sent, settled } = proxied({ shareMs: 0 });
    await settled(call("v"), call("v"), call("v"));
    await settled(call("v"));
    assert.equal(sent.length, 4);
  });

  it("share nothing with callers of another kind", async () => {
    const { call, sent, settled } = proxied();
    await settled(call("kinds"), call("auto/kinds"));
    assert.deepEqual(sent.map(({ id }) => id), ["kinds", "auto/kinds"]);
  });

  it("share nothing with callers who have another key", async () => {
    const apiKey = (/** @type {Request} */ request) => `secret-of-${request.headers.get("x-tenant")}`;
    const { call, sent, settled } = proxied({ apiKey }, ({ key }) => ({ ...done, message: key?.toUpperCase() }));
    const answers = await settled(...["a", "b", "a", "b"].map((tenant) => call("v", { headers: { "x-tenant": tenant } })));
    const messages = await Promise.all(answers.map(async (response) => (await response.json()).message));
    assert.deepEqual(messages, ["A", "B", "A", "B"].map((tenant) => `SECRET-OF-${tenant}`));
    assert.deepEqual(sent.map(({ key }) => key), ["secret-of-a", "secret-of-b"]);
  });

  it("share nothing before each has been authorized", async () => {
    const { call, sent, settled } = proxied({ authorize: (request) => request.headers.get("x-visitor") === "owner" });
    const by = (/** @type {string} */ visitor) => call("v", { headers: { "x-visitor": visitor } });
    const owner = by("owner");
    assert.equal((await by("stranger")).status, 403); // while it is underway
    assert.equal((await settled(owner))[0]?.status, 200);
    assert.equal((await by("stranger")).status, 403); // and when it is there
    assert.equal((await by("owner")).status, 200);
    assert.equal(sent.length, 1);
  });
});
