// @ts-check
/** What a proxy lets through, in either direction: the same cases on each host, as bytes on a socket. */

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { scriptedServer } from "../node/scripted-server.mjs";
import { seen, send } from "./exchange.mjs";
import { hosts } from "./hosts.mjs";
import { ALLOWED } from "./site.mjs";
import { BASE, done, KEY, startUpstream } from "./upstream.mjs";

const upstream = await startUpstream();
const elsewhere = await scriptedServer({ after }, () => done);
const all = await hosts({ UPSTREAM: upstream.url, KEY });

/** What hosts add to any answer. */
const OF_THE_HOST = ["connection", "content-length", "date", "keep-alive", "transfer-encoding"];

/**
 * The targets of requests, and what goes upstream: the path of an id, or nothing.
 * @type {[what: string, target: string, upstream: string | null][]}
 */
const TARGETS = [
  ["an id", `${BASE}/t1`, `${BASE}/t1`],
  ["an id of the other kind", `${BASE}/auto/t2`, `${BASE}/auto/t2`],
  ["the folder of the other kind", `${BASE}/auto`, null],
  ["the same in capitals", `${BASE}/AUTO`, null],
  ["the same in escapes", `${BASE}/%61ut%6F`, null],
  ["the same with a query", `${BASE}/auto?t1`, null],
  ["an id that begins like it", `${BASE}/auto-t1`, `${BASE}/auto-t1`],
  ["the id auto of the other kind", `${BASE}/auto/auto`, `${BASE}/auto/auto`],
  ["an id under a mount path", `/any/mount${BASE}/t3`, `${BASE}/t3`],
  ["an id under the route itself", `${BASE}${BASE}/t4`, `${BASE}/t4`],
  ["an id under another host's name", `//evil.example${BASE}/t5`, `${BASE}/t5`],
  ["a query", `${BASE}/t6?../../x&x-api-key=1`, `${BASE}/t6`],
  ["an ampersand in the id", `${BASE}/t7%26b`, `${BASE}/t7%26b`],
  ["a question mark in the id", `${BASE}/t7%3Fa=1%26b`, null],
  ["dots and a question mark", `${BASE}/..%3Fx`, null],
  ["a hash in the id", `${BASE}/t8%23a`, null],
  ["parameters of a path", `${BASE}/t9;a=1`, null],
  ["encoded parameters of a path", `${BASE}/..%3B`, null],
  ["an at sign", `${BASE}/@evil.example:80`, `${BASE}/%40evil.example%3A80`],
  ["a space", `${BASE}/t%20a`, `${BASE}/t%20a`],
  ["a space at the end", `${BASE}/..%20`, null],
  ["letters of the whole world", `${BASE}/%F0%9F%8E%ACn%C3%A9`, `${BASE}/%F0%9F%8E%ACn%C3%A9`],
  ["dots that mean nothing", `${BASE}/...`, `${BASE}/...`],
  ["an id of 512 characters", `${BASE}/${"x".repeat(512)}`, `${BASE}/${"x".repeat(512)}`],
  ["an id of 513 characters", `${BASE}/${"x".repeat(513)}`, null],
  ["an id of 10 KB", `${BASE}/${"x".repeat(10_240)}`, null],
  ["an id of 10 KB in escapes", `${BASE}/${"%61".repeat(3_500)}`, null],
  ["no id", `${BASE}/`, null],
  ["no id of the other kind", `${BASE}/auto/`, null],
  ["no slash", BASE, null],
  ["dots that go up", `${BASE}/..`, null],
  ["dots that stay", `${BASE}/.`, null],
  ["dots that go up and down", `${BASE}/t10/../t11`, `${BASE}/t11`],
  ["dots that go up from the other kind", `${BASE}/auto/../t12`, `${BASE}/t12`],
  ["dots that go to another route", `${BASE}/../sequence/t13`, null],
  ["encoded dots", `${BASE}/%2e%2e`, null],
  ["encoded dots and a path", `${BASE}/%2e%2e/sequence/t14`, null],
  ["half encoded dots", `${BASE}/.%2E/t15`, null],
  ["encoded dots after the other kind", `${BASE}/auto/%2e%2e/%2e%2e/t16`, null],
  ["dots that are encoded twice", `${BASE}/%252e%252e`, null],
  ["dots that are encoded three times", `${BASE}/%25252e%25252e`, null],
  ["a way up that is encoded twice", `${BASE}/%252e%252E%252fadmin`, null],
  ["a letter that is encoded twice", `${BASE}/auto/t18%2561`, null],
  ["a way up in the escapes of IIS", `${BASE}/%25u002e%25u002E%25u002fadmin`, null],
  ["a slash in them, of full width and in capitals", `${BASE}/t18%25UFF0Fa`, null],
  ["the same of the other kind", `${BASE}/auto/..%25u002f..%25u002fadmin`, null],
  ["half an escape of IIS", `${BASE}/t18%25u002`, `${BASE}/t18%25u002`],
  ["a percent sign", `${BASE}/100%25`, `${BASE}/100%25`],
  ["a percent sign before what is no escape", `${BASE}/t18%25zz`, `${BASE}/t18%25zz`],
  ["an encoded slash", `${BASE}/t17%2Fa`, null],
  ["encoded slashes and dots", `${BASE}/..%2F..%2Fadmin`, null],
  ["a slash that is encoded twice", `${BASE}/t18%252Fa`, null],
  ["an encoded backslash", `${BASE}/t19%5Ca`, null],
  ["a backslash", `${BASE}/t20\\a`, null],
  ["a segment more", `${BASE}/t21/a`, null],
  ["a segment more of the other kind", `${BASE}/auto/t22/a`, null],
  ["a slash at the end", `${BASE}/t23/`, `${BASE}/t23`],
  ["a slash at the end of the other kind", `${BASE}/auto/t23/`, `${BASE}/auto/t23`],
  ["two slashes at the end", `${BASE}/t23//`, null],
  ["two slashes", `${BASE}//t24`, null],
  ["a zero", `${BASE}/t25%00`, null],
  ["a line break", `${BASE}/t26%0d%0ax-other:%201`, null],
  ["a control character", `${BASE}/t27%7f`, null],
  ["a control character beyond ASCII", `${BASE}/t28%C2%85`, null],
  ["half an escape", `${BASE}/t29%2`, null],
  ["an escape that is none", `${BASE}/t30%zz`, null],
  ["bytes that are no text", `${BASE}/t31%ff`, null],
  ["half a letter", `${BASE}/t32%E0%A4`, null],
  ["an overlong slash", `${BASE}/t33%C0%AFa`, null],
  ["half of a pair", `${BASE}/t34%ED%A0%80`, null],
  ["the sign for a broken letter", `${BASE}/t35%EF%BF%BD`, null],
  ["the root", "/", null],
  ["another route", "/api/video-editor/generate/sequence/t36", null],
  ["a longer name", "/api/video-editor/generate/videos/t37", null],
  ["capitals", `${BASE.toUpperCase()}/t38`, null],
  ["a route in the query", `/?${BASE}/t39`, null],
  ["an encoded route", `${BASE.replace("/video/", "%2Fvideo%2F").replaceAll("/g", "%2Fg")}/t40`, null],
];

for (const host of all) {
  describe(`a proxy in ${host.name}`, { timeout: 280_000 }, () => {
    describe("asks upstream for an id and nothing else", () => {
      for (const [what, target, path] of TARGETS) {
        it(what, async () => {
          /** @type {import("./exchange.mjs").Answer | undefined} */
          let answer;
          const paths = await upstream.pathsDuring(async () => (answer = await send(host.origin, target)));
          assert.deepEqual(paths, path === null ? [] : [path]);
          assert.equal(answer?.status, path === null ? 404 : 200, answer?.body);
          if (path === null) assert.equal(typeof JSON.parse(answer?.body ?? "").error, "string");
        });
      }

      it("a whole URL in the first line", async () => {
        const paths = await upstream.pathsDuring(() => send(host.origin, `http://evil.example${BASE}/whole`).catch(() => {}));
        assert.ok(paths.every((path) => path === `${BASE}/whole`), paths.join());
        assert.equal(elsewhere.arrivals.length, 0);
      });

      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        it(`nothing for ${method}`, async () => {
          const id = upstream.video();
          const body = method === "DELETE" ? undefined : '{"sequenceId":"s"}';
          const answer = await send(host.origin, `${BASE}/${id}`, { method, body });
          assert.equal(answer.status, 405);
          assert.equal(answer.headers.get("allow"), "GET, HEAD, OPTIONS");
          assert.equal(upstream.askedFor(id).length, 0);
          assert.equal((await send(host.origin, "/other", { method, body })).status, 404);
        });
      }

      it("nothing for OPTIONS", async () => {
        const id = upstream.video();
        const answer = await send(host.origin, `${BASE}/${id}`, { method: "OPTIONS" });
        assert.deepEqual([answer.status, answer.headers.get("allow"), answer.body], [204, "GET, HEAD, OPTIONS", ""]);
        assert.equal(upstream.askedFor(id).length, 0);
      });

      it("no header of the caller's", async () => {
        const id = upstream.video();
        const sent = {
          "x-api-key": "the-caller's",
          authorization: "Bearer the-caller's",
          cookie: "session=the-caller's",
          accept: "text/the-caller's",
          "accept-language": "the-caller's",
          "user-agent": "the-caller's",
          range: "bytes=0-1",
          "if-none-match": '"the-caller\'s"',
          "x-forwarded-for": "the-caller's",
          "x-http-method-override": "DELETE",
          referer: "http://the-caller's/",
        };
        assert.equal((await send(host.origin, `${BASE}/${id}`, { headers: sent })).status, 200);
        const [{ method, headers } = assert.fail()] = upstream.askedFor(id);
        assert.deepEqual([method, headers["x-api-key"], headers.accept], ["GET", KEY, "application/json"]);
        assert.doesNotMatch(JSON.stringify(headers), /the-caller|bytes=|DELETE/);
        const names = Object.keys(headers).filter((name) => !["x-api-key", "accept"].includes(name));
        // What the host's fetch adds by itself.
        const own = ["host", "connection", "accept-encoding", "accept-language", "cache-control", "pragma", "sec-fetch-mode", "user-agent"];
        assert.deepEqual(names.filter((name) => !own.includes(name)), []);
      });
    });

    describe("gives back status, body and three headers", () => {
      it("of a status", async () => {
        const headers = {
          "content-type": "application/json; charset=utf-8",
          "set-cookie": "upstream=1",
          "cache-control": "public, max-age=600",
          etag: '"1"',
          link: "</style.css>; rel=preload",
          location: "/elsewhere",
          "access-control-allow-origin": "*",
          "clear-site-data": '"*"',
          "x-upstream": "1",
        };
        const id = upstream.video({ headers, body: { ...done, message: "né 🎬" } });
        const answer = await send(host.origin, `${BASE}/${id}`);
        assert.equal(answer.status, 200);
        assert.deepEqual(JSON.parse(answer.body), { ...done, message: "né 🎬" });
        const given = [...answer.headers].filter(([name]) => !OF_THE_HOST.includes(name)).sort();
        assert.deepEqual(given, [
          ["cache-control", "no-store"],
          ["content-security-policy", "default-src 'none'; sandbox"],
          ["content-type", "application/json; charset=utf-8"],
          ["cross-origin-resource-policy", "same-origin"],
          ["x-content-type-options", "nosniff"],
        ]);
      });

      for (const status of [201, 400, 401, 402, 403, 404, 409, 429, 500, 503, 599]) {
        it(`of ${status}`, async () => {
          const id = upstream.video({ status, body: { error: "why" } });
          const answer = await send(host.origin, `${BASE}/${id}`);
          assert.deepEqual([answer.status, answer.body], [status, '{"error":"why"}']);
        });
      }

      it("of 204, which has no body", async () => {
        const answer = await send(host.origin, `${BASE}/${upstream.video({ status: 204, body: "" })}`);
        assert.deepEqual([answer.status, answer.body], [204, ""]);
      });

      it("of HEAD, without the body", async () => {
        const id = upstream.video({ status: 429, headers: { "retry-after": "7" }, body: { error: "why" } });
        const answer = await send(host.origin, `${BASE}/${id}`, { method: "HEAD" });
        assert.deepEqual([answer.status, answer.headers.get("retry-after"), answer.body], [429, "7", ""]);
        assert.deepEqual(upstream.askedFor(id).map(({ method }) => method), ["GET"]);
      });

      for (const [value, kept] of /** @type {const} */ ([
        ["7", true],
        ["0", true],
        ["Sun, 06 Nov 1994 08:49:37 GMT", true],
        ["Sunday, 06-Nov-94 08:49:37 GMT", true],
        ["Sun Nov  6 08:49:37 1994", true],
        ["-1", false],
        ["1.5", true],
        ["Mon, 06 Nov 1994 08:49:37 GMT", true],
        ["Sun, 6 Nov 1994 08:49:37 GMT", false],
        ["soon", false],
        ["<script>", false],
        ["9".repeat(40), false],
      ])) {
        it(`${kept ? "with" : "but not"} Retry-After: ${value}`, async () => {
          const id = upstream.video({ status: 503, headers: { "retry-after": value }, body: "{}" });
          const { headers } = await send(host.origin, `${BASE}/${id}`);
          assert.equal(headers.get("retry-after"), kept ? value : undefined);
        });
      }

      for (const [value, sent] of /** @type {const} */ ([
        ["application/json", "application/json"],
        ["application/problem+json", "application/problem+json"],
        ["APPLICATION/JSON;Charset=UTF-8", "APPLICATION/JSON; charset=UTF-8"],
        ["application/json; charset=utf-8; x=<script>", "application/json; charset=utf-8"],
        ["text/plain; x=1; charset=\"iso-8859-1\"", "text/plain; charset=iso-8859-1"],
        ["text/plain; charset=utf-16le", "text/plain; charset=utf-8"],
        ["application/json; charset=iso-2022-jp", "application/json; charset=utf-8"],
        ['text/html; charset="utf-8"', "text/plain; charset=utf-8"],
        ["text/javascript", "text/plain"],
        ["application/javascript; charset=utf-8", "text/plain; charset=utf-8"],
        ["application/javascript+json; x", "application/javascript+json"],
        ["application/json, text/javascript", "text/plain"],
        ["text/css", "text/plain"],
        ["text/json", "text/plain"],
        ["image/svg+xml", "text/plain"],
        ["text/event-stream", "text/plain"],
        ["application/wasm", "text/plain"],
        ["multipart/x-mixed-replace; boundary=a", "text/plain"],
        ["nonsense", "text/plain"],
        ["", "text/plain"],
      ])) {
        it(`with Content-Type: ${sent} for ${value || "none"}`, async () => {
          const id = upstream.video({ headers: { "content-type": value }, body: "{}" });
          const { headers, body } = await send(host.origin, `${BASE}/${id}`);
          assert.deepEqual([headers.get("content-type"), body], [sent, "{}"]);
        });
      }

      for (const [what, type, body, sent, text] of /** @type {[string, string, Buffer, string, string | undefined][]} */ ([
        ["in UTF-16, as UTF-8", "application/json; charset=utf-16le", Buffer.from('{"message":"\u00e9t\u00e9"}', "utf16le"), "application/json; charset=utf-8", '{"message":"\u00e9t\u00e9"}'],
        ["in UTF-16 with a mark, as UTF-8", "text/plain; charset=utf-16", Buffer.from("\ufeff\u00e9t\u00e9", "utf16le"), "text/plain; charset=utf-8", "\u00e9t\u00e9"],
        ["in ISO-2022-JP, as UTF-8", "text/plain; charset=iso-2022-jp", Buffer.from("\x1b$B%F%9%H\x1b(B", "latin1"), "text/plain; charset=utf-8", "\u30c6\u30b9\u30c8"],
        ["in a charset that every byte of ASCII is the same in, as it is", "text/plain; charset=iso-8859-1", Buffer.from("\u00e9t\u00e9", "latin1"), "text/plain; charset=iso-8859-1", undefined],
      ])) {
        it(`of a text ${what}`, async () => {
          const id = upstream.video({ headers: { "content-type": type }, body });
          const response = await fetch(`${host.origin}${BASE}/${id}`);
          const bytes = Buffer.from(await response.arrayBuffer());
          assert.equal(response.headers.get("content-type"), sent);
          assert.deepEqual(bytes, text === undefined ? body : Buffer.from(text));
        });
      }

      it("of a page, which cannot run", async () => {
        const page = "<!doctype html><script>alert(1)</script>";
        const id = upstream.video({ status: 502, headers: { "content-type": "text/html" }, body: page });
        const { status, headers, body } = await send(host.origin, `${BASE}/${id}`);
        assert.deepEqual([status, body, headers.get("content-type")], [502, page, "text/plain"]);
        assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
        assert.equal(headers.get("content-security-policy"), "default-src 'none'; sandbox");
        assert.equal(headers.get("x-content-type-options"), "nosniff");
      });

      it("of a megabyte, to the last byte", async () => {
        const body = "x".repeat(1_048_576);
        const answer = await send(host.origin, `${BASE}/${upstream.video({ body })}`);
        assert.equal(answer.status, 200);
        assert.ok(answer.body === body);
      });
    });

    describe("answers 502 itself", () => {
      for (const status of [300, 301, 302, 303, 307, 308]) {
        it(`to a ${status}, and goes nowhere`, async () => {
          const id = upstream.video({ status, headers: { location: `${elsewhere.url}/` }, body: "moved" });
          await refused(host, id);
          assert.equal(elsewhere.arrivals.length, 0);
        });
      }

      it("to a redirect to the same origin", async () => {
        const id = upstream.video({ status: 302, headers: { location: `${BASE}/where-it-leads` }, body: "" });
        await refused(host, id);
        assert.equal(upstream.askedFor("where-it-leads").length, 0);
      });

      it("to a byte more than a megabyte", async () => {
        await refused(host, upstream.video({ body: "x".repeat(1_048_577) }));
      });

      it("to a body without an end, which it leaves", async () => {
        const id = upstream.video({ fault: "endless" });
        await refused(host, id);
        await upstream.askedFor(id)[0]?.left;
      });

      it("to a connection that is reset", async () => {
        await refused(host, upstream.video({ fault: "reset" }));
      });

      it("to a body that is cut off", async () => {
        await refused(host, upstream.video({ fault: "cut", body: "{}" }));
      });
    });

    describe("keeps the key", () => {
      const json = JSON.stringify(KEY).slice(1, -1);
      const each = (/** @type {(code: number) => string} */ write) => [...KEY].map((letter) => write(letter.charCodeAt(0))).join("");
      /** @type {[what: string, reply: Record<string, unknown>, body: RegExp][]} */
      const echoes = [
        ["from a status", { body: { ...done, echo: { [KEY]: [`key ${KEY}.`] } } }, /"\*\*\*":\["\*\*\*"\]/],
        ["from a 401", { status: 401, body: { error: `unknown key ${KEY}` } }, /^\{"error":"\*\*\*"\}$/],
        ["from JSON with escaped slashes", { body: JSON.stringify({ echo: KEY }).replaceAll("/", "\\/") }, /"echo":"\*\*\*"/],
        ["from JSON with all of it escaped", { body: `{"echo":"${escapes(KEY)}"}` }, /"echo":"\*\*\*"/],
        ["from a page", { status: 500, headers: { "content-type": "text/html" }, body: `<pre>${KEY} ${json}</pre>` }, /^\*\*\*$/],
        ["from a page that quotes JSON", { status: 500, body: `<pre>{"echo":"${escapes(KEY)}"}</pre>` }, /^\*\*\*$/],
        ["from an address", { status: 401, body: `/?key=${encodeURIComponent(KEY)}&then=${encodeURIComponent(encodeURIComponent(KEY))}` }, /^\*\*\*$/],
        ["from a page that escapes it", { status: 401, body: KEY.replaceAll("/", "&#x2F;").replaceAll("+", "&#43;") }, /^\*\*\*$/],
        ["from a page that does not end its escapes", { status: 401, body: each((code) => `&#${code}`) }, /^\*\*\*$/],
        ["from a page that fills them up", { status: 401, body: each((code) => `&#0000000${code};`) }, /^\*\*\*$/],
        ["from a page that escapes its escapes", { status: 401, body: each((code) => `&amp;amp;#${code};`) }, /^\*\*\*$/],
        ["from a page that knows more names", { status: 401, body: KEY.replaceAll("/", "&sol;").replaceAll("+", "&plus;") }, /^\*\*\*$/],
        ["from a script", { body: `"${each((code) => `\\u{${code.toString(16)}}`)}"` }, /^\*\*\*$/],
        ["from a charset that the body alone names", { headers: { "content-type": "text/html; charset=utf-8" }, body: Buffer.from(`\ufeff${KEY}`, "utf16le") }, /^\*\*\*$/],
        ["from a charset that the header alone names", { headers: { "content-type": "text/html; charset=utf-16le" }, body: Buffer.from(`\ufeff${KEY}`) }, /^\*\*\*$/],
        ["from a charset in which it is no ASCII", { headers: { "content-type": "text/plain; charset=utf-16be" }, body: Buffer.from(`\u00e9 ${KEY}`, "utf16le").swap16() }, /^\*\*\*$/],
        ["from another charset", { headers: { "content-type": "text/plain; charset=iso-8859-1" }, body: Buffer.from(`n\xe9 ${KEY}`, "latin1") }, /^\*\*\*$/],
        ["from a redirect", { status: 302, headers: { location: `/?${KEY}` }, body: KEY }, /redirects/],
        ["from the reason", { status: 418, body: KEY }, /^\*\*\*$/],
      ];
      for (const [what, reply, body] of echoes) {
        it(`${what}`, async () => {
          const answer = await send(host.origin, `${BASE}/${upstream.video(reply)}`);
          assert.match(answer.body, body);
          assert.ok(!holdsKey(JSON.stringify([...answer.headers]) + answer.body), answer.body);
        });
      }
    });

    it("keeps a key that a header could hold", async () => {
      for (const [tenant, name, value, sent] of [
        ["type", "content-type", "application/secret-of-type+json", "text/plain"],
        ["of digits", "retry-after", "1234567890", undefined],
      ]) {
        const id = upstream.video({ headers: { [name ?? ""]: value }, body: "{}" });
        const answer = await send(host.origin, `/tenants${BASE}/${id}`, { headers: { "x-tenant": tenant ?? "" } });
        assert.deepEqual([answer.status, answer.headers.get(name ?? "")], [200, sent]);
      }
    });

    describe("tells a browser of another origin", () => {
      const CORS = /^access-control-/;
      const cors = (/** @type {import("./exchange.mjs").Answer} */ { headers }) =>
        Object.fromEntries([...headers].filter(([name]) => CORS.test(name)));
      const readable = {
        "access-control-allow-origin": ALLOWED,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "retry-after",
      };

      it("that is allowed what the answer is", async () => {
        const target = `/origins${BASE}/${upstream.video()}`;
        const answer = await send(host.origin, target, { headers: { origin: ALLOWED } });
        assert.equal(answer.status, 200);
        assert.deepEqual(cors(answer), readable);
        assert.equal(answer.headers.get("vary"), "origin");
      });

      for (const [status, target, headers] of /** @type {[number, string, Record<string, string>][]} */ ([
        [404, "/origins/elsewhere", {}],
        [403, `/origins${BASE}/${upstream.video()}`, { "x-visitor": "stranger" }],
        [500, `/origins${BASE}/${upstream.video()}`, { "x-visitor": "throwing" }],
        [502, `/origins${BASE}/${upstream.video(302)}`, {}],
        [429, `/origins${BASE}/${upstream.video(429)}`, {}],
      ])) {
        it(`that is allowed also a ${status}`, async () => {
          const answer = await send(host.origin, target, { headers: { origin: ALLOWED, ...headers } });
          assert.equal(answer.status, status);
          assert.deepEqual(cors(answer), readable);
        });
      }

      it("that is allowed which requests it may send", async () => {
        const id = upstream.video();
        const answer = await send(host.origin, `/origins${BASE}/${id}`, {
          method: "OPTIONS",
          headers: {
            origin: ALLOWED,
            "access-control-request-method": "GET",
            "access-control-request-headers": "authorization, x-session",
            "x-visitor": "throwing",
          },
        });
        assert.deepEqual([answer.status, answer.body], [204, ""]);
        assert.deepEqual(cors(answer), {
          "access-control-allow-origin": ALLOWED,
          "access-control-allow-credentials": "true",
          "access-control-allow-methods": "GET, HEAD",
          "access-control-allow-headers": "authorization, x-session",
          "access-control-max-age": "600",
        });
        assert.equal(upstream.askedFor(id).length, 0);
      });

      for (const origin of [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://sub.app.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example/",
        "HTTPS://APP.EXAMPLE",
        "null",
        "*",
        `${ALLOWED}, ${ALLOWED}`,
      ]) {
        for (const method of ["GET", "OPTIONS"]) {
          it(`that is not allowed nothing: ${origin}, ${method}`, async () => {
            const target = `/origins${BASE}/${upstream.video()}`;
            const answer = await send(host.origin, target, {
              method,
              headers: { origin, "access-control-request-method": "GET", "access-control-request-headers": "x-session" },
            });
            assert.deepEqual(cors(answer), {});
            assert.equal(answer.headers.get("vary"), "origin");
          });
        }
      }

      it("nothing, where none is allowed", async () => {
        for (const method of ["GET", "OPTIONS"]) {
          const target = `${BASE}/${upstream.video()}`;
          const answer = await send(host.origin, target, { method, headers: { origin: ALLOWED } });
          assert.deepEqual(cors(answer), {});
          assert.equal(answer.headers.get("vary"), undefined);
        }
      });
    });

    describe("asks the authorize hook", () => {
      /** @type {[visitor: string, status: number][]} */
      const visitors = [
        ["owner", 200],
        ["owner, later", 200],
        ["stranger", 403],
        ["stranger, later", 403],
        ["truthy", 403],
        ["nothing", 403],
        ["throwing", 500],
        ["rejecting", 500],
      ];
      for (const [visitor, status] of visitors) {
        it(`about a visitor who is ${visitor}`, async () => {
          const id = upstream.video();
          const answer = await send(host.origin, `/private${BASE}/${id}`, { headers: { "x-visitor": visitor } });
          assert.equal(answer.status, status);
          assert.equal(upstream.askedFor(id).length, status === 200 ? 1 : 0);
          if (status === 200) return;
          assert.equal(answer.headers.get("content-type"), "application/json");
          assert.doesNotMatch(answer.body, /the words of the hook/);
          if (status === 500) assert.match(JSON.parse(answer.body).error, /authorize/);
        });
      }

      it("which video and kind it is", async () => {
        for (const [target, owns] of [
          [`${BASE}/a%20b`, "video a b"],
          [`${BASE}/auto/a%20b`, "auto a b"],
        ]) {
          const headers = { "x-visitor": "owner of that", "x-owns": owns ?? "" };
          assert.equal((await send(host.origin, `/private${target}`, { headers })).status, 200);
          assert.equal((await send(host.origin, `/private${target}c`, { headers })).status, 403);
        }
      });

      it("and gives its own Response as it is", async () => {
        const id = upstream.video();
        for (const mount of ["private", "origins"]) {
          const headers = { "x-visitor": "unknown", origin: ALLOWED };
          const answer = await send(host.origin, `/${mount}${BASE}/${id}`, { headers });
          assert.deepEqual([answer.status, answer.body], [401, "Who are you?"]);
          assert.deepEqual([answer.headers.get("www-authenticate"), answer.headers.get("x-from")], ["Basic", "hook"]);
          assert.equal(answer.headers.get("cache-control"), undefined);
        }
        assert.equal(upstream.askedFor(id).length, 0);
      });
    });

    it("has a reader of notifications beside it", async () => {
      for (const [target, body, read] of [
        ["/webhook", '{"status":"DONE","id":"v"}', { videoId: "v" }],
        ["/webhook?id=q", "{", { videoId: "q" }],
        ["/webhook", "x".repeat(1_048_577), null],
        ["/webhook", "", null],
      ]) {
        const answer = await send(host.origin, String(target), { method: "POST", body: String(body) });
        assert.deepEqual(JSON.parse(answer.body), read);
      }
    });

    describe("takes the key of each tenant", () => {
      for (const [tenant, key] of [
        ["a", "secret-of-a"],
        ["later", "secret-of-later"],
        ["with a line break", "secret-of-the-line"],
      ]) {
        it(`${tenant}`, async () => {
          const id = upstream.video();
          assert.equal((await send(host.origin, `/tenants${BASE}/${id}`, { headers: { "x-tenant": tenant ?? "" } })).status, 200);
          assert.deepEqual(upstream.askedFor(id).map(({ headers }) => headers["x-api-key"]), [key]);
        });
      }

      for (const tenant of ["throwing", "rejecting", "without a key", "of an empty key", "of a broken key"]) {
        it(`and answers 500 to one ${tenant}`, async () => {
          const id = upstream.video();
          const answer = await send(host.origin, `/tenants${BASE}/${id}`, { headers: { "x-tenant": tenant } });
          assert.equal(answer.status, 500);
          assert.match(JSON.parse(answer.body).error, /apiKey/);
          assert.doesNotMatch(answer.body, /the words of the hook|secret/);
          assert.equal(upstream.askedFor(id).length, 0);
        });
      }
    });
  });
}

describe("after all of that", () => {
  it("the key was in no answer and no header", () => {
    assert.ok(seen.length > 500);
    for (const answer of seen) assert.ok(!holdsKey(answer), answer.slice(0, 2_000));
  });

  it("the key was in no log, and what hooks threw was", () => {
    for (const host of all) {
      const log = host.log();
      assert.ok(!holdsKey(log) && !log.includes("secret-of"), `${host.name}: ${log}`);
      assert.match(log, /the authorize hook of the proxy threw.*the words of the hook/s);
      assert.match(log, /the apiKey hook of the proxy threw.*the words of the hook/s);
    }
  });
});

/** @param {import("./hosts.mjs").Host} host @param {string} id */
async function refused(host, id) {
  const answer = await send(host.origin, `${BASE}/${id}`);
  assert.equal(answer.status, 502);
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.deepEqual(Object.keys(JSON.parse(answer.body)), ["error"]);
  assert.equal(answer.headers.get("location"), undefined);
}

/** @param {string} text */
function holdsKey(text) {
  return [KEY, encodeURIComponent(KEY), KEY.replaceAll("/", "\\/")].some((form) => text.includes(form));
}

/** @param {string} text */
function escapes(text) {
  return [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}
