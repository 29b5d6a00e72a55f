// @ts-check
/** The routes, as anybody may call them: the same on workerd of old and new compatibility dates. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { send } from "../edge/exchange.mjs";
import { BASE } from "../edge/upstream.mjs";
import { VideoClient } from "../node/package.mjs";
import { createVideo, KEY, logOf, url } from "../node/simulator.mjs";
import { Host, NEWEST_DATE } from "./workerd.mjs";

const ALLOWED = "https://app.example";
const EVIL = "https://evil.example";
const UPGRADE = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" };
const long = "x".repeat(513);
await createVideo({ id: "a-1" });

for (const date of ["2023-03-01", NEWEST_DATE]) {
  describe(`the routes on workerd of ${date}`, { timeout: 280_000 }, async () => {
    const host = await new Host({ KEY, UPSTREAM: url, POLL: JSON.stringify({ minIntervalMs: 50, maxIntervalMs: 150 }) }, date).start();
    after(() => host.end());
    const known = await createVideo({ speed: 20 });
    assert.equal((await send(host.origin, `${BASE}/${known}`)).status, 200);

    for (const kind of /** @type {const} */ (["video", "auto"])) {
      it(`give an ordinary client its video, kind ${kind}`, async () => {
        const id = await createVideo({ speed: 100 });
        const client = new VideoClient({ baseUrl: `${host.origin}/mounted`, kind });
        /** @type {string[]} */
        const statuses = [];
        const video = await client.waitForVideo(id, { minIntervalMs: 50, maxIntervalMs: 150, onUpdate: ({ status }) => statuses.push(status) });
        assert.deepEqual([video.status, video.videoId], ["DONE", id]);
        assert.equal(statuses.at(-1), "DONE");
        const { key, maxInFlight } = await logOf(id);
        assert.deepEqual([key, maxInFlight], [true, 1]);
        await assert.rejects(client.getStatus("of-nobody"), { code: "not_found" });
      });
    }

    /** @type {[method: string, path: string, status: number, headers?: Record<string, string>][]} */
    const refused = [
      ["GET", "/", 404],
      ["GET", BASE, 404],
      ["GET", `${BASE}/`, 404],
      ["GET", `${BASE}/..`, 404],
      ["POST", `${BASE}//watch`, 404],
      ["POST", `${BASE}/${long}/watch`, 404],
      ["GET", `${BASE}/${long}/events`, 404],
      ["GET", `${BASE}/a%2Fb/events`, 404],
      ["GET", `${BASE}/%zz/update`, 404],
      ["POST", `${BASE}/..%2f..%2fadmin/watch`, 404],
      ["GET", `${BASE}/${known}/other`, 404],
      ["GET", `${BASE}/${known}/update/`, 404],
      ["GET", `${BASE}/unwatched/update`, 404],
      ["HEAD", `${BASE}/unwatched`, 404],
      ["GET", `${BASE}/unwatched/events`, 503],
      ["GET", `${BASE}/unwatched/events`, 503, UPGRADE],
      ["GET", `${BASE}/unwatched/events`, 503, { "last-event-id": "abc-1" }],
      ["GET", `${BASE}/unwatched`, 404, { origin: EVIL }],
      ["GET", `${BASE}/unwatched`, 404, { origin: "null" }],
      ["GET", `${BASE}/unwatched`, 404, { "sec-fetch-site": "cross-site" }],
      ["GET", `${BASE}/unwatched`, 404, { "sec-fetch-site": "same-site" }],
      ["POST", `${BASE}/unwatched/watch`, 403, { "sec-fetch-site": "cross-site" }],
      ["GET", `${BASE}/${known}/watch`, 405],
      ["POST", `${BASE}/${known}`, 405],
      ["DELETE", `${BASE}/${known}`, 405],
      ["HEAD", `${BASE}/${known}/update`, 405],
      ["POST", `${BASE}/${known}/update`, 405],
      ["POST", `${BASE}/${known}/events`, 405],
      ["PUT", `${BASE}/${known}/watch`, 405],
      ["GET", "/api/video-editor/webhook", 405],
      ["GET", `${BASE}/${known}/events`, 400, { "last-event-id": "1" }],
      ["GET", `${BASE}/${known}/events`, 400, { "last-event-id": "zz-99999999999999999999" }],
      ["GET", `${BASE}/${known}/events`, 400, { "last-event-id": "-1" }],
      ["GET", `${BASE}/${known}/events`, 400, { "last-event-id": "aaaa-0" }],
      ["GET", `${BASE}/${known}/events?lastEventId=%00`, 400],
      ["GET", `${BASE}/${known}/events?lastEventId=`, 400],
      ["GET", `${BASE}/${known}/events?lastEventId=${"a".repeat(10_000)}`, 400],
      ["GET", `${BASE}/${known}/events?lastEventId=aaaa-0`, 400, UPGRADE],
      ["GET", `${BASE}/${known}/update`, 426, UPGRADE],
      ["GET", `${BASE}/${known}/events`, 403, { ...UPGRADE, origin: EVIL }],
      ["GET", `${BASE}/${known}/events`, 403, { ...UPGRADE, origin: "null" }],
      ["POST", `${BASE}/unwatched/watch`, 403, { origin: EVIL }],
      ["GET", `/tenants${BASE}/b-1`, 403, { "x-tenant": "a" }],
      ["GET", `/tenants${BASE}/b-1/events`, 403, { "x-tenant": "a" }],
      ["GET", `/tenants${BASE}/b-1/events`, 403, { ...UPGRADE, "x-tenant": "a" }],
      ["GET", `/tenants${BASE}/b-1/update`, 403, { "x-tenant": "a" }],
      ["POST", `/tenants${BASE}/b-1/watch`, 403, { "x-tenant": "a" }],
      ["POST", `/tenants${BASE}/b-1/watch`, 500, { "x-tenant": "throwing" }],
    ];
    for (const [method, path, status, headers = {}] of refused) {
      const shown = path.length > 100 ? `${path.slice(0, 100)}…` : path;
      it(`answer ${method} ${shown} ${JSON.stringify(headers["last-event-id"] ?? headers["sec-fetch-site"] ?? headers.origin ?? headers.upgrade ?? headers["x-tenant"] ?? "")} with ${status}`, async () => {
        const answer = await send(host.origin, path, { method, headers });
        assert.equal(answer.status, status, answer.body);
        if (method !== "HEAD") assert.ok(JSON.parse(answer.body).error.length < 200);
        assert.equal(answer.headers.get("content-type"), "application/json");
        assert.equal(answer.headers.get("cache-control"), "no-store");
        assert.doesNotMatch(answer.body, /the words of the hook/);
      });
    }

    it("have stored nothing of what they refused", async () => {
      for (const path of [`${BASE}/unwatched`, `/tenants${BASE}/b-1`]) {
        const answer = await send(host.origin, `${path}/update`, { headers: { "x-tenant": "b" } });
        assert.equal(answer.status, 404, path);
      }
    });

    /** @type {[who: string, headers: (origin: string) => Record<string, string>, begins: boolean][]} */
    const visitors = [
      ["what is no browser", () => ({}), true],
      ["a page of this origin", () => ({ "sec-fetch-site": "same-origin" }), true],
      ["a page of this origin, by a browser that names it", (origin) => ({ origin, "sec-fetch-site": "same-origin" }), true],
      ["the address bar", () => ({ "sec-fetch-site": "none" }), true],
      ["a page of an allowed origin", () => ({ origin: ALLOWED, "sec-fetch-site": "cross-site" }), true],
      ["a page of another origin", () => ({ origin: EVIL, "sec-fetch-site": "cross-site" }), false],
      ["an image on another site", () => ({ "sec-fetch-site": "cross-site" }), false],
      ["an image on a page of the same site", () => ({ "sec-fetch-site": "same-site" }), false],
    ];
    for (const [who, headers, begins] of visitors) {
      it(`${begins ? "begin" : "do not begin"} to watch for a GET of ${who}`, async () => {
        const id = await createVideo({ speed: 20 });
        const answer = await send(host.origin, `${BASE}/${id}`, { headers: headers(host.origin) });
        assert.equal(answer.status, begins ? 200 : 404);
        assert.equal((await logOf(id)).requests.length > 0, begins);
        // What is watched anyway may be read.
        assert.equal((await send(host.origin, `${BASE}/${id}/watch`, { method: "POST" })).status, 202);
        const { status, headers: given } = await send(host.origin, `${BASE}/${id}`, { headers: headers(host.origin) });
        assert.deepEqual([status, given.get("access-control-allow-origin")], [200, who.includes("allowed") ? ALLOWED : undefined]);
      });
    }

    it("do not begin to watch for HEAD, an update, events or a notification, and request nothing", async () => {
      const id = await createVideo({});
      const asks = /** @type {const} */ ([["HEAD", "", 404], ["GET", "/update", 404], ["GET", "/events", 503], ["GET", "/events?brief", 503]]);
      for (const [method, action, status] of asks) {
        const answer = await send(host.origin, `${BASE}/${id}${action}`, { method });
        assert.equal(answer.status, status);
        assert.equal(answer.headers.get("retry-after"), status === 503 ? "1" : undefined);
        if (method === "GET") assert.match(JSON.parse(answer.body).error, /^this video is not watched; .*POST/);
      }
      await send(host.origin, "/api/video-editor/webhook", { method: "POST", body: JSON.stringify({ id }) });
      assert.equal((await send(host.origin, `${BASE}/${id}/update`)).status, 404);
      assert.deepEqual((await logOf(id)).requests, []);
    });

    it("give a hook's own Response as it is, and each tenant its own videos", async () => {
      const answer = await send(host.origin, `/tenants${BASE}/a-1/watch`, { method: "POST" });
      assert.deepEqual([answer.status, answer.body], [401, "Who are you?"]);
      const of = (/** @type {string} */ tenant) => ({ method: "POST", headers: { "x-tenant": tenant } });
      assert.equal((await send(host.origin, `/tenants${BASE}/a-1/watch`, of("a"))).status, 202);
      assert.equal((await send(host.origin, `/tenants${BASE}/a-1/watch`, of("b"))).status, 403);
    });

    it("take a WebSocket from this origin, an allowed one, and what is no browser", async () => {
      for (const origin of [host.origin, ALLOWED, undefined]) {
        const { status } = await send(host.origin, `${BASE}/${known}/events`, { headers: { ...UPGRADE, ...(origin ? { origin } : {}) } });
        assert.equal(status, 101, origin);
      }
    });

    it("tell a browser of an allowed origin how it may ask, and another nothing", async () => {
      for (const [path, methods] of [["", "GET, HEAD"], ["/watch", "POST"], ["/update", "GET"], ["/events", "GET"]]) {
        const ask = (/** @type {string} */ origin) =>
          send(host.origin, `${BASE}/${known}${path}`, { method: "OPTIONS", headers: { origin, "access-control-request-method": "GET" } });
        const { status, headers } = await ask(ALLOWED);
        assert.deepEqual([status, headers.get("access-control-allow-origin"), headers.get("access-control-allow-methods")], [204, ALLOWED, methods]);
        assert.equal((await ask(EVIL)).headers.get("access-control-allow-origin"), undefined);
      }
      const { headers } = await send(host.origin, `${BASE}/${known}/update`, { headers: { origin: ALLOWED } });
      assert.deepEqual([headers.get("access-control-allow-origin"), headers.get("vary")], [ALLOWED, "origin"]);
    });

    it("answer HEAD without a body, and a watch with what is watched", async () => {
      const head = await send(host.origin, `${BASE}/${known}`, { method: "HEAD" });
      assert.deepEqual([head.status, head.body], [200, ""]);
      const answer = await send(host.origin, `${BASE}/${known}/watch`, { method: "POST", body: "whatever" });
      assert.deepEqual([answer.status, JSON.parse(answer.body)], [202, { id: known, watching: true }]);
    });

    it("log what a hook threw, and nothing else", () => {
      assert.match(host.log, /authorize hook of the watch threw.*the words of the hook/s);
      assert.doesNotMatch(host.log, /the watcher failed|the watch failed|held up|Uncaught/);
    });
  });
}
