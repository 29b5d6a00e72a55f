// @ts-check
/** Notifications: a true one is worth something, a forged one costs nothing and learns nothing. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE, KEY } from "../edge/upstream.mjs";
import { done, generating, scriptedServer } from "../node/scripted-server.mjs";
import { startCallback } from "./callback.mjs";
import { Host } from "./workerd.mjs";

const WEBHOOK = "/mounted/api/video-editor/webhook";
/** Nothing is about to change: the next question is as late as it may be. */
const early = generating(0);

describe("a notification", { timeout: 120_000 }, async () => {
  /** What each video answers, in this order. @type {Map<string, unknown[]>} */
  const scripts = new Map();
  const upstream = await scriptedServer({ after }, ({ path }) => {
    const [now, ...then] = scripts.get(path) ?? assert.fail(`nobody knows ${path}`);
    if (then.length > 0) scripts.set(path, then);
    return now;
  });
  const asked = (/** @type {string} */ video) => upstream.arrivals.filter(({ path }) => path === `${BASE}/${video}`).length;
  const callback = await startCallback();
  const host = await new Host({
    KEY,
    UPSTREAM: upstream.url,
    CALLBACK: callback.url,
    // No test waits for the next question.
    POLL: JSON.stringify({ minIntervalMs: 300, maxIntervalMs: 600_000 }),
  }).start();
  after(() => host.end());
  const notify = (/** @type {unknown} */ body, /** @type {RequestInit} */ init = {}) =>
    fetch(host.origin + WEBHOOK, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), ...init });
  const says = async (/** @type {Response} */ response) => [response.status, await response.text()];
  /** Watches a video to its first answer, and past the shortest pause, so that a hint can be followed at once. */
  const begin = async (/** @type {string} */ video, /** @type {unknown[]} */ ...answers) => {
    scripts.set(`${BASE}/${video}`, answers);
    assert.equal((await fetch(`${host.origin}${BASE}/${video}/watch`, { method: "POST" })).status, 202);
    await until(() => asked(video) === 1);
    await sleep(500);
  };

  for (const kind of ["", "auto/"]) {
    it(`that is true makes the watcher of ${kind}true ask at once`, async () => {
      const id = `true-${kind.length}`;
      await begin(kind + id, early, done);
      assert.deepEqual(await says(await notify({ id, status: "DONE", url: "https://media.example/other.webm" })), [202, "{}"]);
      const [message] = await callback.about(id, 1, 5_000);
      assert.equal(asked(kind + id), 2);
      // What it says of the video is not believed.
      assert.equal(message?.video.url, done.url);
    });
  }

  it("is not followed before the server's Retry-After has passed", async () => {
    await begin("resting", { status: 429, headers: { "retry-after": "3600" }, body: "" }, done);
    await notify({ videoId: "resting" });
    await sleep(1_000);
    assert.equal(asked("resting"), 1);
  });

  it("that is forged changes nothing, and 500 of them cost one request at most", async () => {
    await begin("forged", early);
    const told = async () => {
      const { id, update } = await (await fetch(`${host.origin}${BASE}/forged/update`)).json();
      return { id, ...update };
    };
    const before = await told();
    for (let round = 0; round < 10; round += 1) {
      const all = Array.from({ length: 50 }, () => notify({ id: "forged", status: "DONE", url: "https://evil.example/x.webm" }));
      for (const answer of await Promise.all(all)) assert.deepEqual(await says(answer), [202, "{}"]);
    }
    await sleep(500);
    assert.equal(asked("forged"), 2, "one of them is followed, since any could be true");
    assert.deepEqual(await told(), before);
    assert.ok(!callback.messages.some(({ id }) => id === "forged"));
  });

  it("about what nobody watches sounds the same, and stores and asks nothing", async () => {
    const before = upstream.arrivals.length;
    for (let at = 0; at < 20; at += 1) assert.deepEqual(await says(await notify({ id: `nobody-${at}` })), [202, "{}"]);
    await sleep(300);
    assert.equal(upstream.arrivals.length, before);
    assert.ok(!host.stored().includes("nobody-"));
    for (let at = 0; at < 20; at += 1) assert.equal((await fetch(`${host.origin}${BASE}/nobody-${at}/update`)).status, 404);
  });

  it("that cannot be read is refused", async () => {
    assert.equal((await notify("{")).status, 400);
    assert.equal((await notify("")).status, 400);
    assert.equal((await notify({ id: "../x" })).status, 400);
    assert.equal((await notify("x".repeat(1_048_577))).status, 413);
    assert.equal((await fetch(host.origin + WEBHOOK)).status, 405);
  });
});

/** @param {() => boolean} holds */
async function until(holds) {
  for (const giveUp = Date.now() + 5_000; !holds();) {
    assert.ok(Date.now() < giveUp, "never came true");
    await sleep(10);
  }
}
