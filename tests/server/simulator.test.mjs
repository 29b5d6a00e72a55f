// @ts-check
// The simulator over sockets: what only a socket can show of its faults, what it writes down of each request, and its
// control plane. What it responds the model decides, which simulator/tests hold.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { startSimulator } from "../support/simulator.mjs";

const { KEY, url, createVideo, logOf, logWhen, inFlight, otherOrigin } = await startSimulator();

/** @param {string} id */
const address = (id) => `${url}/api/video-editor/generate/video/${id}`;

/**
 * A request and its response, which may be left at any moment.
 * @param {string} id
 * @param {Record<string, string>} [headers]
 */
function send(id, headers = { "x-api-key": KEY }) {
  const outgoing = httpRequest(address(id), { headers, agent: false }).end();
  /** @type {Promise<import("node:http").IncomingMessage>} */
  const response = once(outgoing, "response").then(([response]) => response);
  response.catch(() => {});
  return { response, leave: () => outgoing.destroy() };
}

/** A video whose scenario strikes from its third request on. @param {string} scenario */
async function struck(scenario) {
  const id = await createVideo({ scenario });
  for (let round = 0; round < 2; round += 1) await text(await send(id).response);
  return id;
}

/** The status of a response to a request that fetch would not send. @param {string} line @param {string} [host] */
async function statusOf(line, host = "localhost") {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {}).end(`${line}\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  return Number((await text(socket).catch(() => "")).split(" ")[1]);
}

/** @param {string} id @param {number} place */
const fateOf = async (id, place) => (await logOf(id)).requests[place]?.finished;

describe("a fault on a socket", { timeout: 60_000 }, () => {
  it("is a reset before any byte, and others are served on", async () => {
    const id = await struck("reset-for-ever");
    await assert.rejects(send(id).response, { code: "ECONNRESET" });
    const { requests } = await logOf(id);
    assert.deepEqual({ ...requests[2], atMs: 0 }, { atMs: 0, status: null, fault: "reset", key: true, finished: "sent" });
    assert.equal((await fetch(`${url}/simulator/scenarios`)).status, 200);
  });

  it("is silence until the caller leaves", async () => {
    const id = await struck("hang-for-ever");
    const { leave } = send(id);
    await inFlight(id, 3);
    assert.equal(await fateOf(id, 2), "open");
    leave();
    await logWhen(id, (log) => log.inFlight === 0 && log.requests[2]?.finished === "aborted");
  });

  it("is half a body, then silence until the caller leaves", async () => {
    const id = await struck("stall-for-ever");
    const { response, leave } = send(id);
    const body = await response;
    assert.equal(body.statusCode, 200);
    assert.match(String((await once(body, "data"))[0]), /^\{/);
    assert.equal(await fateOf(id, 2), "open");
    body.on("error", () => {});
    leave();
    await logWhen(id, (log) => log.requests[2]?.finished === "aborted");
  });

  it("is a body that ends before its length", async () => {
    const id = await struck("truncated-for-ever");
    const response = await send(id).response;
    const parts = /** @type {Buffer[]} */ ([]);
    response.on("data", (part) => parts.push(part));
    await assert.rejects(once(response, "end"), { code: "ECONNRESET" });
    const sent = Buffer.concat(parts);
    assert.ok(sent.length > 0 && sent.length < Number(response.headers["content-length"]), String(sent));
  });

  it("is 64 MB in a stream, which may be left", async () => {
    const id = await createVideo({ scenario: "huge-for-ever" });
    await text(await send(id).response);
    const whole = await buffer(await send(id).response);
    assert.ok(whole.length > 64 * 2 ** 20 && typeof JSON.parse(whole.toString()).status === "string");
    const { response, leave } = send(id);
    const body = await response;
    assert.equal(Number(body.headers["content-length"]), whole.length);
    await once(body, "data");
    body.on("error", () => {});
    leave();
    const { requests } = await logWhen(id, (log) => log.inFlight === 0);
    assert.deepEqual(requests.map(({ finished }) => finished), ["sent", "sent", "aborted"]);
  });

  it("is a redirect to an origin that fools who follows it, and writes down what it is sent", async () => {
    const id = await createVideo({ scenario: "redirect-other-origin" });
    const response = await send(id).response;
    const { origin, requests } = await otherOrigin();
    assert.notEqual(origin, url);
    assert.deepEqual([response.statusCode, response.headers.location, requests], [307, address(id).replace(url, origin), []]);
    const fooled = await fetch(String(response.headers.location), { headers: { "x-api-key": KEY } });
    assert.equal((await fooled.json()).status, "DONE");
    const [seen] = (await otherOrigin()).requests;
    assert.deepEqual([seen.path, seen.headers["x-api-key"]], [new URL(address(id)).pathname, KEY]);
  });
});

describe("the API on a socket", { timeout: 60_000 }, () => {
  it("brings a video to its end, and links its film where the caller sees this server", async () => {
    const id = await createVideo({ speed: 1e6 });
    let body = { status: "", url: "", id: "" };
    while (body.status !== "DONE") body = JSON.parse(await text(await send(id).response));
    assert.deepEqual([body.url, body.id], [`${url}/media/tour.webm`, id]);
    const film = await fetch(body.url, { headers: { range: "bytes=0-9" } });
    assert.deepEqual([film.status, film.headers.get("content-type"), (await film.arrayBuffer()).byteLength], [206, "video/webm", 10]);
    const { scenario, speed, requests, maxInFlight, key } = /** @type {any} */ (await logOf(id));
    assert.deepEqual({ scenario, speed, maxInFlight, key }, { scenario: "happy", speed: 1e6, maxInFlight: 1, key: true });
    assert.ok(requests.every((/** @type {any} */ { finished }) => finished === "sent"));
  });

  it("needs no key unless it is given one", async () => {
    const open = await startSimulator(null);
    const id = await open.createVideo();
    for (const headers of [[], [["x-api-key", "any"]]]) {
      const response = await fetch(`${open.url}/api/video-editor/generate/video/${id}`, { headers: /** @type {[string, string][]} */ (headers) });
      assert.equal(response.status, 200);
    }
    assert.equal((await open.logOf(id)).key, true);
  });

  it("opens to its key alone, and writes down who had another", async () => {
    const id = await createVideo();
    const refused = await send(id, {}).response;
    assert.deepEqual([refused.statusCode, (await logOf(id)).key], [401, false]);
    assert.equal((await send("nobody").response).statusCode, 404);
  });

  it("sends statuses, headers and bytes as the scenario says", async () => {
    const first = async (/** @type {string} */ scenario) => {
      const response = await send(await createVideo({ scenario })).response;
      return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
    };
    assert.equal((await first("forbidden")).status, 403);
    const none = await first("no-content-for-ever");
    assert.deepEqual([none.status, none.body.length], [204, 0]);
    assert.match(String((await first("html-for-ever")).headers["content-type"]), /^text\/html/);
    assert.equal(String((await first("null-for-ever")).body), "null");
    assert.equal((await first("unavailable-for-ever")).headers["retry-after"], "2");
    assert.deepEqual([...(await first("byte-order-mark")).body.subarray(0, 4)], [0xef, 0xbb, 0xbf, 0x7b]);
  });

  it("lets requests overlap where a response takes its time, and counts them", async () => {
    const id = await createVideo({ latencyMs: 600_000 });
    const five = Array.from({ length: 5 }, () => send(id));
    await logWhen(id, (log) => log.inFlight === 5);
    const traffic = await (await fetch(`${url}/simulator/traffic`)).json();
    assert.ok(traffic.inFlight === 5 && traffic.maxInFlight >= 5 && traffic.requests > 5, JSON.stringify(traffic));
    for (const { leave } of five) leave();
    const { maxInFlight } = await logWhen(id, (log) => log.inFlight === 0);
    assert.equal(maxInFlight, 5);
  });

  it("leaves nothing behind of thousands of requests", async () => {
    const id = await createVideo({ scenario: "flaky", speed: 10 });
    const ask = async () => {
      for (let round = 0; round < 250; round += 1) await fetch(address(id), { headers: { "x-api-key": KEY } }).then((response) => response.text()).catch(() => {});
    };
    await Promise.all([ask(), ask(), ask(), ask()]);
    const log = await logWhen(id, ({ inFlight }) => inFlight === 0);
    assert.ok(log.requests.length === 1_000 && log.maxInFlight <= 4, `${log.requests.length}, ${log.maxInFlight}`);
  });

  it("counts a request as left also where it waits behind another on its connection", async () => {
    const [id, behind] = [await struck("hang-for-ever"), await createVideo()];
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    for (const one of [id, behind]) socket.write(`GET ${new URL(address(one)).pathname} HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${KEY}\r\n\r\n`);
    await logWhen(behind, (log) => log.inFlight === 1);
    socket.destroy();
    for (const one of [id, behind]) await logWhen(one, (log) => log.inFlight === 0 && log.requests.at(-1)?.finished === "aborted");
  });

  it("writes down of each video what was requested of it, and nothing else", async () => {
    const id = await createVideo();
    await fetch(`${url}/api/nothing/${id}`);
    await fetch(address(id), { method: "POST", body: "x" });
    await text(await send(id).response);
    const { requests } = await logWhen(id, (log) => log.inFlight === 0);
    assert.deepEqual(requests.map(({ status, finished }) => [status, finished]), [[200, "sent"]]);
  });

  it("serves its films in ranges", async () => {
    const range = async (/** @type {string} */ range) => {
      const response = await fetch(`${url}/media/clip-1.svg`, { headers: { range } });
      return [response.status, response.headers.get("content-range"), await response.text()];
    };
    const whole = await (await fetch(`${url}/media/clip-1.svg`)).text();
    const { length } = Buffer.from(whole);
    assert.deepEqual(await range("bytes=0-0"), [206, `bytes 0-0/${length}`, whole.slice(0, 1)]);
    assert.deepEqual(await range("bytes=5-"), [206, `bytes 5-${length - 1}/${length}`, whole.slice(5)]);
    assert.deepEqual(await range("bytes=-6"), [206, `bytes ${length - 6}-${length - 1}/${length}`, whole.slice(-6)]);
    assert.deepEqual(await range(`bytes=2-${length * 2}`), [206, `bytes 2-${length - 1}/${length}`, whole.slice(2)]);
    assert.deepEqual(await range(`bytes=${length}-`), [416, `bytes */${length}`, ""]);
    assert.deepEqual(await range("bytes=-0"), [416, `bytes */${length}`, ""]);
    for (const other of ["bytes=10-5", "bytes=abc", "bytes=-", "lines=0-1", "bytes=0-1,3-4"]) assert.deepEqual(await range(other), [200, null, whole], other);
  });

  it("takes a path, a name and a method that nobody would send for a bad request, and goes on", async () => {
    assert.equal(await statusOf("GET /simulator/scenarios HTTP/1.1", "evil.example"), 403);
    assert.equal(await statusOf(`GET ${new URL(address("v")).pathname} HTTP/1.1`, "localhost:99999"), 400);
    assert.equal(await statusOf("TRACE /api/x HTTP/1.1"), 400);
    for (const line of ["GET //%zz/%00 HTTP/1.1", "GET /media/%zz HTTP/1.1", "GET /api/video-editor/generate/video/%E0%A4%A HTTP/1.1", "OPTIONS * HTTP/1.1"]) await statusOf(line);
    assert.equal((await fetch(`${url}/simulator/scenarios`)).status, 200);
  });
});

describe("the control plane", { timeout: 60_000 }, () => {
  it("may be read by no page of elsewhere", async () => {
    for (const path of ["/simulator/scenarios", "/simulator/other-origin", "/media/tour.webm", new URL(address(await createVideo())).pathname]) {
      assert.equal((await fetch(url + path, { headers: { origin: "http://elsewhere.invalid" } })).headers.get("access-control-allow-origin"), null, path);
    }
  });

  it("refuses wishes that make no sense, and says which", async () => {
    const wish = (/** @type {string} */ body) => fetch(`${url}/simulator/videos`, { method: "POST", body });
    for (const [body, why] of Object.entries({
      "[]": /JSON object/,
      "{": /JSON/,
      '{"speed":0}': /speed/,
      '{"scenario":"?"}': /scenario/,
      '{"seed":"x"}': /seed/,
      '{"latencyMs":-1}': /latencyMs/,
      '{"latencyMs":"5"}': /latencyMs/,
      '{"latencyMs":9e9}': /latencyMs/,
      '{"speed":"60"}': /speed/,
      '{"sped":1}': /sped/,
      '{"id":7}': /id/,
    })) {
      const response = await wish(body);
      assert.equal(response.status, 400, body);
      assert.match((await response.json()).error, why);
    }
    assert.equal((await wish("")).status, 201);
    assert.equal((await wish(" ".repeat(2 ** 21))).status, 400, "a body of two megabytes");
    assert.equal((await fetch(`${url}/simulator/videos/nobody`)).status, 404);
    assert.equal((await fetch(`${url}/nowhere`)).status, 404);
  });
});
