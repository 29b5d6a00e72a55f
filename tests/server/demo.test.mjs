// @ts-check
// The demo server: whom it serves, with which headers, and what of a caller goes on to the real service. The key, in
// all that can be seen, is looked for in tests/secrets, and the page itself in tests/browser.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { refusedDemo, startDemo } from "../support/demo.mjs";
import { startServer } from "../support/server.mjs";

const VIDEO = "live/api/video-editor/generate/video/";

/**
 * The path exactly as given, which fetch would put in order first.
 * @param {string} address
 * @param {string} path
 * @param {{ method?: string, headers?: Record<string, string> }} [options]
 */
async function get(address, path, options = {}) {
  const outgoing = httpRequest({ host: "127.0.0.1", port: new URL(address).port, path: `/${path}`, agent: false, ...options }).end();
  const [response] = /** @type {[import("node:http").IncomingMessage]} */ (await once(outgoing, "response"));
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe("the demo server", { timeout: 60_000 }, () => {
  /** @type {Awaited<ReturnType<typeof startDemo>>} */
  let demo;
  before(async () => void (demo = await startDemo()));
  after(() => demo?.stop());

  it("serves the page, which is told of the simulator and of no real service, and what lies beside it", async () => {
    for (const path of ["", "index.html"]) {
      const { status, headers, body } = await get(demo.address, path);
      assert.equal(status, 200);
      assert.match(String(headers["content-type"]), /^text\/html/);
      assert.match(body, /<meta name="demo-server" content="sim">/);
    }
    assert.match(String((await get(demo.address, "iacrea-video/iacrea-video.wasm")).headers["content-type"]), /^application\/wasm/);
    for (const path of ["nowhere", "../../Cargo.toml", "%2e%2e/%2e%2e/Cargo.toml", "..%2f..%2fCargo.toml", "server/demo.mjs", "%00", "%zz", `${VIDEO}one`]) {
      assert.ok([400, 404].includes((await get(demo.address, path)).status ?? 0), path);
    }
    assert.match(demo.errors(), /Real videos: off; start with IACREA_API_KEY set/);
  });

  it("serves its files for reading only", async () => {
    for (const path of ["", "app.js", "sim/media/clip-1.svg"]) {
      assert.deepEqual([(await get(demo.address, path, { method: "POST" })).status, (await get(demo.address, path, { method: "HEAD" })).status], [405, 200], path);
    }
  });

  it("simulates for a page without a key", async () => {
    const created = await fetch(`${demo.address}sim/simulator/videos`, { method: "POST", body: '{"scenario":"happy"}' });
    const { id } = await created.json();
    const { status, body } = await get(demo.address, `sim/api/video-editor/generate/video/${id}`);
    assert.deepEqual([status, JSON.parse(body).status], [200, "PENDING"]);
  });

  it("serves names of this machine only", async () => {
    const statusFor = async (/** @type {string} */ host) => (await get(demo.address, "", { headers: { host } })).status;
    for (const host of ["localhost", "localhost:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "LOCALHOST"]) assert.equal(await statusFor(host), 200, host);
    for (const host of ["example.org", "localhost.example.org:80", "127.0.0.1.example.org", "10.0.0.1", "a b", "localhost@example.org", "example.org:localhost"]) {
      assert.equal(await statusFor(host), 403, host);
    }
  });

  it("lets its page load nothing from elsewhere, and be framed by nobody", async () => {
    for (const path of ["", "app.js", "nowhere", "sim/simulator/scenarios"]) {
      const { headers } = await get(demo.address, path);
      assert.match(String(headers["content-security-policy"]), /default-src 'self'.*frame-ancestors 'none'/, path);
      assert.deepEqual([headers["x-content-type-options"], headers["referrer-policy"]], ["nosniff", "no-referrer"], path);
    }
  });

  it("ends when it is asked to, though requests hang", async () => {
    const own = await startDemo();
    const created = await fetch(`${own.address}sim/simulator/videos`, { method: "POST", body: '{"latencyMs":600000}' });
    const { id } = await created.json();
    const hanging = get(own.address, `sim/api/video-editor/generate/video/${id}`).catch(() => "cut");
    while ((await (await fetch(`${own.address}sim/simulator/traffic`)).json()).inFlight === 0);
    assert.equal(await own.stop(), 0);
    assert.equal(await hanging, "cut");
  });

  it("serves the page alone with --static", async () => {
    const alone = await startDemo(["--static"], { IACREA_API_KEY: "a-key-that-is-not-used" });
    assert.match((await get(alone.address, "")).body, /<meta name="demo-server" content="">/);
    assert.equal((await get(alone.address, "sim/simulator/scenarios")).status, 404);
    assert.equal((await get(alone.address, `${VIDEO}one`)).status, 404);
    await alone.stop("SIGINT");
  });

  it("says what it cannot start with, and how to mend it", async () => {
    const taken = new URL(demo.address).port;
    assert.deepEqual(await refusedDemo(["--port", taken]), {
      code: 1,
      said: `error: port ${taken} is in use: stop what uses it, or repeat with \`--port 0\` for a free one`,
    });
    assert.match((await refusedDemo(["--port", "x"])).said, /^error: --port must be a number from 0 to 65535/);
    assert.match((await refusedDemo(["--static", "--edge"])).said, /^error: --static .* choose one$/);
    assert.match((await refusedDemo(["--port", "0"], { IACREA_API_KEY: "line\nbreak" })).said, /^error: IACREA_API_KEY holds a character .*: copy it again$/);
    for (const base of ["http://iacrea.com", "iacrea.com", "https://u:p@iacrea.com", "https://iacrea.com?x"]) {
      const { said } = await refusedDemo(["--port", "0"], { IACREA_API_KEY: "a-key-to-keep", IACREA_BASE_URL: base });
      assert.match(said, /^error: IACREA_BASE_URL cannot be used: .*\. Set it to one like https:\/\/iacrea\.com, or not at all$/);
    }
    assert.match((await refusedDemo(["--edge", "--port", "0"], { IACREA_API_KEY: "short" })).said, /error: IACREA_API_KEY has fewer than 8 characters/);
  });
});

describe("the way to the real service", { timeout: 60_000 }, () => {
  /** @type {{ method: string | undefined, url: string | undefined, headers: import("node:http").IncomingHttpHeaders }[]} */
  const arrivals = [];
  /** @type {import("node:http").RequestListener} */
  const respond = ({ method, url, headers }, response) => {
    arrivals.push({ method, url, headers });
    if (url?.endsWith("/moved")) return void response.writeHead(302, { location: "http://127.0.0.1:9/elsewhere" }).end();
    response.writeHead(429, { "content-type": "application/json", "retry-after": "7", "set-cookie": "a=b" });
    response.end('{"error":"not secret-key again"}');
  };
  /** @type {Awaited<ReturnType<typeof startServer>>} */
  let service;
  /** @type {Awaited<ReturnType<typeof startDemo>>} */
  let demo;
  before(async () => {
    service = await startServer(respond);
    demo = await startDemo([], { IACREA_API_KEY: "secret-key", IACREA_BASE_URL: `${service.origin}/api-root/` });
  });
  after(async () => {
    await demo?.stop();
    await service?.close();
  });

  it("is known to the page, which may show what is anywhere", async () => {
    const { headers, body } = await get(demo.address, "");
    assert.match(body, /<meta name="demo-server" content="sim live">/);
    assert.match(String(headers["content-security-policy"]), /media-src 'self' data: blob: https:;/);
  });

  it("adds the key, takes nothing of the caller but the id, and gives back neither key nor cookie", async () => {
    arrivals.length = 0;
    const { status, headers, body } = await get(demo.address, `${VIDEO}a%20b+%C3%A9`, { headers: { host: "localhost", "x-api-key": "of-the-caller", cookie: "c=d" } });
    assert.deepEqual([status, headers["retry-after"], headers["set-cookie"]], [429, "7", undefined]);
    assert.deepEqual(JSON.parse(body), { error: "***" });
    const [sent] = arrivals;
    assert.deepEqual([sent?.url, sent?.headers["x-api-key"], sent?.headers.cookie], ["/api-root/api/video-editor/generate/video/a%20b%2B%C3%A9", "secret-key", undefined]);
    await get(demo.address, `${VIDEO}auto/one`);
    assert.equal(arrivals.at(-1)?.url, "/api-root/api/video-editor/generate/video/auto/one");
  });

  it("follows no redirect", async () => {
    const { body } = await get(demo.address, `${VIDEO}moved`);
    assert.ok(!body.includes("elsewhere"), body);
  });

  it("is open to its own page alone, for reading", async () => {
    arrivals.length = 0;
    for (const [site, status] of Object.entries({ "cross-site": 403, "same-site": 403 })) {
      assert.equal((await get(demo.address, `${VIDEO}one`, { headers: { host: "localhost", "sec-fetch-site": site } })).status, status);
    }
    for (const method of ["POST", "PUT", "DELETE", "TRACE"]) assert.ok([400, 405].includes((await get(demo.address, `${VIDEO}one`, { method })).status ?? 0), method);
    for (const path of [VIDEO, `${VIDEO}a/b`, `${VIDEO}..%2f..%2fcredits`, `${VIDEO}%2e%2e`, `${VIDEO}auto/..`, "live/", "live/api/video-editor/credits"]) {
      assert.ok([400, 404].includes((await get(demo.address, path)).status ?? 0), path);
    }
    assert.deepEqual(arrivals, []);
    assert.equal((await get(demo.address, `${VIDEO}two`, { headers: { host: "localhost", "sec-fetch-site": "same-origin" } })).status, 429);
  });
});
