// @ts-check
/**
 * When to come back, as the proxy passes it on: it reads `Retry-After` as the module does, which `tests/native/hosts.rs` and
 * `tests/node/retry-after.test.mjs` hold to the same texts.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { createVideoProxy } from "./package.mjs";
import { BASE, KEY } from "./upstream.mjs";

/** @type {{ now: string, vectors: { retryAfter: string, date?: string, waitMs: number | null }[] }} */
const { now, vectors } = JSON.parse(readFileSync(new URL("../vectors/retry-after.json", import.meta.url), "utf8"));

/** What a caller is told, of an API that says this. @param {Record<string, string>} headers */
async function passedOn(headers) {
  // `Headers` would trim them, and take no other letters.
  const said = { get: (/** @type {string} */ name) => headers[name.toLowerCase()] ?? null };
  const fetch = async () => ({ status: 429, headers: said, body: null, arrayBuffer: async () => new ArrayBuffer(0) });
  const proxy = createVideoProxy({ apiKey: KEY, baseUrl: "https://api.example", fetch: /** @type {any} */ (fetch), shareMs: 0 });
  return (await proxy(new Request(`https://site.example${BASE}/v`))).headers.get("retry-after");
}

describe("Retry-After", () => {
  it("is passed on where it means anything, as it is", async () => {
    for (const vector of vectors) {
      const told = await passedOn({ "retry-after": vector.retryAfter });
      assert.equal(told, vector.waitMs === null ? null : vector.retryAfter.trim(), JSON.stringify(vector));
    }
  });

  it("as a date is passed on in seconds where the API's clock is another", async () => {
    for (const vector of vectors) {
      // All of them stand for a moment near this one.
      const told = await passedOn({ "retry-after": vector.retryAfter, date: vector.date ?? now });
      const isInSeconds = /^\s*[\d.]+\s*$/.test(vector.retryAfter);
      const isKnown = vector.date === undefined || isDate(vector.date);
      const expected = isInSeconds || !isKnown ? vector.retryAfter.trim() : String((vector.waitMs ?? NaN) / 1_000);
      assert.equal(told, vector.waitMs === null ? null : expected, JSON.stringify(vector));
    }
  });

  it("as a date stays one where the clocks agree", async () => {
    const [date, until] = [0, 90_000].map((ms) => new Date(Date.now() + ms).toUTCString());
    assert.equal(await passedOn({ "retry-after": until ?? "", date: date ?? "" }), until);
  });

  it("does not tell of a key in it, nor in the API's date", async () => {
    assert.equal(await passedOn({ "retry-after": KEY }), null);
    assert.equal(await passedOn({ "retry-after": "7", date: KEY }), "7");
  });
});

/** Of the vectors' second headers, those that are dates. @param {string} text */
function isDate(text) {
  return /GMT\s*$|1994$/.test(text) && !text.includes(", 6 ");
}
