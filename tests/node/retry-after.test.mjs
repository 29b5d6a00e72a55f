// @ts-check
/** When to come back, as the shipped module reads it: the core's own tests have the same texts. */

import { leap } from "./virtual.mjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { entry, VideoClient } from "./package.mjs";

/** @type {typeof import("../../pkg/dist/machine.js")} */
const { start, step } = await import(new URL("machine.js", entry).href);
/** @type {{ now: string, nowMs: number, vectors: { retryAfter: string, date?: string, waitMs: number | null }[] }} */
const { nowMs, vectors } = JSON.parse(readFileSync(new URL("../vectors/retry-after.json", import.meta.url), "utf8"));

const HOUR = 3_600_000;
leap();
const done = { status: "DONE", url: "https://media.example/v.webm" };
/** No pause of its own hides what the server wants. */
const ENDLESS = { timeoutMs: Infinity, minIntervalMs: 0, maxIntervalMs: 0 };

describe("Retry-After", () => {
  it("means to the machine of this module what it means to every other", async () => {
    const { snapshot } = await start("v", nowMs, ENDLESS);
    for (const { retryAfter, date, waitMs } of vectors) {
      const { command } = await step(snapshot, { type: "response", httpStatus: 429, retryAfter, date, body: "" }, nowMs);
      assert.ok(command.type === "sleep");
      assert.equal(command.untilMs - nowMs, waitMs ?? 0, JSON.stringify({ retryAfter, date }));
    }
  });

  for (const aheadMs of [-HOUR, 0, HOUR, 24 * HOUR]) {
    it(`as a date counts from the server's clock, which is ${aheadMs / HOUR} hours ahead`, async () => {
      const date = (/** @type {number} */ ms) => new Date(Date.now() + aheadMs + ms).toUTCString();
      for (const status of [429, 503]) {
        /** @type {number[]} */
        const requests = [];
        const fetch = async () => {
          requests.push(performance.now());
          if (requests.length > 1) return Response.json(done);
          return new Response("busy", { status, headers: { "retry-after": date(30_000), date: date(0) } });
        };
        await new VideoClient({ baseUrl: "https://api.example", fetch }).waitForVideo("v", { timeoutMs: 120_000 });
        assert.equal((requests[1] ?? NaN) - (requests[0] ?? NaN), 30_000);
      }
    });
  }

  for (const [written, waitMs] of /** @type {const} */ ([
    ["2.5", 3_000],
    ["30.5", 31_000],
    ["0.2", 1_000],
  ])) {
    it(`of ${written} seconds is rounded up`, async () => {
      /** @type {number[]} */
      const requests = [];
      const fetch = async () => {
        requests.push(performance.now());
        return requests.length > 1 ? Response.json(done) : new Response("", { status: 503, headers: { "retry-after": written } });
      };
      await new VideoClient({ baseUrl: "https://api.example", fetch }).waitForVideo("v", { minIntervalMs: 5, maxIntervalMs: 5 });
      assert.equal((requests[1] ?? NaN) - (requests[0] ?? NaN), waitMs);
    });
  }
});

describe("a response that an engine hands over", () => {
  it("is refused where its date is no text", async () => {
    const { snapshot } = await start("v", nowMs);
    const response = { type: "response", httpStatus: 200, body: JSON.stringify(done) };
    for (const odd of [{ date: 7 }, { date: {} }, { date: true }, { retryAfter: 7 }]) {
      await assert.rejects(step(snapshot, /** @type {any} */ ({ ...response, ...odd }), nowMs), { code: "invalid_argument" });
    }
    for (const fine of [{ date: null }, { date: undefined, oversized: undefined }, { date: "", oversized: false }]) {
      const { command } = await step(snapshot, /** @type {any} */ ({ ...response, ...fine }), nowMs);
      assert.equal(command.type, "done");
    }
  });

  it("that is oversized is a bad one, however well its beginning reads", async () => {
    const { snapshot } = await start("v", nowMs, { maxConsecutiveFailures: 1 });
    const { command } = await step(snapshot, { type: "response", httpStatus: 200, body: JSON.stringify(done), oversized: true }, nowMs);
    assert.ok(command.type === "failed");
    assert.equal(command.error.code, "bad_response");
  });
});
