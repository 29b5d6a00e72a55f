// @ts-check
/** Each way it can end badly: its code, how often it was asked, and what the error says. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VideoClient, VideoError } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, rejection, within } from "./settling.mjs";
import { client, createVideo, otherOrigin, staysQuiet } from "./virtual-simulator.mjs";

const THREE = 3;
const ONCE = 1;
const PAGE = "<!doctype html><title>One moment</title>";

/**
 * @typedef {{ code: import("./package.mjs").VideoErrorCode, requests: number, httpStatus?: number, retryable: boolean }} Outcome
 * @typedef {[name: string, answer: unknown, Outcome]} Case
 */

/** One request and no more. @param {Outcome["code"]} code @param {number} [httpStatus] @returns {Outcome} */
const atOnce = (code, httpStatus) => ({ code, requests: ONCE, retryable: false, ...(httpStatus && { httpStatus }) });
/** As many as maxConsecutiveFailures. @param {Outcome["code"]} code @param {number} [httpStatus] @returns {Outcome} */
const inTheEnd = (code, httpStatus) => ({ code, requests: THREE, retryable: true, ...(httpStatus && { httpStatus }) });
/** @param {number[]} statuses @param {(status: number) => Outcome} outcome @returns {Case[]} */
const each = (statuses, outcome) => statuses.map((status) => [`${status}`, status, outcome(status)]);

const NO_STATUS_BODIES = [
  "null",
  "[]",
  "3",
  '"DONE"',
  "{}",
  '{"status":null}',
  '{"status":7}',
  '{"status":""}',
  '{"status":"DONE"',
  "",
  " ",
  '{"status":"DONE"}',
];

/** What the server answers, and what must come of it. @type {Case[]} */
const ANSWERS = [
  ...each([401, 403], (status) => atOnce("unauthorized", status)),
  ...each([404], (status) => atOnce("not_found", status)),
  ...each([400, 402, 405, 409, 410, 418, 422, 451], (status) => atOnce("http", status)),
  ...each([408, 425, 500, 501, 502, 503, 504, 599], (status) => inTheEnd("http", status)),
  ...each([429], (status) => inTheEnd("rate_limited", status)),
  ...each([204], (status) => inTheEnd("bad_response", status)),
  ["a page of HTML", { body: PAGE, headers: { "content-type": "text/html" } }, inTheEnd("bad_response", 200)],
  ...NO_STATUS_BODIES.map(
    (body) => /** @type {Case} */ ([`the body ${JSON.stringify(body)}`, { body }, inTheEnd("bad_response", 200)]),
  ),
  ["more than maxResponseBytes", { ...done, padding: " ".repeat(4_000) }, inTheEnd("bad_response", 200)],
  ...[301, 302, 303, 307, 308].map(
    (status) =>
      /** @type {Case} */ ([`${status}`, { status, headers: { location: "/elsewhere" } }, atOnce("redirected")]),
  ),
  ["a reset connection", { fault: "reset" }, inTheEnd("network")],
  ["a body that is cut off", { fault: "cut", body: pending }, inTheEnd("network")],
  ["401 in words that are cut off", { status: 401, fault: "cut", body: pending }, atOnce("unauthorized", 401)],
  ["half a body and no more", { fault: "stall", body: pending }, inTheEnd("network")],
  ["no byte at all", { fault: "hang" }, inTheEnd("network")],
  ["ERROR", { status: "ERROR", message: "out of film" }, atOnce("video_failed")],
];

describe("a poll", () => {
  for (const [name, answer, { code, requests, httpStatus, retryable }] of ANSWERS) {
    it(`that is answered with ${name} ends with "${code}" after ${requests === ONCE ? "one request" : "maxConsecutiveFailures"}`, async (test) => {
      const server = await scriptedServer(test, inOrder(answer));
      const own = new VideoClient({ baseUrl: server.url, requestTimeoutMs: 150, maxResponseBytes: 2_000 });
      const poll = own.poll("v", { ...QUICK, maxConsecutiveFailures: THREE });
      const error = await within(10_000, failure(poll.done, code));
      assert.equal(error.retryable, retryable);
      if (httpStatus !== undefined || code === "network") assert.equal(error.httpStatus, httpStatus);
      assert.equal(typeof error.resumeToken, "string");
      assert.equal(server.arrivals.length, requests);
      await server.staysQuiet();
    });
  }

  it("is given up at the tenth failure by default", async (test) => {
    const server = await scriptedServer(test, inOrder(500));
    await failure(
      new VideoClient({ baseUrl: server.url }).waitForVideo("v", { minIntervalMs: 0, maxIntervalMs: 1 }),
      "http",
    );
    assert.equal(server.arrivals.length, 10);
  });

  it("is given up at the first failure where maxConsecutiveFailures is 1", async (test) => {
    const server = await scriptedServer(test, inOrder(503));
    await failure(
      new VideoClient({ baseUrl: server.url }).waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 1 }),
      "http",
    );
    assert.equal(server.arrivals.length, 1);
  });

  it("is never given up where maxConsecutiveFailures is Infinity", async (test) => {
    const server = await scriptedServer(test, ({ number }) => (number < 14 ? 500 : done));
    const own = new VideoClient({ baseUrl: server.url });
    // pollNow spares the waiting that grows with each failure
    const poll = own.poll("v", { ...QUICK, maxConsecutiveFailures: Infinity });
    const hastening = setInterval(() => poll.pollNow(), 5);
    assert.equal((await within(5_000, poll.done)).requests, 14);
    clearInterval(hastening);
  });

  it("counts failures in a row only, of whatever kind, and names the last", async (test) => {
    const server = await scriptedServer(
      test,
      inOrder(500, { fault: "reset" }, pending, 500, { body: PAGE }, pending, { fault: "reset" }, 500, 429),
    );
    const own = new VideoClient({ baseUrl: server.url });
    await failure(own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 3 }), "rate_limited");
    assert.equal(server.arrivals.length, 9);
  });

  it('that nobody listens to ends with "network"', async () => {
    const own = new VideoClient({ baseUrl: "http://nothing.localhost" });
    const error = await within(
      3_000,
      failure(own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 3 }), "network"),
    );
    assert.deepEqual([error.httpStatus, error.retryable], [undefined, true]);
  });

  const rejections = {
    "Chrome's words": new TypeError("Failed to fetch"),
    "Safari's words": new TypeError("Load failed"),
    "an AbortError that is not ours": new DOMException("aborted", "AbortError"),
    "a text": "boom",
    undefined,
    null: null,
  };
  for (const [name, reason] of Object.entries(rejections)) {
    for (const way of ["rejects", "throws"]) {
      it(`whose fetch ${way} with ${name} tries again, then ends with "network"`, async () => {
        let calls = 0;
        /** @type {any} */
        const failing = () => {
          calls += 1;
          if (way === "throws") throw reason;
          return Promise.reject(reason);
        };
        const poll = client({ fetch: failing }).waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 3 });
        await within(3_000, failure(poll, "network"));
        assert.equal(calls, 3);
      });
    }
  }

  for (const [name, given] of Object.entries({
    undefined,
    null: null,
    "a text": "no response",
    "an empty object": {},
    "a number": 7,
  })) {
    it(`whose fetch resolves with ${name} ends with an error that can be retried`, async () => {
      /** @type {any} */
      const odd = async () => given;
      const poll = client({ fetch: odd }).waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 2 });
      const error = await within(3_000, rejection(poll));
      assert.ok(error instanceof VideoError);
      assert.ok(["network", "bad_response"].includes(error.code), error.code);
    });
  }

  it('whose video fails ends with "video_failed", the server\'s words and the last update', async () => {
    const id = await createVideo({ scenario: "failed", speed: 600 });
    const error = await failure(client().waitForVideo(id, QUICK), "video_failed");
    assert.equal(error.detail, "The video could not be generated");
    assert.ok(!error.message.includes("The video could not be generated"), "what is in the detail is said once");
    assert.equal(error.last?.status, "ERROR");
    assert.equal(error.last?.videoId, id);
    assert.equal(error.retryable, false);
    await staysQuiet(id);
  });
});

describe("getStatus", () => {
  for (const [name, answer, { code, httpStatus, retryable }] of ANSWERS) {
    if (code === "video_failed") continue;
    it(`that is answered with ${name} rejects with "${code}" after one request`, async (test) => {
      const server = await scriptedServer(test, inOrder(answer));
      const own = new VideoClient({ baseUrl: server.url, requestTimeoutMs: 150, maxResponseBytes: 2_000 });
      const error = await within(10_000, failure(own.getStatus("v"), code));
      assert.equal(error.retryable, retryable);
      if (httpStatus !== undefined || code === "network") assert.equal(error.httpStatus, httpStatus);
      assert.equal(server.arrivals.length, 1);
      await server.staysQuiet();
    });
  }

  it("that is answered with ERROR resolves: it is a status", async (test) => {
    const server = await scriptedServer(test, inOrder({ status: "ERROR", message: "out of film" }));
    const status = await new VideoClient({ baseUrl: server.url }).getStatus("v");
    assert.ok(status.status === "ERROR");
    assert.equal(status.message, "out of film");
  });
});

describe("a redirect", () => {
  for (const scenario of ["redirect-other-origin", "redirect-other-origin-later", "redirect", "redirect-permanent"]) {
    it(`is refused, and nothing reaches where it points to (${scenario})`, async () => {
      const id = await createVideo({ scenario });
      const own = client({ headers: { authorization: "Bearer session" } });
      await failure(own.waitForVideo(id, QUICK), "redirected");
      await failure(own.getStatus(id), "redirected");
      const { requests } = await staysQuiet(id);
      const first = scenario.endsWith("later") || scenario === "redirect" ? 3 : 1;
      assert.equal(requests.length, first + 1);
      assert.deepEqual((await otherOrigin()).requests, []);
    });
  }
});

describe("a VideoError", () => {
  it("is an Error of that name, with a message and a stack", async (test) => {
    const server = await scriptedServer(test, inOrder(404));
    const error = await failure(new VideoClient({ baseUrl: server.url }).waitForVideo("v"), "not_found");
    assert.ok(error instanceof Error && error instanceof VideoError);
    assert.equal(error.name, "VideoError");
    assert.equal(Object.prototype.toString.call(error), "[object Error]");
    assert.ok(error.message.length > 10 && error.stack?.includes(error.message));
    assert.ok(String(error).startsWith("VideoError: "));
  });

  const WORDS = "no credits left";
  for (const body of [WORDS, { error: WORDS }, { message: WORDS }, { detail: WORDS }, { error: { message: WORDS } }]) {
    it(`carries the server's own words, here from ${JSON.stringify(body)}`, async (test) => {
      const server = await scriptedServer(test, () => ({ status: 402, body }));
      const error = await failure(new VideoClient({ baseUrl: server.url }).getStatus("v"), "http");
      assert.equal(error.detail, WORDS);
    });
  }

  it("has no detail where the server said nothing", async (test) => {
    const server = await scriptedServer(test, inOrder(404));
    const error = await failure(new VideoClient({ baseUrl: server.url }).getStatus("v"), "not_found");
    assert.equal(error.detail, undefined);
  });

  for (const [name, body] of Object.entries({
    "a long text": "a".repeat(100_000),
    "long words in JSON": { error: "b".repeat(100_000) },
    "a long text of emoji": "🎬".repeat(50_000),
    "a long page": `${PAGE}${"<p>".repeat(50_000)}`,
  })) {
    for (const status of [200, 402, 500]) {
      it(`holds at most 2,000 characters of ${name} with ${status}`, async (test) => {
        const server = await scriptedServer(test, () => ({ status, body }));
        const error = await rejection(new VideoClient({ baseUrl: server.url }).getStatus("v"));
        assert.ok(error.detail.length > 0 && error.detail.length <= 2_000, `${error.detail.length}`);
        assert.ok(error.message.length < 2_200);
        assert.ok(error.detail.isWellFormed?.() ?? true);
      });
    }
  }

  it("of a failed video holds at most 2,000 characters of its words", async (test) => {
    const server = await scriptedServer(test, inOrder({ status: "ERROR", message: "c".repeat(100_000) }));
    const error = await failure(new VideoClient({ baseUrl: server.url }).waitForVideo("v"), "video_failed");
    assert.equal(error.detail?.length, 2_000);
  });
});
