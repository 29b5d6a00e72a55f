// @ts-check
/** Notifications: a true one is worth something, a forged one costs nothing and learns nothing. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { BASE } from "../edge/upstream.mjs";
import { done, generating } from "../node/scripted-server.mjs";
import { startCallback } from "./callback.mjs";
import { HOUR_MS, inOrder, laboratory, MINUTE_MS, scripts, until, upstream } from "./visit.mjs";

const WEBHOOK = "/mounted/api/video-editor/webhook";
/** Nothing is about to change: the next request is as late as it may be. */
const early = generating(0);
const MIN_INTERVAL_MS = 300;

describe("a notification", { timeout: 280_000 }, async () => {
  const callback = await startCallback();
  const { host, ask, pass, sentAt } = await laboratory({ after }, {
    TELL: "callback",
    CALLBACK: callback.url,
    poll: { minIntervalMs: MIN_INTERVAL_MS, maxIntervalMs: 10 * MINUTE_MS },
  });
  const notify = (/** @type {unknown} */ body, /** @type {RequestInit} */ init = {}) =>
    fetch(host.origin + WEBHOOK, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), ...init });
  const says = async (/** @type {Response} */ response) => [response.status, await response.text()];
  /** Watches a video to its first answer, and past the shortest pause, so that a hint can be followed at once. */
  const begin = async (/** @type {"" | "auto/"} */ kind, /** @type {string} */ id, /** @type {unknown[]} */ ...answers) => {
    scripts.set(id, inOrder(...answers));
    assert.equal((await fetch(`${host.origin}${BASE}/${kind}${id}/watch`, { method: "POST" })).status, 202);
    await pass(id, MIN_INTERVAL_MS, kind ? "auto" : "video");
    return /** @type {number} */ ((await sentAt(id))[0]);
  };

  for (const kind of /** @type {const} */ (["", "auto/"])) {
    it(`that is true makes the watcher of ${kind}true send a request at once`, async () => {
      const id = `true-${kind.length}`;
      const began = await begin(kind, id, early, done);
      assert.deepEqual(await says(await notify({ id, status: "DONE", url: "https://media.example/other.webm" })), [202, "{}"]);
      const [message] = await callback.about(id);
      assert.deepEqual(await sentAt(id), [began, began + MIN_INTERVAL_MS]);
      // What it says of the video is not believed.
      assert.equal(message?.video.url, done.url);
    });
  }

  it("is not followed before the server's Retry-After has passed", async () => {
    const began = await begin("", "resting", { status: 429, headers: { "retry-after": "3600" }, body: "" }, done);
    await notify({ videoId: "resting" });
    await pass("resting", 2 * HOUR_MS);
    assert.deepEqual(await sentAt("resting"), [began, began + HOUR_MS]);
  });

  it("that is forged changes nothing, and 500 of them cost one request at most", async () => {
    const began = await begin("", "forged", early);
    const latest = async () => {
      const { id, update } = await ask(`${BASE}/forged/update`);
      return { id, ...update };
    };
    const before = await latest();
    for (let round = 0; round < 10; round += 1) {
      const all = Array.from({ length: 50 }, () => notify({ id: "forged", status: "DONE", url: "https://evil.example/x.webm" }));
      for (const answer of await Promise.all(all)) assert.deepEqual(await says(answer), [202, "{}"]);
      await until(async () => (await sentAt("forged")).length >= 2);
      await pass("forged", MIN_INTERVAL_MS);
    }
    assert.deepEqual(await sentAt("forged"), [began, began + MIN_INTERVAL_MS], "one of them is followed, since any could be true");
    assert.deepEqual(await latest(), before);
    assert.ok(!callback.messages.some(({ id }) => id === "forged"));
  });

  it("about what is not watched sounds the same, and stores and requests nothing", async () => {
    const before = upstream.arrivals.length;
    for (let at = 0; at < 20; at += 1) assert.deepEqual(await says(await notify({ id: `unknown-${at}` })), [202, "{}"]);
    for (let at = 0; at < 20; at += 1) {
      for (const kind of /** @type {const} */ (["video", "auto"])) await pass(`unknown-${at}`, MIN_INTERVAL_MS, kind);
      assert.equal((await fetch(`${host.origin}${BASE}/unknown-${at}/update`)).status, 404);
    }
    assert.equal(upstream.arrivals.length, before);
    assert.ok(!host.stored().includes("unknown-"));
  });

  it("that cannot be read is refused", async () => {
    assert.equal((await notify("{")).status, 400);
    assert.equal((await notify("")).status, 400);
    assert.equal((await notify({ id: "../x" })).status, 400);
    assert.equal((await notify("x".repeat(1_048_577))).status, 413);
    assert.equal((await fetch(host.origin + WEBHOOK)).status, 405);
  });
});
