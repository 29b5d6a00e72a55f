// @ts-check
/**
 * What strangers send to the routes of a server, changed at random: requests to the proxy, what the API makes of them, and
 * notifications. A handler never rejects; it requests what it is there for and nothing else; and the key stays on the server.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { body, edited, headerValue, httpStatus, runs, statusLike } from "../support/fuzz.mjs";
import { createVideoProxy, readWebhook } from "./package.mjs";
import { BASE, done, KEY } from "./upstream.mjs";

const API = "https://api.example";
/** All that comes back of the API's own, and what the proxy adds. */
const HEADERS = ["access-control-allow-credentials", "access-control-allow-origin", "access-control-expose-headers", "cache-control", "content-security-policy", "content-type", "cross-origin-resource-policy", "retry-after", "vary", "x-content-type-options"];

/** An API that keeps what it was sent. @param {() => Response} respond */
function apiOf(respond) {
  /** @type {Request[]} */
  const requests = [];
  const fetch = async (/** @type {any} */ url, /** @type {any} */ init) => {
    requests.push(new Request(url, init));
    return respond();
  };
  return { requests, fetch };
}

const segment = fc.string({ unit: fc.constantFrom("a", "v", "1", "-", ".", "%", "%2e", "%2F", "%5C", "%00", "%25", "%252e", "%C3%A9", "%E9", "/", "\\", ";", "@", "?", "#", "é", "\ud83c\udfac"), maxLength: 12 });
const path = fc.oneof(
  { arbitrary: segment.map((id) => `${BASE}/${id}`), weight: 4 },
  segment.map((id) => `${BASE}/auto/${id}`),
  edited(segment.map((id) => `/mount${BASE}/${id}`)),
  fc.webPath(),
);

describe("whatever strangers send", { timeout: 900_000 }, () => {
  it("to the proxy: it requests one video by its id, or refuses", async () => {
    const method = fc.oneof({ arbitrary: fc.constantFrom("GET", "HEAD"), weight: 6 }, fc.constantFrom("POST", "PUT", "DELETE", "OPTIONS"));
    const names = fc.constantFrom("origin", "cookie", "x-api-key", "authorization", "host", "x-forwarded-host", "accept", "range", "access-control-request-headers");
    await fc.assert(
      fc.asyncProperty(method, path, fc.dictionary(names, headerValue, { maxKeys: 4 }), async (verb, target, headers) => {
        let url;
        try {
          url = new URL(`https://site.example${target}`);
        } catch {
          return;
        }
        const api = apiOf(() => Response.json(done));
        const proxy = createVideoProxy({ apiKey: KEY, baseUrl: API, fetch: /** @type {any} */ (api.fetch), allowedOrigins: ["https://app.example"] });
        const response = await proxy(new Request(url, { method: verb, headers }));
        assert.ok([200, 204, 404, 405].includes(response.status), String(response.status));
        assert.equal(api.requests.length, response.status === 200 ? 1 : 0);
        for (const request of api.requests) {
          const { pathname, search, hash, origin } = new URL(request.url);
          assert.match(pathname, new RegExp(`^${BASE}/(?:auto/)?[^/]+$`));
          assert.deepEqual([request.method, origin, search, hash], ["GET", API, "", ""]);
          assert.deepEqual([...request.headers], [["accept", "application/json"], ["x-api-key", KEY]]);
          // As one segment, whoever decodes it, and however often.
          let id = pathname.split("/").at(-1) ?? "";
          for (let before = ""; before !== id; ) {
            before = id;
            assert.doesNotMatch(id, /[/\\]|^\.{1,2}$/, id);
            try {
              id = decodeURIComponent(id);
            } catch {
              // Not decoded any further by anybody.
            }
          }
        }
      }),
      runs(400),
    );
  });

  it("from the API: status, type, Retry-After and body alone come back, and no key", async () => {
    const letters = (/** @type {string} */ text, /** @type {number} */ minLength, /** @type {number} */ maxLength) => fc.string({ unit: fc.constantFrom(...text.split("")), minLength, maxLength });
    const key = fc.tuple(letters("ghijkXYZ", 8, 12), letters("abcXYZ019-_./+=&%\\\"'<> é", 0, 30)).map((parts) => parts.join(""));
    /** Ways in which a program repeats what it was sent. @type {((text: string) => string)[]} */
    const layers = [
      (text) => text,
      (text) => JSON.stringify(text).slice(1, -1),
      (text) => JSON.stringify(text).slice(1, -1).replaceAll("/", "\\/"),
      (text) => encodeURIComponent(text),
      (text) => [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
      (text) => text.replace(/[&<>"'/]/g, (letter) => `&#${letter.charCodeAt(0)};`),
      (text) => text.replace(/[&<>"'/]/g, (letter) => `&#x${letter.charCodeAt(0).toString(16).toUpperCase()};`),
      (text) => [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
    ];
    const written = fc.array(fc.constantFrom(...layers), { minLength: 1, maxLength: 3 });
    const place = fc.constantFrom((/** @type {string} */ text) => `no account for ${text}!`, (/** @type {string} */ text) => JSON.stringify({ status: "ERROR", message: `no account for ${text}` }), (/** @type {string} */ text) => JSON.stringify({ [text]: [text, 1] }));
    await fc.assert(
      fc.asyncProperty(key, written, place, httpStatus, headerValue, async (given, ways, put, status, value) => {
        const apiKey = given.trim();
        const repeated = put(ways.reduce((text, write) => write(text), apiKey));
        const headers = { "content-type": value || "application/json", "retry-after": value, "x-key": "1", "set-cookie": "a=b" };
        const api = apiOf(() => new Response(repeated, { status, headers }));
        const proxy = createVideoProxy({ apiKey, baseUrl: API, fetch: /** @type {any} */ (api.fetch) });
        const response = await proxy(new Request(`https://site.example${BASE}/v`));
        assert.deepEqual([...response.headers.keys()].filter((name) => !HEADERS.includes(name)), []);
        const text = await response.text();
        assert.ok(!text.includes(apiKey) && !text.includes(repeated), `${repeated} came back as ${text}`);
      }),
      runs(400),
    );
  });

  it("as a notification: it names a video that can be one, or none", async () => {
    const wrapped = fc.oneof(statusLike, fc.record({ data: fc.oneof(statusLike, statusLike.map((value) => JSON.stringify(value))) }), fc.array(statusLike, { maxLength: 2 }), fc.record({ videoId: fc.oneof(segment, fc.string(), fc.integer()) }));
    const types = fc.oneof(fc.constantFrom("application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"), headerValue);
    const content = fc.oneof({ arbitrary: wrapped.map((value) => JSON.stringify(value)), weight: 3 }, body, fc.webQueryParameters(), fc.uint8Array({ maxLength: 100 }));
    await fc.assert(
      fc.asyncProperty(content, types, fc.webQueryParameters(), async (payload, type, query) => {
        const request = new Request(`https://site.example/webhook?${query}`, { method: "POST", headers: { "content-type": type }, body: /** @type {any} */ (payload) });
        const found = await readWebhook(request);
        if (found === null) return;
        assert.deepEqual(Object.keys(found), ["videoId"]);
        assert.ok(found.videoId.length > 0 && found.videoId.length <= 512);
        assert.doesNotMatch(found.videoId, /[/\\\u0000-\u001f\u007f-\u009f\ufffd]|^\.{1,2}$/u);
      }),
      runs(400),
    );
  });
});
