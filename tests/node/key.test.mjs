// @ts-check
/** The key goes to the API and nowhere else: no error, update, token or log holds it, whatever the server says. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { VideoClient } from "./package.mjs";
import { done, generating, inOrder, pending, scriptedServer } from "./scripted-fetch.mjs";
import { QUICK, recorder, rejection, within } from "./settling.mjs";

/** Keys of different alphabets; the second is as base64 would write it. */
const KEYS = ["sk-live-0123456789abcdef", "sk/live+Zm9v/YmFy+cXV1eA==", "k\"e\\y'<&>!{}", "clé-0123456789"];

/**
 * Ways to write a text inside JSON: plain, as PHP escapes it, as .NET does, and all in escapes.
 * @type {Record<string, (json: string) => string>}
 */
const ENCODINGS = {
  "plain JSON": (json) => json,
  "escaped slashes": (json) => json.replaceAll("/", "\\/"),
  "escaped punctuation": (json) => json.replace(/[+/=<>&']/g, escaped),
  "escapes alone": (json) => json.replace(/(?<!\\)[a-z0-9-]/gi, escaped),
};

/** @param {string} letter */
function escaped(letter) {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Everything that can be made of a value by looking at it. @param {unknown} value */
function everyView(value) {
  const views = [
    inspect(value, { depth: 20, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity }),
    String(value),
    JSON.stringify(value),
  ];
  if (value instanceof Error) {
    views.push(
      value.message,
      value.stack ?? "",
      JSON.stringify(Object.getOwnPropertyNames(value).map((name) => Reflect.get(value, name))),
    );
  }
  return views.join("\n");
}

/** @param {string} key @param {Record<string, unknown>} values */
function nowhere(key, values) {
  for (const [name, value] of Object.entries(values)) {
    const text = everyView(value);
    const forms = [key, JSON.stringify(key).slice(1, -1), inspect(key).slice(1, -1)];
    assert.ok(
      forms.every((form) => !text.includes(form)),
      `${name} holds the key: ${text.slice(0, 500)}`,
    );
  }
}

/** What a server may say that repeats the key. @type {Record<string, (key: string, encode: (json: string) => string) => unknown>} */
const ECHOES = {
  "a 401 in JSON": (key, encode) => ({ status: 401, body: encodedBody({ error: `unknown key ${key}` }, key, encode) }),
  "a 400 with nested words": (key, encode) => ({
    status: 400,
    body: encodedBody({ error: { message: key } }, key, encode),
  }),
  "a 402 without words": (key, encode) => ({
    status: 402,
    body: encodedBody({ sent: { "x-api-key": key } }, key, encode),
  }),
  "a 500 as text": (key) => ({ status: 500, body: `cannot serve ${key} today` }),
  "a 200 that is HTML": (key) => ({ body: `<pre>x-api-key: ${key}</pre>` }),
  "a 200 of another shape": (key, encode) => ({ body: encodedBody([key], key, encode) }),
  "a failed video": (key, encode) => ({
    body: encodedBody({ status: "ERROR", message: key, [key]: key }, key, encode),
  }),
  "a redirect": (key) => ({ status: 302, headers: { location: `/?key=${encodeURIComponent(key)}` }, body: key }),
  "the key cut by the limit of detail": (key) => ({ status: 402, body: `${"x".repeat(1_990)}${key}` }),
};

/**
 * Only the key is encoded, so that the body stays readable.
 * @param {unknown} body
 * @param {string} key
 * @param {(json: string) => string} encode
 */
function encodedBody(body, key, encode) {
  const written = JSON.stringify(key).slice(1, -1);
  return JSON.stringify(body).replaceAll(written, encode(written));
}

describe("a server that repeats the key", () => {
  for (const apiKey of KEYS) {
    for (const [name, echo] of Object.entries(ECHOES)) {
      for (const [way, encode] of Object.entries(ENCODINGS)) {
        if (way !== "plain JSON" && encodedBody(apiKey, apiKey, encode) === JSON.stringify(apiKey)) continue;
        it(`in ${name} (${way}) does not carry ${apiKey} into an error`, async (test) => {
          const reply = echo(apiKey, encode);
          const server = await scriptedServer(test, inOrder(reply));
          const own = new VideoClient({ apiKey, baseUrl: server.url });
          const poll = own.poll("v", { ...QUICK, maxConsecutiveFailures: 2 });
          const { updates, listener } = recorder();
          poll.subscribe(listener);
          const error = await within(3_000, rejection(poll.done));
          const once = await own.getStatus("v").catch((/** @type {unknown} */ reason) => reason);
          nowhere(apiKey, { error, updates, current: poll.current, once, token: poll.resumeToken(), own, poll });
        });
      }
    }

    it(`in a healthy answer does not carry ${apiKey} into an update or a token`, async (test) => {
      const words = { message: `asked with ${apiKey}`, creditsTotal: 5, echo: { [apiKey]: [apiKey] } };
      const server = await scriptedServer(
        test,
        inOrder({ ...pending, ...words }, { ...generating(1), ...words }, { status: apiKey }, { ...done, ...words }),
      );
      const own = new VideoClient({ apiKey, baseUrl: server.url });
      /** @type {unknown[]} */
      const told = [];
      const poll = own.poll("v", { ...QUICK, onUpdate: (update) => told.push(update, poll.resumeToken()) });
      const video = await within(3_000, poll.done);
      assert.ok(told.length >= 8);
      nowhere(apiKey, { told, video, token: poll.resumeToken() });
    });
  }

  it("in the words of a network error does not carry it anywhere", async () => {
    const apiKey = "sk-live-0123456789abcdef";
    /** @type {any} */
    const chatty = async () => {
      throw Object.assign(new TypeError(`cannot connect with ${apiKey}`), {
        cause: { headers: { "x-api-key": apiKey } },
      });
    };
    const own = new VideoClient({ apiKey, baseUrl: "http://127.0.0.1", fetch: chatty });
    const error = await rejection(own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 2 }));
    nowhere(apiKey, { error, once: await rejection(own.getStatus("v")) });
  });
});

describe("a server that writes the key in another way", () => {
  /** @type {Record<string, { what: string, key: string, body: string, bytes?: string, redacted?: string }[]>} */
  const vectors = JSON.parse(readFileSync(new URL("../vectors/redaction.json", import.meta.url), "utf8"));
  for (const [group, all] of Object.entries(vectors)) {
    for (const { what, key: apiKey, body, bytes = "utf-8", redacted } of all) {
      if (redacted === undefined || bytes === "utf-16be" || bytes === "utf-32le") continue;
      it(`does not carry it into an error: ${group}, ${what}`, async (test) => {
        const sent = Buffer.from(body, /** @type {BufferEncoding} */ (bytes));
        const server = await scriptedServer(test, () => ({ status: 402, body: sent }));
        const error = await rejection(new VideoClient({ apiKey, baseUrl: server.url }).getStatus("v"));
        assert.equal(error.code, "http");
        assert.match(error.detail, /\*\*\*/);
        if (redacted === "***") assert.equal(error.detail, redacted);
        assert.ok(!everyView(error).includes(body), error.detail);
      });

      if (bytes !== "utf-8") continue;
      it(`does not carry it into an update: ${group}, ${what}`, async (test) => {
        const said = { ...pending, message: body, echo: { [body]: [body, "stays"] } };
        const server = await scriptedServer(test, inOrder(said, { ...done, ...said, status: "DONE" }));
        /** @type {any[]} */
        const told = [];
        const poll = new VideoClient({ apiKey, baseUrl: server.url }).poll("v", { ...QUICK, onUpdate: (update) => told.push(update) });
        const video = await poll.done;
        assert.equal(told[0].message, "***");
        for (const { raw } of [told[0], video]) assert.deepEqual([raw.message, raw.echo], ["***", { "***": ["***", "stays"] }]);
      });
    }
  }
});

describe("the key", () => {
  const apiKey = "sk-live-0123456789abcdef";

  it("is sent as x-api-key, and in no URL", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, done));
    const own = new VideoClient({ apiKey, baseUrl: server.url });
    await own.waitForVideo("v", QUICK);
    await own.getStatus("v");
    assert.equal(server.arrivals.length, 3);
    for (const { path, headers } of server.arrivals) {
      assert.equal(headers["x-api-key"], apiKey);
      assert.ok(!path.includes(apiKey));
      const elsewhere = Object.entries(headers).filter(
        ([name, value]) => name !== "x-api-key" && String(value).includes(apiKey),
      );
      assert.deepEqual(elsewhere, []);
    }
  });

  it("is not sent where there is none", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    await new VideoClient({ baseUrl: server.url }).waitForVideo("v");
    assert.ok(!("x-api-key" in (server.arrivals[0]?.headers ?? {})));
  });

  it("given as a header is as secret", async (test) => {
    const server = await scriptedServer(test, () => ({ status: 401, body: { error: `unknown key ${apiKey}` } }));
    const own = new VideoClient({ headers: { "X-API-Key": apiKey }, baseUrl: server.url });
    nowhere(apiKey, { error: await rejection(own.waitForVideo("v")) });
    assert.equal(server.arrivals[0]?.headers["x-api-key"], apiKey);
  });

  for (const bad of ["sk-live-0123456789abcdef\n", "sk-live-\u0000123456789abcdef", "sk-live-0123456789abcdéf€"]) {
    it(`that no header can hold is not quoted in the refusal: ${JSON.stringify(bad)}`, () => {
      // a line break at the end is not part of a header's value
      /** @type {unknown} */
      let thrown;
      try {
        new VideoClient({ apiKey: bad });
      } catch (error) {
        thrown = error;
      }
      nowhere(bad.slice(0, 8), { thrown });
    });
  }

  it("refused over plain http is not quoted in the refusal", () => {
    /** @type {unknown} */
    let thrown;
    try {
      new VideoClient({ apiKey, baseUrl: "http://example.com" });
    } catch (error) {
      thrown = error;
    }
    assert.ok(thrown);
    nowhere(apiKey, { thrown });
  });

  it("is not logged", async (test) => {
    /** @type {unknown[]} */
    const logged = [];
    for (const method of /** @type {const} */ (["log", "info", "warn", "error", "debug", "trace"])) {
      test.mock.method(console, method, (/** @type {unknown[]} */ ...values) => void logged.push(values));
    }
    const server = await scriptedServer(test, () => ({ status: 500, body: apiKey }));
    const own = new VideoClient({ apiKey, baseUrl: server.url });
    await rejection(own.waitForVideo("v", { ...QUICK, maxConsecutiveFailures: 2 }));
    nowhere(apiKey, { logged });
  });

  it("cannot be seen in the client, its polls or their JSON", async (test) => {
    const server = await scriptedServer(test, inOrder(pending));
    const own = new VideoClient({ apiKey, baseUrl: server.url });
    const poll = own.poll("v", QUICK);
    await new Promise((resolve) => poll.subscribe(resolve));
    nowhere(apiKey, { own, poll, token: poll.resumeToken() });
    poll.cancel();
  });

  for (const short of ["k", "test", "DONE", "status", "https", "1", '"', "video", "***"]) {
    it(`as short as ${short} does not spoil what the server says`, async (test) => {
      const body = { ...done, url: "https://cdn.test/video-1.webm", id: "v1", creditsUsed: 11 };
      const server = await scriptedServer(test, inOrder(body));
      const video = await within(
        2_000,
        new VideoClient({ apiKey: short, baseUrl: server.url }).waitForVideo("v", {
          ...QUICK,
          maxConsecutiveFailures: 2,
        }),
      );
      assert.deepEqual([video.url, video.id, video.creditsUsed], [body.url, body.id, body.creditsUsed]);
    });
  }
});
