// @ts-check
/** How a watch ends, who is told of it, what is left of it, and where the key never is. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE, KEY } from "../edge/upstream.mjs";
import { done, generating, scriptedServer } from "../node/scripted-server.mjs";
import { startCallback } from "./callback.mjs";
import { socket, stream } from "./viewer.mjs";
import { Host } from "./workerd.mjs";

const POLL = { minIntervalMs: 50, maxIntervalMs: 200 };

/** What videos answer, by id, in this order; the last again and again. @type {Map<string, unknown[]>} */
const scripts = new Map();
/** @type {import("../node/scripted-server.mjs").Arrival[]} */
let arrivals = [];
const upstream = await scriptedServer({ after }, ({ path }) => {
  const id = decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  const [now, ...then] = scripts.get(id) ?? [404];
  if (then.length > 0) scripts.set(id, then);
  return now;
});
arrivals = upstream.arrivals;
/** @type {string[]} All that was told to anybody. */
const seen = [];

/** @param {Host} host @param {string} path @param {RequestInit} [init] */
async function ask(host, path, init) {
  const response = await fetch(`${host.origin}${BASE}/${path}`, init);
  const text = await response.text();
  seen.push(JSON.stringify([...response.headers]) + text);
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text), headers: response.headers };
}

/** @param {Host} host @param {string} id @param {unknown[]} answers */
async function watch(host, id, ...answers) {
  scripts.set(id, answers);
  assert.equal((await ask(host, `${id}/watch`, { method: "POST" })).status, 202);
  return id;
}

describe("the end of a watch", { timeout: 120_000 }, async () => {
  let refusals = 2;
  const callback = await startCallback(({ id }) => (id === "unheard" && refusals-- > 0 ? 500 : 200));
  const host = await new Host({ KEY, UPSTREAM: upstream.url, CALLBACK: callback.url, POLL: JSON.stringify({ ...POLL, maxConsecutiveFailures: 2 }) }).start();
  after(() => host.end());

  it("is told again until somebody takes it, by one name", async () => {
    await watch(host, "unheard", done);
    const messages = await callback.about("unheard", 3);
    assert.deepEqual(new Set(messages.map(({ deliveryId }) => deliveryId)).size, 1);
    for (const { type, kind, video } of messages) assert.deepEqual([type, kind, video.status, video.url], ["done", "video", "DONE", done.url]);
    await sleep(3_000);
    assert.equal((await callback.about("unheard")).length, 3, "nobody is told of what was taken");
  });

  /** @type {[id: string, answers: unknown[], code: string, status: number][]} */
  const failures = [
    ["failed", [generating(1), { status: "ERROR", message: "no more credits" }], "video_failed", 200],
    ["missing", [404], "not_found", 404],
    ["forbidden", [401], "unauthorized", 502],
    ["moved", [{ status: 302, headers: { location: "https://evil.example/" }, body: "" }], "redirected", 502],
    ["endless", [{ fault: "endless" }], "bad_response", 502],
    ["broken", [{ fault: "reset" }], "network", 502],
    ["down", [generating(1), { status: 503, body: "<h1>down</h1>" }], "http", 502],
  ];
  for (const [id, answers, code, status] of failures) {
    it(`as ${code} is told to all, and is what the API would say: ${status} for ${id}`, async () => {
      scripts.set(id, answers);
      const viewing = await socket(`${host.origin}${BASE}/${id}/events`);
      const [message] = await callback.about(id);
      assert.deepEqual([message?.type, message?.error.code, message?.error.httpStatus], ["failed", code, viewing.told.at(-1)?.error.httpStatus]);
      assert.equal(await viewing.over, 1_000);
      const last = viewing.told.at(-1);
      assert.deepEqual([last?.type, last?.error.code], ["failed", code]);
      const answer = await ask(host, id);
      assert.equal(answer.status, status);
      if (code === "video_failed") assert.deepEqual(answer.body, { status: "ERROR", message: "no more credits" });
      else assert.equal(answer.body.code, code);
      const { ended } = (await ask(host, `${id}/update`)).body;
      assert.deepEqual(ended, { type: "failed", error: last?.error });
      const requests = arrivals.length;
      await sleep(300);
      assert.equal(arrivals.length, requests, "nothing is asked after the end");
    });
  }

  it("does not come because the API once answers more than can be kept", async () => {
    // As an update, each of these empty clips takes a dozen times the room.
    const huge = { status: "GENERATING_VIDEO", generatedContent: Array.from({ length: 300_000 }, () => ({})) };
    scripts.set("huge", [generating(1), huge, done]);
    const viewing = await socket(`${host.origin}${BASE}/huge/events`);
    await viewing.over;
    // As any answer over the limit: it is tried again.
    assert.deepEqual(
      viewing.told.map(({ type, update }) => [type, update.status, update.retrying]),
      [["update", "GENERATING_VIDEO", undefined], ["update", "GENERATING_VIDEO", "bad_response"], ["done", "DONE", undefined]],
    );
  });

  it("finds the last body as the API would say it, meanwhile and after a failure too", async () => {
    scripts.set("body", [generating(2), { status: 500, body: "{}" }, done]);
    assert.deepEqual((await ask(host, "body")).body, generating(2));
    await callback.about("body");
    const { status, body } = await ask(host, "body");
    assert.deepEqual([status, body], [200, done]);
  });
});

describe("a watch that is over", { timeout: 60_000 }, async () => {
  let refusals = 2;
  const callback = await startCallback(({ id }) => (id === "owed" && refusals-- > 0 ? 500 : 200));
  const host = await new Host({ KEY, UPSTREAM: upstream.url, CALLBACK: callback.url, POLL: JSON.stringify(POLL) }).start();
  after(() => host.end());
  const begin = async (/** @type {string} */ id) => (await ask(host, `${id}/watch`, { method: "POST" })).body;

  for (const [id, first, type] of /** @type {const} */ ([
    ["regenerated", done, "done"],
    ["refused-once", 401, "failed"],
  ])) {
    it(`begins anew for who wants it watched, and for nobody else: ${id}`, async () => {
      await watch(host, id, first, generating(1), done);
      const [before] = await callback.about(id);
      assert.equal(before?.type, type);
      const { length } = arrivals;
      await ask(host, id);
      const { id: last } = (await ask(host, `${id}/update`)).body;
      await ask(host, `${id}/events`, { headers: { "last-event-id": last } });
      await fetch(`${host.origin}/api/video-editor/webhook`, { method: "POST", body: JSON.stringify({ id }) });
      await sleep(300);
      assert.equal(arrivals.length, length, "visitors and notifications do not begin it again");

      assert.deepEqual(await begin(id), { id, watching: true });
      assert.deepEqual((await ask(host, id)).body, generating(1));
      const [, then] = await callback.about(id, 2);
      assert.deepEqual([then?.type, then?.video.url], ["done", done.url]);
      assert.notEqual(then?.deliveryId, before?.deliveryId);
      assert.equal(arrivals.length, length + 2);
      const pauseMs = Number(arrivals[length]?.atMs) - Number(arrivals[length - 1]?.atMs);
      assert.ok(pauseMs >= POLL.minIntervalMs, `${pauseMs} ms`);
    });
  }

  it("begins anew after its end was told, and says so", async () => {
    await watch(host, "owed", 401, done);
    const [{ deliveryId } = assert.fail()] = await callback.about("owed");
    assert.deepEqual(await begin("owed"), { id: "owed", watching: false });
    const messages = await callback.about("owed", 4);
    assert.deepEqual(messages.map(({ type }) => type), ["failed", "failed", "failed", "done"]);
    assert.deepEqual(messages.map((message) => message.deliveryId === deliveryId), [true, true, true, false]);
  });
});

describe("patience without settings", { timeout: 60_000 }, async () => {
  const callback = await startCallback();
  const host = await new Host({ KEY, UPSTREAM: upstream.url, CALLBACK: callback.url, POLL: JSON.stringify({ minIntervalMs: 1, maxIntervalMs: 4 }) }).start();
  after(() => host.end());

  it("outlasts more failures in a row than a client's", async () => {
    await watch(host, "patient", generating(1), ...Array.from({ length: 11 }, () => 503), done);
    assert.equal((await callback.about("patient"))[0]?.type, "done");
  });
});

describe("after the retention", { timeout: 60_000 }, async () => {
  const callback = await startCallback();
  const host = await new Host({ KEY, UPSTREAM: upstream.url, CALLBACK: callback.url, POLL: JSON.stringify(POLL), RETENTION_MS: "1500" }).start();
  after(() => host.end());

  it("nothing is left of a watch, and it can begin anew", async () => {
    await watch(host, "forgotten-sooner", { ...done, mark: "mark-of-the-body" });
    const [{ deliveryId } = assert.fail()] = await callback.about("forgotten-sooner");
    const before = await ask(host, "forgotten-sooner/update");
    assert.deepEqual(before.body.ended, { type: "done" });
    await until(async () => (await ask(host, "forgotten-sooner/update")).status === 404);
    await sleep(100);
    // Not on the disk either.
    await host.kill();
    await host.start();
    await sleep(100);
    assert.equal((await ask(host, "forgotten-sooner/update")).status, 404);
    const stale = await ask(host, "forgotten-sooner/events", { headers: { "last-event-id": before.body.id } });
    assert.equal(stale.status, 404);

    const asked = arrivals.length;
    assert.equal((await ask(host, "forgotten-sooner")).status, 200);
    assert.equal(arrivals.length, asked + 1);
    const messages = await callback.about("forgotten-sooner", 2);
    assert.notEqual(messages[1]?.deliveryId, deliveryId);
    const other = await ask(host, "forgotten-sooner/events", { headers: { "last-event-id": before.body.id } });
    assert.equal(other.status, 400);
  });
});

describe("the key", { timeout: 60_000 }, async () => {
  const callback = await startCallback();
  const host = await new Host({ KEY, UPSTREAM: upstream.url, CALLBACK: callback.url, POLL: JSON.stringify(POLL) }).start();
  after(() => host.end());

  const begun = async (/** @type {Host} */ other, /** @type {string} */ id) => {
    const { status, body } = await ask(other, `${id}/watch`, { method: "POST" });
    return [status, body];
  };

  it("is in nothing that is stored, logged or told, whatever the API repeats", async () => {
    const echo = { text: `your key is ${KEY}`, [KEY]: encodeURIComponent(KEY) };
    const clip = { id: KEY, url: `https://media.example/?k=${encodeURIComponent(KEY)}`, status: "success", text: KEY };
    await watch(host, "echo", { ...generating(1), generatedContent: [clip], echo }, { status: 503, headers: { "retry-after": KEY }, body: KEY }, { ...done, message: KEY, echo });
    await watch(host, "echo-failed", { status: "ERROR", message: `no credits for ${KEY}` });
    await watch(host, "echo-401", { status: 401, body: { error: `unknown key ${JSON.stringify(KEY)} ${KEY.replaceAll("/", "\\/")}` } });
    const viewings = await Promise.all([stream(`${host.origin}${BASE}/echo/events`), socket(`${host.origin}${BASE}/echo-failed/events`)]);
    for (const id of ["echo", "echo-failed", "echo-401"]) {
      await callback.about(id);
      await ask(host, id);
      await ask(host, `${id}/update`);
    }
    await Promise.all(viewings.map(({ over }) => over));
    const stored = host.stored();
    assert.ok(stored.includes("your key is ***"), "what is stored can be read here");
    assert.ok(arrivals.some(({ headers }) => headers["x-api-key"] === KEY));
    const told = [...seen, ...callback.seen, ...viewings.map((viewing) => JSON.stringify(viewing.told))];
    assert.ok(told.some((text) => text.includes("***")));
    for (const text of [stored, host.log, ...told]) {
      for (const form of [KEY, encodeURIComponent(KEY), KEY.replaceAll("/", "\\/"), Buffer.from(KEY, "utf16le").toString("latin1")]) {
        assert.ok(!text.includes(form), `the key is in ${text.slice(0, 500)}`);
      }
    }
  });

  it("of a callback is not taken within its address, where no request would carry it", async () => {
    const other = await new Host({ KEY, UPSTREAM: upstream.url, POLL: "", CALLBACK: callback.url.replace("//", "//user:password@") }).start();
    assert.deepEqual(await begun(other, "credentials"), [500, { error: "the watcher's settings cannot work" }]);
    await other.end();
  });

  it("that is missing or too short is no ground to store anything", async () => {
    for (const short of ["", "seven77"]) {
      const other = await new Host({ KEY: short, UPSTREAM: upstream.url, POLL: "" }).start();
      const asked = arrivals.length;
      assert.deepEqual(await begun(other, "keyless"), [500, { error: "the watcher's settings cannot work" }]);
      assert.equal((await ask(other, "keyless/update")).status, 404);
      assert.equal(arrivals.length, asked);
      await other.end();
    }
  });
});

/** @param {() => Promise<boolean>} holds */
async function until(holds) {
  for (const giveUp = Date.now() + 10_000; !(await holds());) {
    assert.ok(Date.now() < giveUp, "never came true");
    await sleep(50);
  }
}
