// @ts-check
/**
 * A poll in a page over a day: behind another tab, frozen as in sleep, offline, and with a clock that is set. What a poll
 * makes of what the browser says is shown here in virtual time; that a browser says so is shown in `tests/life`.
 */

import { clock } from "./virtual.mjs";
import { openBrowser } from "./virtual-tabs.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** @typedef {ReturnType<typeof openBrowser>} Browser */

const PACE = { minIntervalMs: 300, maxIntervalMs: 500 };
const FAR = { minIntervalMs: 200, maxIntervalMs: 60_000 };
/** At once: what is on its way takes so long. */
const HOP_MS = 1;
const HOUR = 3_600_000;

/** @param {Browser} browser */
const pauses = ({ requests }) => requests.slice(1).map(({ atMs }, at) => atMs - (requests[at]?.atMs ?? NaN));

/** A page for a test, and the browser it is in. @param {import("node:test").TestContext} test @param {Parameters<typeof openBrowser>[0]} [how] */
async function openPage(test, how) {
  const browser = openBrowser(how);
  const page = await browser.open({ acrossTabs: false });
  test.after(() => page.close());
  return { browser, page };
}

/** Done after so long. @param {number} ms */
const doneAfter = (ms) => (/** @type {number} */ now) => now < ms ? { status: "PENDING" } : { status: "DONE", url: "https://media.example/video.webm" };

describe("a page behind another tab", () => {
  it("sends a request at once when it comes back to the front, and none when it goes behind", async (test) => {
    const { browser, page } = await openPage(test);
    page.poll("v", FAR);
    await sleep(1_000);
    page.cover(true);
    await sleep(1_000);
    assert.equal(browser.requests.length, 1);
    page.cover(false);
    await sleep(HOP_MS);
    assert.equal(browser.requests.length, 2);
  });

  it("sends it no sooner than its shortest pause allows, and no more than one however often it comes and goes", async (test) => {
    const { browser, page } = await openPage(test);
    page.poll("v", { minIntervalMs: 5_000, maxIntervalMs: 60_000 });
    await sleep(1_000);
    for (let round = 0; round < 20; round += 1) {
      page.cover(true);
      page.cover(false);
      await sleep(10);
    }
    await sleep(10_000);
    assert.deepEqual(pauses(browser), [5_000]);
  });

  it("keeps its deadline", async (test) => {
    const { browser, page } = await openPage(test);
    page.cover(true);
    const poll = page.poll("v", { ...PACE, timeoutMs: 2_500 });
    const startedAt = performance.now();
    assert.equal(await poll.end, "timeout");
    assert.equal(performance.now() - startedAt, 2_500);
    assert.equal(await browser.requestAfter(HOUR), undefined);
  });
});

describe("a page that is frozen, as in sleep,", () => {
  it("for longer than its pace, sends one request when it wakes, and goes on at its pace", async (test) => {
    const { browser, page } = await openPage(test);
    page.poll("v", PACE);
    await sleep(1_000);
    const { length } = browser.requests;
    page.freeze();
    await sleep(HOUR / 10);
    assert.equal(browser.requests.length, length, "it sends requests in its sleep");
    page.thaw();
    await sleep(HOP_MS);
    assert.equal(browser.requests.length, length + 1);
    await sleep(5_000);
    const after = pauses(browser).slice(length);
    // What was slept through is not made up for.
    assert.ok(after.length >= 9 && after.every((pause) => pause >= PACE.minIntervalMs && pause <= PACE.maxIntervalMs + HOP_MS), `${after}`);
  });

  it("while the video is finished, has it as soon as it wakes", async (test) => {
    const { page } = await openPage(test, { says: doneAfter(1_000) });
    const { end } = page.poll("v", PACE);
    await sleep(700);
    page.freeze();
    await sleep(10_000);
    page.thaw();
    const wokeAt = performance.now();
    assert.equal(await end, "done");
    assert.equal(performance.now() - wokeAt, HOP_MS);
  });

  it("beyond its deadline, times out when it wakes, with a token that goes on", async (test) => {
    const { browser, page } = await openPage(test, { says: doneAfter(5_000) });
    const poll = page.poll("v", { minIntervalMs: 60_000, maxIntervalMs: 60_000, timeoutMs: 2_000 });
    await sleep(1_000);
    page.freeze();
    await sleep(4_500);
    assert.equal(await Promise.race([poll.end, "none"]), "none");
    page.thaw();
    assert.equal(await poll.end, "timeout");
    const { length } = browser.requests;
    const resumed = page.poll("v", { ...PACE, resumeToken: poll.resumeToken() });
    assert.equal(await resumed.end, "done");
    assert.ok(browser.requests.length > length);
    assert.equal(resumed.updates.at(-1)?.update.requests, browser.requests.length);
  });

  it("while a request is in flight, takes it for lost when it wakes, as no failure, and sends it anew", async (test) => {
    const { browser, page } = await openPage(test, { latencyMs: 700, says: doneAfter(500) });
    const { end, updates } = page.poll("v", { ...PACE, maxConsecutiveFailures: 1 });
    await sleep(100);
    page.freeze();
    await sleep(10_000);
    page.thaw();
    assert.equal(await end, "done");
    assert.equal(browser.traffic.maxInFlight, 1);
    assert.deepEqual(updates.map(({ update }) => update.status), ["DONE"]);
  });
});

describe("a page without a network", () => {
  it("burns no failures, tries no more often than its pace, and sends a request at once when it is back", async (test) => {
    const { browser, page } = await openPage(test);
    const { end, updates } = page.poll("v", { minIntervalMs: 3_000, maxIntervalMs: 5_000, maxConsecutiveFailures: 2 });
    await sleep(100);
    page.connect(false);
    await sleep(60_000);
    assert.ok(page.refusals >= 10 && page.refusals <= 20, `${page.refusals}`);
    assert.equal(await Promise.race([end, "none"]), "none");
    assert.equal(updates.at(-1)?.update.retrying, "network");
    const { length } = browser.requests;
    // In the middle of a pause whose shortest part is over.
    const { refusals } = page;
    while (page.refusals === refusals) await sleep(100);
    await sleep(3_500);
    assert.equal(browser.requests.length, length);
    page.connect(true);
    await sleep(HOP_MS);
    assert.equal(browser.requests.length, length + 1);
    await sleep(100);
    assert.equal(updates.at(-1)?.update.retrying, undefined);
  });

  it("keeps its deadline", async (test) => {
    const { page } = await openPage(test);
    const { end } = page.poll("v", { ...PACE, timeoutMs: 2_000 });
    await sleep(100);
    page.connect(false);
    assert.equal(await end, "timeout");
  });
});

describe("a page with a thousand polls at once", () => {
  it("ends them all, each at the pace for all, with four requests in flight", async (test) => {
    const { browser, page } = await openPage(test, { latencyMs: 20, says: doneAfter(3_000) });
    const ids = Array.from({ length: 1_000 }, (_, at) => `v${at}`);
    /** @type {PromiseSettledResult<unknown>[]} */
    const settled = await page.run(() => page.client.waitForVideos(ids, { concurrency: 4, minIntervalMs: 500, maxIntervalMs: 2_000 }));
    assert.ok(settled.every(({ status }) => status === "fulfilled"));
    assert.equal(browser.traffic.maxInFlight, 4);
    /** @type {Map<string, number>} */
    const last = new Map();
    for (const { id, atMs } of browser.requests) {
      const pause = atMs - (last.get(id) ?? -Infinity);
      assert.ok(pause >= 500, `${pause} ms between two requests for ${id}`);
      last.set(id, atMs);
    }
    // None of four is ever idle, but at the end.
    const spanMs = (browser.requests.at(-1)?.atMs ?? NaN) - (browser.requests[0]?.atMs ?? NaN);
    assert.ok(spanMs <= (browser.requests.length / 4) * 21 + 2_000, `${browser.requests.length} requests in ${spanMs} ms`);
  });
});

describe("a wall clock that is set", () => {
  for (const [name, by] of Object.entries({ "an hour on": HOUR, "an hour back": -HOUR, "a day on": 24 * HOUR, "a day back": -24 * HOUR })) {
    it(`${name} changes neither pace nor deadline nor what is told`, async (test) => {
      const { browser, page } = await openPage(test, { says: doneAfter(6_000) });
      const quick = page.poll("quick", PACE);
      const short = page.poll("short", { ...PACE, timeoutMs: 2_500 });
      const startedAt = performance.now();
      await sleep(1_000);
      const wall = Date.now();
      clock.setSystemTime(wall + by);
      assert.deepEqual([performance.now() - startedAt, Date.now() - wall], [1_000, by]);
      assert.equal(await short.end, "timeout");
      assert.equal(performance.now() - startedAt, 2_500);
      assert.equal(await quick.end, "done");
      const last = quick.updates.at(-1);
      assert.equal(last?.update.elapsedMs, (last?.atMs ?? NaN) - startedAt);
      const each = pauses({ ...browser, requests: browser.requests.filter(({ id }) => id === "quick") });
      assert.ok(each.every((pause) => pause >= PACE.minIntervalMs && pause <= PACE.maxIntervalMs + HOP_MS), `${each}`);
    });
  }
});
