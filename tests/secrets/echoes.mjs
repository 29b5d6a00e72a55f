// @ts-check
/**
 * A server that repeats the key it was sent, wherever an answer has room for it, and a second origin that writes
 * down what reaches it. The last segment of the path says how: it is the name of an echo.
 */

import { once } from "node:events";
import { createServer, request as ask } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { reset } from "../../www/server/http.mjs";
import { KEY, WRITINGS } from "./evidence.mjs";

/**
 * @typedef {object} Echo
 * @property {number} [status]
 * @property {string} [reason]
 * @property {Record<string, string>} [headers]
 * @property {(string | Buffer)[]} [chunks] with a pause behind each
 * @property {boolean} [cut] ends in a reset instead of properly
 */

const done = { status: "DONE", url: "https://media.example/video.webm" };
const half = Math.floor(KEY.length / 2);
const [first, second] = [KEY.slice(0, half), KEY.slice(half)];
/** A body with the key in a certain writing. @param {unknown} body @param {string} written */
const json = (body, written) => JSON.stringify(body).replaceAll(JSON.stringify(KEY).slice(1, -1), written);
const page = (/** @type {string} */ text) => ({ headers: { "content-type": "text/html" }, chunks: [`<!doctype html><pre>x-api-key: ${text}</pre>`] });

/** What stands beside the key, and comes through. */
export const BESIDE = "what stands beside it";

/** What it says, one way for each writing. @type {Record<string, (written: string) => Echo>} */
const WRITTEN = {
  "401": (written) => ({ status: 401, chunks: [json({ error: `no account for ${KEY}` }, written)] }),
  "402-nested": (written) => ({ status: 402, chunks: [json({ error: { message: [KEY], sent: { [KEY]: KEY } }, hint: BESIDE }, written)] }),
  "404-page": (written) => ({ status: 404, ...page(written) }),
  "500-words": (written) => ({ status: 500, headers: { "content-type": "text/plain" }, chunks: [`cannot serve ${written} today`] }),
  "200-page": (written) => page(`<script>state = {"key":"${written}"}</script>`),
  "200-broken-json": (written) => ({ chunks: [`{"status":"DONE","key":"${written}`] }),
  "200-failed": (written) => ({ chunks: [json({ status: "ERROR", message: KEY, [KEY]: [KEY] }, written)] }),
  "200-unknown": (written) => ({ chunks: [json({ status: KEY }, written)] }),
  "200-done": (written) => ({
    chunks: [json({ ...done, id: KEY, generatedContent: [{ id: KEY, url: `https://a.example/${KEY}`, text: KEY, status: "success" }], [KEY]: KEY }, written)],
  }),
};

/** What it says in one way only. @type {Record<string, Echo>} */
const OTHERS = {
  "headers": {
    status: 403,
    headers: { "x-api-key": KEY, "x-echo": KEY, "set-cookie": `key=${encodeURIComponent(KEY)}`, "www-authenticate": `Key realm="${KEY}"`, "retry-after": KEY, location: `/?${KEY}`, link: `</${KEY}>; rel=preload`, "content-type": `text/${KEY}` },
    chunks: ["refused"],
  },
  "reason": { status: 418, reason: `no tea for ${KEY}`, chunks: ["no tea"] },
  "retry-after": { status: 429, headers: { "retry-after": KEY }, chunks: [KEY] },
  "redirect-301": { status: 301, headers: { location: `OTHER/?key=${encodeURIComponent(KEY)}` }, chunks: [KEY] },
  "redirect-302": { status: 302, headers: { location: "OTHER/plain" } },
  "redirect-303": { status: 303, headers: { location: `/again/${encodeURIComponent(KEY)}` } },
  "redirect-307": { status: 307, headers: { location: "OTHER/plain", refresh: `0; url=OTHER/?${KEY}` } },
  "redirect-308": { status: 308, headers: { location: `//${KEY.replaceAll(/[^a-z0-9]/gi, "-")}.invalid/` } },
  "halves": { status: 401, chunks: [`{"error":"${first}`, `${second}"}`] },
  "letters": { status: 401, chunks: [...`"${KEY}"`] },
  "half-and-too-long": { chunks: [`x-api-key: ${first}`, second, " ".repeat(200_000)] },
  "half-and-too-long-401": { status: 401, chunks: [`x-api-key: ${first}`, second, " ".repeat(200_000)] },
  "escaped-half-and-too-long": { chunks: [`{"key":"${WRITINGS["in JSON, all escaped"]?.(first)}`, " ".repeat(200_000)] },
  "half-and-cut": { status: 500, chunks: [`x-api-key: ${first}`], cut: true },
  "half-and-cut-200": { chunks: [`{"status":"${first}`], cut: true },
  "done-at-an-address-with-it": { chunks: [JSON.stringify({ ...done, url: `https://media.example/v.webm?key=${KEY}` })] },
  "cut-off-by-itself": { status: 401, chunks: [JSON.stringify({ error: [`no account for ${KEY.slice(0, 20)}...`], hint: BESIDE })] },
  "cut-off-in-a-url": { status: 402, chunks: [`/?key=${encodeURIComponent(KEY.slice(0, -1))}`] },
  "wrapped": { status: 402, headers: { "content-type": "text/plain" }, chunks: [KEY.replace(/.{10}/g, "$&\r\n")] },
  "utf-16": { status: 402, headers: { "content-type": "text/plain; charset=utf-16le" }, chunks: [Buffer.from(KEY, "utf16le")] },
  "utf-16-in-json": { status: 402, headers: { "content-type": "application/problem+json; v=1; charset=utf-16" }, chunks: [Buffer.from(`\ufeff${JSON.stringify({ error: KEY })}`, "utf16le")] },
  "utf-16-by-word-alone": { status: 402, headers: { "content-type": "application/json; charset=utf-16" }, chunks: [JSON.stringify({ error: KEY, hint: BESIDE })] },
  "all-but-a-letter": { status: 400, headers: { "content-type": "text/plain" }, chunks: [`${WRITINGS["in a URL, all escaped"]?.(KEY.slice(0, -1))}!`] },
  "at-the-limit-of-details": { status: 402, chunks: [`${"x".repeat(1_985)}${KEY}`] },
  "gzip": { status: 401, headers: { "content-encoding": "gzip" }, chunks: [gzipSync(JSON.stringify({ error: KEY }))] },
  "mark": { status: 402, chunks: [`\ufeff{"error":"${KEY}"}`] },
};

/** @type {ReadonlyMap<string, Echo>} */
export const echoes = new Map([
  ...Object.entries(WRITTEN).flatMap(([name, echo]) =>
    Object.values(WRITINGS).map((write, at) => /** @type {[string, Echo]} */ ([`${name}.${at}`, echo(write(KEY))])),
  ),
  ...Object.entries(OTHERS),
]);

/** Lets pages of other origins ask, and read all there is. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "x-api-key, accept",
  "access-control-expose-headers": "*",
  "timing-allow-origin": "*",
};

/**
 * Starts both.
 * @param {{ after: (act: () => void) => void }} test or whatever else ends
 */
export async function startEchoes(test) {
  /** @type {{ path: string, key: unknown }[]} */
  const arrivals = [];
  /** All that reached the second origin, word for word. @type {string[]} */
  const elsewhere = [];
  const other = await listen(test, (request, response) => {
    elsewhere.push(`${request.method} ${request.url} ${JSON.stringify(request.rawHeaders)}`);
    response.writeHead(200, { ...CORS, "content-type": "application/json" });
    response.end(JSON.stringify(done));
  });
  const url = await listen(test, async (request, response) => {
    if (request.method === "OPTIONS") return void response.writeHead(204, CORS).end();
    const path = request.url ?? "";
    arrivals.push({ path, key: request.headers["x-api-key"] });
    const name = path.slice(path.lastIndexOf("/") + 1);
    // What is no status for ever would be asked for for ever.
    const isEnough = name.startsWith("200-unknown") && arrivals.filter((arrival) => arrival.path === path).length > 3;
    const { status = 200, reason, headers = {}, chunks = [], cut } = isEnough ? { chunks: [JSON.stringify(done)] } : (echoes.get(name) ?? { status: 404 });
    const sent = Object.entries({ ...CORS, "content-type": "application/json", ...headers }).map(([name, value]) => [name, value.replaceAll("OTHER", other)]);
    response.writeHead(status, ...(reason === undefined ? [] : [reason]), Object.fromEntries(sent));
    for (const chunk of chunks) {
      if (response.destroyed) return;
      response.write(chunk);
      if (chunks.length > 1 || cut) await sleep(chunks.length > 9 ? 1 : 20);
    }
    if (cut) reset(response.socket);
    else response.end();
  });
  return { url, other, arrivals, elsewhere };
}

/**
 * A server with all its faults, behind an origin that pages of others may ask.
 * @param {{ after: (act: () => void) => void }} test or whatever else ends
 * @param {string} upstream
 */
export function startFront(test, upstream) {
  return listen(test, (request, response) => {
    if (request.method === "OPTIONS") return void response.writeHead(204, CORS).end();
    const outgoing = ask(new URL(request.url ?? "/", upstream), { method: request.method ?? "GET", headers: request.headers, agent: false });
    const cutOff = () => reset(request.socket);
    outgoing.once("error", cutOff);
    outgoing.once("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...CORS });
      response.flushHeaders();
      answer.once("error", cutOff).once("aborted", cutOff).pipe(response);
    });
    response.once("close", () => outgoing.destroy());
    request.pipe(outgoing);
  });
}

/** @param {{ after: (act: () => void) => void }} test @param {import("node:http").RequestListener} listener */
async function listen(test, listener) {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${port}`;
}
