// @ts-check
/** Notifications: a true one is worth something, a forged one costs nothing and learns nothing. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { after, describe, it } from "node:test";
import { BASE } from "../edge/upstream.mjs";
import { done, generating } from "../node/scripted-server.mjs";
import { startCallback } from "./callback.mjs";
import { HOUR_MS, inOrder, laboratory, MINUTE_MS, requests, scripts, until, upstream } from "./visit.mjs";

const WEBHOOK = "/mounted/api/video-editor/webhook";
/** Nothing is about to change: the next request is as late as it may be. */
const early = generating(0);
const MIN_INTERVAL_MS = 300;

describe("a notification", { timeout: 280_000 }, async () => {
  const callback = await startCallback();
  const { host, ask, pass, hintAndWait, sentAt } = await laboratory({ after }, {
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

  it("that comes within a minute of another is followed when the minute is over", async () => {
    const began = await begin("", "second", early);
    await hintAndWait("second");
    await pass("second", 10_000);
    scripts.set("second", () => done);
    for (let times = 0; times < 3; times += 1) await hintAndWait("second");
    await pass("second", MINUTE_MS - 10_001);
    assert.equal((await sentAt("second")).length, 2);
    await pass("second", 1);
    assert.deepEqual(await sentAt("second"), [began, began + MIN_INTERVAL_MS, began + MIN_INTERVAL_MS + MINUTE_MS]);
    assert.equal((await callback.about("second"))[0]?.type, "done");
  });

  it("that comes during a request is followed by another request, as soon as that may be", async () => {
    /** @type {() => void} */
    let answer = () => {};
    const began = await begin("", "during", early);
    scripts.set("during", async (number) => {
      if (number > 2) return done;
      await new Promise((resolve) => (answer = () => resolve(undefined)));
      // It was true before the notification.
      return early;
    });
    const passing = pass("during", 10 * MINUTE_MS);
    await until(() => requests("during") === 2);
    await hintAndWait("during");
    answer();
    await passing;
    const [, second = NaN, third = NaN] = await sentAt("during");
    assert.ok(second - began > MINUTE_MS, "without it there would be none for long");
    assert.equal(third - second, MIN_INTERVAL_MS);
  });

  it("about what is not watched sounds the same, and stores and requests nothing", async () => {
    const before = upstream.arrivals.length;
    const files = new Set(host.files());
    for (let at = 0; at < 20; at += 1) assert.deepEqual(await says(await notify({ id: `unknown-${at}` })), [202, "{}"]);
    for (let at = 0; at < 20; at += 1) {
      for (const kind of /** @type {const} */ (["video", "auto"])) await pass(`unknown-${at}`, MIN_INTERVAL_MS, kind);
      assert.equal((await fetch(`${host.origin}${BASE}/unknown-${at}/update`)).status, 404);
    }
    assert.equal(upstream.arrivals.length, before);
    assert.ok(!host.stored().includes("unknown-"));
    // This host makes an empty database for each object that it wakes. What is written goes through its log.
    const logs = host.files().filter((file) => !files.has(file) && file.endsWith("-wal"));
    assert.equal(logs.length, 40);
    for (const log of logs) assert.equal(statSync(log).size, 0);
  });

  it("that cannot be read is refused", async () => {
    assert.equal((await notify("{")).status, 400);
    assert.equal((await notify("")).status, 400);
    assert.equal((await notify({ id: "../x" })).status, 400);
    assert.equal((await notify("x".repeat(1_048_577))).status, 413);
    assert.equal((await fetch(host.origin + WEBHOOK)).status, 405);
  });
});

describe("a notification where only those with a token count", { timeout: 280_000 }, async () => {
  const token = "token-of-the-webhook";
  const { host, pass, sentAt, watch } = await laboratory({ after }, { WEBHOOK_TOKEN: token, poll: { minIntervalMs: MIN_INTERVAL_MS, maxIntervalMs: 10 * MINUTE_MS } });
  const notify = async (/** @type {string} */ query, /** @type {string} */ id) => {
    const { status } = await fetch(`${host.origin}${WEBHOOK}${query}`, { method: "POST", body: JSON.stringify({ id }) });
    return status;
  };

  it("creates nothing, not even the host's empty file, without it", async () => {
    const before = host.files();
    for (const query of ["", "?token=", "?token=token-of-the-webhoo", `?token=${token}x`, "?token=another-token-of-some", `?other=${token}`]) {
      assert.equal(await notify(query, `nobody-${query.length}`), 403, query);
    }
    assert.deepEqual(host.files(), before);
  });

  it("hastens a request with it", async () => {
    await watch("known", () => early);
    await pass("known", MIN_INTERVAL_MS);
    assert.equal(await notify(`?token=${token}`, "known"), 202);
    await until(async () => (await sentAt("known")).length === 2);
  });

  it("is refused where the token is too short to be one", async () => {
    const { host } = await laboratory({ after }, { WEBHOOK_TOKEN: "short" });
    const { status, body } = await fetch(`${host.origin}${WEBHOOK}?token=short`, { method: "POST", body: "{}" }).then(async (response) => ({ status: response.status, body: await response.json() }));
    assert.deepEqual([status, body], [500, { error: "the token of notifications cannot work" }]);
    await until(() => /webhookToken must give a string of at least 16 characters/.test(host.log));
  });
});
