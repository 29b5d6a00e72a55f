// @ts-check
/**
 * What a server, a network or a user can do to a poll: what goes over the wire, what the client is asked to do,
 * and how it may end. Each is a row of docs/behaviour.md; where engines may differ, each end that keeps the
 * promises is named, and the table says which it is. No end may be added here because a test wants it.
 */

import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { chunk, chunkedHead, course, DONE, drip, forEver, head, PENDING, pour, text, thenReset, well, whole } from "./wire.mjs";

/** @typedef {import("./server.mjs").Socket} Socket */
/** @typedef {import("./server.mjs").Heard} Heard */

/**
 * @typedef {object} Situation
 * @property {string} name
 * @property {string} title
 * @property {string} group
 * @property {(socket: Socket, heard: Heard) => void} serve
 * @property {(socket: Socket) => void} [accept] what happens to a connection before any request
 * @property {readonly string[]} ends each an outcome and a number of requests, or the bounds of one
 * @property {string} [act] what the client does, in play.js; "wait" unless told
 * @property {import("./play.js").ClientChoice} [client]
 * @property {import("./play.js").PollChoice} [poll]
 * @property {boolean} [alone] not beside others: it does something to what they share, a clock or a connection
 * @property {boolean} [races] which of its ends it comes to is decided by who is quicker, so each of them may come
 * @property {boolean} [big] much is sent, little may be taken or kept
 */

const MEGABYTE = 1_048_576;
const SPACES = Buffer.alloc(65_536, " ");
const HTML = "<!doctype html><title>Maintenance</title><h1>We will be back</h1>";
/** Requests that nobody answers are given up early; less early where a busy machine has to bring a part of an answer before. */
const HASTY = { requestTimeoutMs: 300 };
const PATIENT = { requestTimeoutMs: 1_000 };

const bombs = (() => {
  const spaces = Buffer.alloc(256 * MEGABYTE, " ");
  const once = gzipSync(spaces, { level: 9 });
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN } = constants;
  const brotli = brotliCompressSync(spaces, { params: { [BROTLI_PARAM_QUALITY]: 5, [BROTLI_PARAM_LGWIN]: 24 } });
  return { once, twice: gzipSync(once, { level: 9 }), brotli };
})();

/** @param {string} elsewhere the origin that nothing may reach @returns {Situation[]} */
export function situations(elsewhere) {
  /** @type {Situation[]} */
  const all = [];
  let group = "";
  /**
   * @param {string} name
   * @param {string} title
   * @param {string | readonly string[]} ends
   * @param {Situation["serve"]} serve
   * @param {Partial<Situation>} [more]
   */
  const add = (name, title, ends, serve, more = {}) => {
    all.push({ name, title, group, serve, ends: typeof ends === "string" ? [ends] : ends, ...more });
  };
  /** The same bytes as each answer, then the connection closes. @param {string | Uint8Array} bytes @returns {Situation["serve"]} */
  const always = (bytes) => (socket) => void socket.end(bytes);
  /** An odd but sound way to say what there is to say. @param {(body: string, number: number) => string | Uint8Array} say @returns {Situation["serve"]} */
  const said = (say) => (socket, { number }) => void socket.end(say(course(number), number));

  group = "The connection breaks off";
  add("reset-at-once", "reset as soon as it is open", "network 3", (socket) => thenReset(socket), { accept: (socket) => thenReset(socket), alone: true });
  add("closed-at-once", "closed as soon as it is open", "network 3", (socket) => void socket.destroy(), { accept: (socket) => void socket.end(), alone: true });
  add("reset-after-request", "reset after the request", "network 3", (socket) => thenReset(socket));
  add("closed-after-request", "closed after the request", "network 3", (socket) => void socket.end());
  add("reset-in-status-line", "reset within the status line", "network 3", (socket) => thenReset(socket, "HTTP/1.1 20"));
  add("reset-after-status-line", "reset after the status line", "network 3", (socket) => thenReset(socket, "HTTP/1.1 200 OK\r\n"));
  add("reset-in-headers", "reset within the headers", "network 3", (socket) => thenReset(socket, "HTTP/1.1 200 OK\r\ncontent-type: appl"));
  add("closed-in-headers", "closed within the headers", ["network 3", "bad_response 3"], always("HTTP/1.1 200 OK\r\ncontent-type: appl"));
  add("reset-before-body", "reset before the body", "network 3", (socket) => thenReset(socket, text(200, DONE)));
  add("reset-in-body", "reset within the body", "network 3", (socket) => thenReset(socket, text(200, DONE) + DONE.slice(0, 9)));
  add("reset-after-body", "reset after the whole body", "done 2", (socket, { number }) => thenReset(socket, whole(course(number))));
  add("reset-in-error", "reset within the body of an error 404", "not_found 1", (socket) => thenReset(socket, text(404, DONE) + "{"));
  add("body-until-close", "a body without a length, ended by closing", "done 2", said((body) => head(200, { connection: "close" }) + body));
  add("body-until-reset", "a body without a length, ended by a reset", ["network 3", "bad_response 3"], (socket) => thenReset(socket, head(200, { connection: "close" }) + DONE.slice(0, 9)));
  add("keep-alive-closed", "said to be kept alive, but closed", "done 2-3", said((body) => whole(body, { headers: { connection: "keep-alive" } })), { alone: true });
  add("keep-alive-reset", "kept alive, then reset by the next request", "done 2-3", (socket, { number }) => {
    if (number === 2) return thenReset(socket);
    socket.write(whole(number === 1 ? PENDING : DONE, { headers: { connection: "keep-alive" } }));
  }, { alone: true });

  group = "Time";
  add("no-answer", "no answer, 300 ms per request", "network 3", () => {}, { client: HASTY });
  add("no-answer-deadline", "no answer, 400 ms in all", "timeout 1", () => {}, { poll: { timeoutMs: 400 } });
  add("stalls-in-headers", "stalls within the headers, 400 ms in all", "timeout 1", (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-le"), { poll: { timeoutMs: 400 } });
  add("stalls-in-body", "stalls within the body, 400 ms in all", "timeout 1", (socket) => void socket.write(text(200, DONE) + "{"), { poll: { timeoutMs: 400 } });
  add("stalls-in-refusal", "stalls within the body of an error 404, 1 s per request", "not_found 1", (socket) => void socket.write(text(404, DONE) + "{"), { client: PATIENT });
  add("stalls-in-busy", "stalls within the body of a 503 whose Retry-After is beyond the deadline, 1 s per request", "timeout 1", (socket) => void socket.write(text(503, DONE, { "retry-after": 120 }) + "{"), { client: PATIENT });
  add("stalls-after-body", "a chunked body is whole but for its end, 300 ms per request", "network 3", (socket) => void socket.write(chunkedHead() + chunk(DONE)), { client: HASTY });
  add("drips-headers", "a byte of header each 20 ms for ever, 300 ms per request", "network 3", (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nx-slow: ");
    drip(socket, forEver("a"), 20);
  }, { client: HASTY });
  add("drips-body", "a byte of body each 20 ms for ever, 300 ms per request", "network 3", (socket) => {
    socket.write(chunkedHead());
    drip(socket, forEver(chunk(" ")), 20);
  }, { client: HASTY });
  add("drips-and-ends", "a byte of body each 5 ms, and in time", "done 2", (socket, { number }) => {
    const body = course(number);
    socket.write(text(200, body));
    drip(socket, body, 5);
  });
  add("informs-for-ever", "an answer 102 each 20 ms for ever, 300 ms per request", "network 3", (socket) => drip(socket, forEver("HTTP/1.1 102 Processing\r\n\r\n"), 20), { client: HASTY });

  group = "The length of the body";
  add("length-too-long", "longer than the body, then closed", ["network 3", "bad_response 3"], always(head(200, { "content-length": DONE.length + 10, connection: "close" }) + DONE.slice(0, -1)));
  add("length-too-long-whole", "longer than the body, which is whole", ["network 3", "done 2"], said((body) => head(200, { "content-length": body.length + 10, connection: "close" }) + body));
  add("length-too-short", "shorter than the body", ["network 3", "bad_response 3"], always(head(200, { "content-length": DONE.length - 4, connection: "close" }) + DONE));
  add("length-negative", "negative", ["network 3", "done 2"], said((body) => head(200, { "content-length": -1, connection: "close" }) + body));
  add("length-no-number", "no number", ["network 3", "done 2"], said((body) => head(200, { "content-length": "many", connection: "close" }) + body));
  add("length-two", "two that differ", ["network 3", "bad_response 3"], always(`HTTP/1.1 200 OK\r\ncontent-length: ${DONE.length}\r\ncontent-length: 5\r\nconnection: close\r\n\r\n${DONE}`));
  add("length-twice", "twice the same", ["network 3", "done 2"], said((body) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`));
  add("length-huge", "of 30 digits", ["network 3", "done 2"], said((body) => head(200, { "content-length": "9".repeat(30), connection: "close" }) + body));
  add("length-zero", "0, and a body after it", ["bad_response 3", "network 3"], always(head(200, { "content-length": 0, connection: "close" }) + DONE));
  add("length-and-chunks", "beside chunks", ["network 3", "done 2"], said((body) => `HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n${chunk(body)}0\r\n\r\n`));

  group = "Chunks";
  add("chunks-of-a-byte", "of one byte each", "done 2", said((body) => `${chunkedHead()}${[...body].map(chunk).join("")}0\r\n\r\n`));
  add("chunks-with-trailers", "with extensions and trailers", "done 2", said((body) => `${chunkedHead()}${body.length.toString(16)};name="value"\r\n${body}\r\n0\r\nx-trailer: yes\r\n\r\n`));
  add("chunk-size-no-number", "a size that is no number", ["network 3", "bad_response 3"], always(`${chunkedHead()}zz\r\n${DONE}\r\n0\r\n\r\n`));
  add("chunk-size-negative", "a negative size", ["network 3", "bad_response 3"], always(`${chunkedHead()}-5\r\n${DONE}\r\n0\r\n\r\n`));
  add("chunk-size-huge", "a size beyond all numbers", ["network 3", "bad_response 3"], always(`${chunkedHead()}${"f".repeat(30)}\r\n${DONE}\r\n0\r\n\r\n`));
  add("chunk-longer-than-said", "longer than said", ["network 3", "bad_response 3"], always(`${chunkedHead()}5\r\n${DONE}\r\n0\r\n\r\n`));
  add("chunk-cut", "closed within one", ["network 3", "bad_response 3"], always(`${chunkedHead()}ff\r\n${DONE.slice(0, 9)}`));
  add("chunks-without-end", "closed before the last", ["network 3", "done 2"], said((body) => chunkedHead() + chunk(body)));
  add("chunk-extension-endless", "an extension without end", ["network 3", "bad_response 3"], (socket) => {
    socket.write(`${chunkedHead()}5;`);
    pour(socket, Buffer.alloc(65_536, "x"), { most: 4 * MEGABYTE });
  });

  group = "Compression";
  add("gzip", "gzip, as it should be", "done 2", said((body) => packed(gzipSync(body), "gzip")));
  add("gzip-of-nothing", "said to be gzip, but plain", ["network 3", "done 2"], said((body) => packed(Buffer.from(body), "gzip")));
  add("gzip-cut", "gzip that breaks off", ["network 3", "bad_response 3"], always(packed(gzipSync(DONE.padEnd(5_000)).subarray(0, 30), "gzip")));
  add("gzip-damaged", "gzip with a wrong checksum", ["network 3", "bad_response 3", "done 2"], said((body) => {
    const bytes = gzipSync(body);
    bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 0xff;
    return packed(bytes, "gzip");
  }));
  add("gzip-bomb", "256 KB that unpack to 256 MB", "bad_response 3", always(packed(bombs.once, "gzip")), { big: true });
  add("gzip-bomb-twice", "1 KB that unpacks, twice, to 256 MB", ["bad_response 3", "network 3"], always(packed(bombs.twice, "gzip, gzip")), { big: true });
  add("brotli-bomb", "300 bytes of brotli that unpack to 256 MB", ["bad_response 3", "network 3"], always(packed(bombs.brotli, "br")), { big: true });
  add("encoding-unknown", "an encoding that nobody knows", ["done 2", "network 3", "bad_response 3"], said((body) => whole(body, { headers: { "content-encoding": "sevenfold" } })));

  group = "Bodies";
  /** @param {string} first a body that is a status which goes on @returns {Situation["serve"]} */
  const then = (first) => said((body, number) => whole(number === 1 ? first : body));
  const bodies = (/** @type {string} */ body) => always(whole(body));
  add("bom", "a byte order mark before the JSON", "done 2", said((body) => whole(`\uFEFF${body}`)));
  add("invalid-utf8", "bytes that are no UTF-8 within a text", "done 2", said((body, number) => {
    const bytes = Buffer.concat([Buffer.from('{"message":"'), Buffer.of(0xc3, 0x28, 0xed, 0xa0, 0x80, 0xff), Buffer.from(`",${body.slice(1)}`)]);
    return Buffer.concat([Buffer.from(text(200, bytes)), bytes]);
  }));
  add("utf16", "UTF-16", "done 2", said((body) => {
    const bytes = Buffer.from(`\uFEFF${body}`, "utf16le");
    return Buffer.concat([Buffer.from(text(200, bytes)), bytes]);
  }));
  add("zeros", "zero bytes", "bad_response 3", bodies("\0".repeat(100)));
  add("html", "a page with status 200", "bad_response 3", bodies(HTML));
  add("null", "null", "bad_response 3", bodies("null"));
  add("text", "a text, though it says DONE", "bad_response 3", bodies('"DONE"'));
  add("list", "a status in a list", "bad_response 3", bodies(`[${DONE}]`));
  add("empty", "nothing, with status 200", "bad_response 3", bodies(""));
  add("no-content", "204", "bad_response 3", always(head(204, { connection: "close" })));
  add("not-whole", "JSON that breaks off", "bad_response 3", bodies(DONE.slice(0, -1)));
  add("two-values", "two JSON values", "bad_response 3", bodies(DONE + DONE));
  add("nested", "100,000 lists in one another", ["done 2", "bad_response 3"], said((body) => whole(`{"deep":${"[".repeat(100_000)}${"]".repeat(100_000)},${body.slice(1)}`)));
  add("nested-objects", "80,000 objects in one another, with escapes", ["done 2", "bad_response 3"], said((body) => whole(`{"deep":${'{"\\u0061":'.repeat(80_000)}0${"}".repeat(80_000)},${body.slice(1)}`)));
  add("nested-open", "100,000 lists that are never closed", "bad_response 3", bodies("[".repeat(100_000)));
  add("numbers", "numbers beyond all bounds", "done 3", said((body, number) =>
    whole(number < 3 ? `{"status":"RENDERING_VIDEO","progress":${number === 1 ? "1e999" : `-${"9".repeat(5_000)}`},"creditsTotal":-1e400,"creditsUsed":"1e99999"}` : DONE),
  ));
  add("long-text", "a status of 900,000 letters", "done 2", then(JSON.stringify({ status: "x".repeat(900_000), message: "y" })));
  add("many-clips", "30,000 clips", "done 2", then(JSON.stringify({ status: "GENERATING_VIDEO", generatedContent: Array.from({ length: 30_000 }, () => ({ status: "pending" })) })));
  add("wrong-types", "objects, lists and numbers where texts belong", "bad_response 3", bodies('{"status":{"toString":"DONE"},"url":["https://elsewhere.example/"]}'));
  add("duplicate-keys", "a key twice: the last counts", "done 2", said((body, number) => whole(number === 1 ? `{"status":"DONE","url":"https://elsewhere.example/wrong","status":"PENDING"}` : body)));
  add("proto", "a status in __proto__ is none", "bad_response 3", bodies(`{"__proto__":${DONE},"constructor":{"prototype":${DONE}}}`));
  add("proto-beside", "__proto__ and constructor beside a status", "done 2", said((body) => whole(`{"__proto__":{"status":"ERROR","url":"https://elsewhere.example/"},"constructor":null,"toString":1,"hasOwnProperty":2,"then":3,${body.slice(1)}`)));
  add("done-without-url", "DONE without a video", "bad_response 3", bodies('{"status":"DONE"}'));
  add("done-with-script", "DONE with a script for a URL", "bad_response 3", bodies('{"status":"DONE","url":"javascript:alert(1)","videoUrl":"data:text/html,hi","outputUrl":"file:///etc/passwd"}'));
  add("key-repeated", "the key in an answer", "done 2", (socket, { number, head }) => {
    const key = /x-api-key: (.*)\r\n/i.exec(head)?.[1] ?? "";
    const escaped = [...key].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
    socket.end(whole(`{"message":"you sent ${key}","${key}":"${escaped}",${course(number).slice(1)}`));
  });
  add("key-in-error", "the key in an error", "unauthorized 1", (socket, { head }) => {
    const key = /x-api-key: (.*)\r\n/i.exec(head)?.[1] ?? "";
    socket.end(whole(JSON.stringify({ error: `${key} is wrong` }), { status: 401 }));
  });

  group = "Sizes";
  /** @param {number} length @returns {Situation["serve"]} */
  const padded = (length) => said((body) => whole(body.padEnd(length)));
  add("largest", "1 MiB to the byte", "done 2", padded(MEGABYTE));
  add("too-large", "1 MiB and a byte", "bad_response 3", padded(MEGABYTE + 1));
  add("64-mb", "64 MB", "bad_response 3", (socket) => {
    socket.write(head(200, { "content-length": 64 * MEGABYTE, connection: "close" }));
    pour(socket, SPACES, { most: 64 * MEGABYTE, pauseMs: 1 });
  }, { big: true });
  add("endless", "without end", "bad_response 3", (socket) => {
    socket.write(head(200, { connection: "close" }));
    pour(socket, SPACES, { pauseMs: 1 });
  }, { big: true });
  add("endless-chunks", "chunks without end", "bad_response 3", (socket) => {
    socket.write(chunkedHead());
    pour(socket, Buffer.from(chunk(" ".repeat(65_536))), { pauseMs: 1 });
  }, { big: true });
  add("endless-error", "an error 503 without end", "http 3", (socket) => {
    socket.write(head(503, { connection: "close" }));
    pour(socket, SPACES, { pauseMs: 1 });
  }, { big: true });
  // Some engines hand on no refusal and no redirect before they have read its body.
  add("endless-refusal", "an error 401 without end, 1 s per request", ["unauthorized 1", "network 3"], (socket) => {
    socket.write(head(401, { connection: "close" }));
    pour(socket, SPACES, { pauseMs: 1 });
  }, { big: true, client: PATIENT });

  group = "Status lines and headers";
  add("headers-10000", "10,000 headers", ["network 3", "done 2"], said((body) => whole(body, { headers: Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`x-${at}`, at])) })));
  add("headers-endless", "headers without end, 1 s per request", "network 3", (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    pour(socket, Buffer.from("x-more: and more\r\n".repeat(1_000)), { most: 16 * MEGABYTE });
  }, { client: PATIENT });
  add("header-endless", "a header without end, 1 s per request", "network 3", (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nx-more: ");
    pour(socket, Buffer.alloc(65_536, "x"), { most: 16 * MEGABYTE });
  }, { client: PATIENT });
  add("header-without-colon", "a header that is none", ["network 3", "done 2"], said((body) => `HTTP/1.1 200 OK\r\nwhat is this\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`));
  add("header-with-zero", "a zero byte in a header", ["network 3", "done 2"], said((body) => `HTTP/1.1 200 OK\r\nx-zero: a\0b\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`));
  add("retry-after-odd", "Retry-After that is nonsense", "done 3", (socket, { number }) => {
    if (number === 1) socket.end(whole("busy", { status: 503, headers: { "retry-after": "-1e9; soon" } }));
    else socket.end(whole(course(number - 1)));
  });
  add("version-unknown", "HTTP/9.9", ["network 3", "bad_response 3", "done 2"], said((body) => whole(body).replace("HTTP/1.1", "HTTP/9.9")));
  add("status-no-number", "a status that is no number", ["network 3", "bad_response 3", "done 2"], said((body) => whole(body, { status: "abc" })));
  for (const status of [99, 600, 999]) {
    add(`status-${status}`, `status ${status}`, ["network 3", "bad_response 3"], always(whole(DONE, { status })));
  }
  for (const [status, ends] of /** @type {[number, string][]} */ ([[400, "http 1"], [402, "http 1"], [403, "unauthorized 1"], [404, "not_found 1"], [408, "http 3"], [418, "http 1"], [425, "http 3"], [429, "rate_limited 3"], [500, "http 3"], [503, "http 3"]])) {
    add(`status-${status}`, `status ${status}, though the body says DONE`, ends, always(whole(DONE, { status })));
  }
  add("status-206", "status 206, a part that nobody asked for", ["done 2", "network 3"], said((body) => whole(body, { status: 206, headers: { "content-range": `bytes 0-${body.length - 1}/${body.length}` } })));
  add("http-0.9", "HTTP/0.9: a bare body", ["network 3", "done 2"], said((body) => body));
  add("garbage", "bytes that mean nothing", ["network 3", "bad_response 3"], always(Buffer.from(Array.from({ length: 2_000 }, (_, at) => (at * 73 + 41) % 256))));
  add("other-protocol", "another protocol's greeting", ["network 3", "bad_response 3"], always("SSH-2.0-OpenSSH_9.7\r\n"));
  add("tls-alert", "a TLS alert", ["network 3", "bad_response 3"], always(Buffer.of(0x15, 3, 3, 0, 2, 2, 40)));

  group = "Before and beside the answer";
  add("early-hints", "103 with links to another origin", "done 2", said((body) => `HTTP/1.1 103 Early Hints\r\nlink: <${elsewhere}/style.css>; rel=preload; as=style\r\nlink: <${elsewhere}>; rel=preconnect\r\n\r\n${whole(body)}`));
  add("continue", "100 first", ["done 2", "network 3"], said((body) => `HTTP/1.1 100 Continue\r\n\r\n${whole(body)}`));
  add("informs", "150 first, then 102", ["done 2", "network 3"], said((body) => `HTTP/1.1 150 Well\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${whole(body)}`));
  add("switches", "101, and another protocol", ["network 3", "bad_response 3"], always(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n${DONE}`), { client: HASTY });
  add("answers-first", "an answer before the request", ["done 1-3", "network 3"], well, { accept: (socket) => void socket.write(whole(DONE)), alone: true, races: true });
  add("answers-twice", "a second answer behind the first", ["done 2", "done 3"], (socket, { number }) => {
    // Whoever takes the second for an answer to the next request gets a wrong video.
    const wrong = JSON.stringify({ status: "DONE", url: "https://elsewhere.example/wrong.webm" });
    socket.write(whole(course(number), { headers: { connection: "keep-alive" } }) + whole(wrong, { headers: { connection: "keep-alive" } }));
  }, { alone: true });
  add("refresh", "Refresh and Link headers to another origin", "done 2", said((body) => whole(body, { headers: { refresh: `0; url=${elsewhere}/`, link: `<${elsewhere}/>; rel=preload; as=fetch`, "content-location": `${elsewhere}/` } })));
  add("meta-refresh", "a page that leads to another origin", "bad_response 3", bodies(`<meta http-equiv="refresh" content="0; url=${elsewhere}/"><script src="${elsewhere}/"></script><img src="${elsewhere}/">`));

  group = "Redirects";
  for (const status of [301, 302, 303, 307, 308]) {
    add(`redirect-${status}`, `${status} to another origin`, "redirected 1", always(whole("", { status, headers: { location: `${elsewhere}/?from=${status}` } })));
  }
  add("redirect-300", "300 with a place", "redirected 1", always(whole(DONE, { status: 300, headers: { location: `${elsewhere}/` } })));
  add("redirect-304", "304 to a request that was not conditional", ["bad_response 3", "network 3"], always(head(304, { connection: "close" })));
  add("redirect-305", "305, through a proxy", "redirected 1", always(whole(DONE, { status: 305, headers: { location: `${elsewhere}/` } })));
  add("redirect-306", "306", "redirected 1", always(whole(DONE, { status: 306, headers: { location: `${elsewhere}/` } })));
  for (const [name, title, location] of [
    ["itself", "to itself", ""],
    ["near", "to another path", "/elsewhere/on/this/origin"],
    ["authority", "to //another.origin", elsewhere.replace("http:", "")],
    ["file", "to file:", "file:///etc/passwd"],
    ["data", "to data:", `data:application/json,${encodeURIComponent(DONE)}`],
    ["script", "to javascript:", "javascript:alert(1)"],
    ["invalid", "to no URL at all", "http://[::"],
  ]) {
    add(`redirect-to-${name}`, `302 ${title}`, ["redirected 1", "network 3"], always(whole("", { status: 302, headers: { location: location ?? "" } })));
  }
  add("redirect-nowhere", "302 without a place", "redirected 1", always(whole(DONE, { status: 302 })));
  add("redirect-endless", "302 with a body without end, 1 s per request", ["redirected 1", "network 3"], (socket) => {
    socket.write(head(302, { location: `${elsewhere}/`, connection: "close" }));
    pour(socket, SPACES, { pauseMs: 1 });
  }, { big: true, client: PATIENT });

  group = "What others get wrong";
  const asleep = { minIntervalMs: 60_000, maxIntervalMs: 60_000 };
  add("abort-asleep", "abort while asleep", "the reason 1", bodies(PENDING), { act: "abort asleep", poll: asleep });
  add("abort-in-flight", "abort in flight", "the reason 1", () => {}, { act: "abort in flight" });
  add("abort-in-body", "abort in the body", "the reason 1", (socket) => void socket.write(text(200, DONE) + "{"), { act: "abort in the body" });
  add("deadline-asleep", "the deadline comes while asleep", "timeout 1", bodies(PENDING), { poll: { ...asleep, timeoutMs: 200 } });
  add("clock-forward", "the wall clock steps an hour forward", "done 4", said((_, number) => whole(number < 4 ? PENDING : DONE)), { act: "clock forward", alone: true });
  add("clock-back", "the wall clock steps an hour back", "done 4", said((_, number) => whole(number < 4 ? PENDING : DONE)), { act: "clock back", alone: true });
  /** @param {string} after @returns {Situation["serve"]} */
  const busy = (after) => always(whole("busy", { status: 503, headers: { "retry-after": after } }));
  add("retry-after-30-days", "Retry-After of 30 days, no deadline", "still waiting 1", busy(String(30 * 86_400)), { act: "look later", poll: { timeoutMs: Infinity } });
  add("retry-after-for-ever", "Retry-After of 40 digits, no deadline", "still waiting 1", busy("9".repeat(40)), { act: "look later", poll: { timeoutMs: Infinity } });
  add("retry-after-beyond", "Retry-After beyond the deadline", "timeout 1", busy("60"));
  add("unknown-status", "a status that nobody knows, 1 s in all", "timeout 2-5", bodies('{"status":"DREAMING"}'), { poll: { minIntervalMs: 210, maxIntervalMs: 210, timeoutMs: 1_000 } });
  add("unknown-then-done", "a status that nobody knows, once", "done 2", then('{"status":"DREAMING"}'));
  add("failed", "a failed job", "video_failed 1", bodies('{"status":"ERROR","message":"no clips"}'));
  add("four-503-and-reset", "503 four times, a reset, then the video", ["done 7", "done 6"], (socket, { number }) => {
    if (number <= 4) socket.end(whole("busy", { status: 503 }));
    else if (number === 5) thenReset(socket);
    else socket.end(whole(course(number - 5)));
  }, { poll: { maxConsecutiveFailures: 10 } });
  add("backwards", "a video that goes backwards for ever, 1 s in all", "timeout 2-5", (socket, { number }) => {
    const steps = ["RENDERING_VIDEO", "START_RENDERING_VIDEO", "GENERATING_VIDEO", "PENDING"];
    socket.end(whole(JSON.stringify({ status: steps[(number - 1) % 4], progress: 100 - (number % 7) * 10, generatedContent: [{ status: number % 2 ? "success" : "pending" }] })));
  }, { poll: { minIntervalMs: 210, maxIntervalMs: 210, timeoutMs: 1_000 } });
  add("fetch-rejects", "a fetch that rejects in any words, or with anything", "done 4", well, { act: "fetch rejects" });
  add("throwing-listener", "an onUpdate that throws", "done 2", well, { act: "throwing listener" });
  add("two-waits", "two waits for one job", "done 2", well, { act: "two waits" });
  add("timeout-30-days", "a timeout of 30 days", "done 2", well, { poll: { timeoutMs: 30 * 86_400_000 } });
  add("listeners", "listeners that 20 polls leave on one signal", "none left 40", well, { act: "listeners" });
  add("webhook-replayed", "a replayed webhook that says DONE", "still waiting 2", bodies(PENDING), { act: "webhook", poll: asleep });
  add("token-damaged", "resume tokens that are damaged", "invalid_argument 0", well, { act: "damaged tokens" });
  add("token-foreign", "a resume token of another service", "invalid_argument 0", well, { act: "foreign tokens" });
  return all;
}

/** A compressed answer. @param {Uint8Array} bytes @param {string} encoding */
function packed(bytes, encoding) {
  return Buffer.concat([Buffer.from(text(200, bytes, { "content-encoding": encoding })), bytes]);
}
