// @ts-check
// How long things take in real tabs: throttled timers, sleep, a way back, and a turn that is handed over. On a machine that
// does little else; the gate has the same promises without spans in `tab.test.mjs`, `tabs.test.mjs` and `tests/node`.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { coverUp, done, ended, generating, launch, openTab, pending, record, serve, start, updated } from "./browser.mjs";

/** @typedef {import("./browser.mjs").Video} Video */

/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
/** @type {import("puppeteer-core").Browser} */
let browser;
before(async () => void ([site, browser] = await Promise.all([serve(), launch()])));
after(async () => {
  await browser?.close();
  await site?.stop();
});

const PACE = { minIntervalMs: 300, maxIntervalMs: 500 };
/** Of the wire and a busy machine. */
const SLACK_MS = 60;
/** Of a few windows on it, all at work. */
const HANDOVER_SLACK_MS = 1_000;

/** @param {import("node:test").TestContext} test */
async function tab(test) {
  const opened = await openTab(browser, site.origin);
  test.after(() => opened.close());
  return opened;
}

/** @param {Video} video */
const pauses = ({ requests }) => requests.slice(1).map(({ atMs }, at) => atMs - (requests[at]?.atMs ?? NaN));

/** How long it takes until the next request. @param {Video} video */
async function untilNext(video) {
  const [from, { length }] = [performance.now(), video.requests];
  await video.until(({ requests }) => requests.length > length);
  return performance.now() - from;
}

describe("in a real tab", { timeout: 250_000 }, () => {
  it("behind another timers are throttled, and a poll keeps its deadline to the second or so that such a timer is late", async (test) => {
    const own = await tab(test);
    await coverUp(own);
    const ticks = await own.page.evaluate(
      () =>
        new Promise((resolve) => {
          let count = 0;
          const until = performance.now() + 3_000;
          const tick = () => (performance.now() < until ? ((count += 1), setTimeout(tick, 10)) : resolve(count));
          tick();
        }),
    );
    assert.ok(Number(ticks) < 30, `no throttling: ${ticks} ticks`);
    const video = site.video(() => pending);
    await start(own.page, video.id, { ...PACE, timeoutMs: 2_500 });
    const { end, tookMs } = await ended(own.page, video.id);
    assert.equal(end, "timeout");
    test.diagnostic(`ended after ${tookMs.toFixed(0)} ms`);
    assert.ok(tookMs >= 2_400 && tookMs < 6_000, `${tookMs} ms`);
  });

  it("frozen, a poll sends nothing in its sleep, and goes on at its pace when it wakes", async (test) => {
    const own = await tab(test);
    await coverUp(own);
    const video = site.video(() => pending);
    await start(own.page, video.id, PACE);
    await updated(own.page, video.id, "status", "PENDING");
    await own.freeze();
    await sleep(300);
    const { length } = video.requests;
    await sleep(4_000);
    assert.equal(video.requests.length, length, "it sends requests in its sleep");
    await own.thaw();
    await own.page.bringToFront();
    await video.until(({ requests }) => requests.length >= length + 4);
    const after = pauses(video).slice(length);
    assert.ok(after.every((pause) => pause >= PACE.minIntervalMs - SLACK_MS), `${after}`);
  });

  it("in the back/forward cache, a poll sends nothing", async (test) => {
    const { page } = await tab(test);
    const video = site.video(() => pending);
    await start(page, video.id, PACE);
    await updated(page, video.id, "status", "PENDING");
    await page.goto(`${site.origin}/another`);
    await sleep(400);
    const { length } = video.requests;
    await sleep(1_500);
    assert.equal(video.requests.length, length);
  });

  it("without a network, a poll keeps its deadline, and sends a request soon after it is back", async (test) => {
    const { page } = await tab(test);
    const [video, short] = [site.video(() => pending), site.video(() => pending)];
    await start(page, video.id, { ...PACE, maxConsecutiveFailures: 2 });
    await start(page, short.id, { ...PACE, timeoutMs: 2_000 });
    await updated(page, video.id, "status", "PENDING");
    await page.setOfflineMode(true);
    const { end, tookMs } = await ended(page, short.id);
    assert.equal(end, "timeout");
    assert.ok(tookMs < 4_000, `${tookMs} ms`);
    await sleep(4_000);
    assert.equal((await record(page, video.id)).end, undefined);
    const next = untilNext(video);
    await page.setOfflineMode(false);
    test.diagnostic(`a request ${(await next).toFixed(0)} ms after`);
    assert.ok((await next) < 2_000);
  });
});

describe("real tabs of one origin", { timeout: 250_000 }, () => {
  /** @param {import("node:test").TestContext} test @param {number} count */
  async function open(test, count) {
    const context = await browser.createBrowserContext();
    test.after(() => context.close());
    const tabs = [];
    for (let at = 0; at < count; at += 1) tabs.push(await openTab(browser, site.origin, { options: { acrossTabs: true }, context }));
    return tabs;
  }

  it("keep their pace between them", async (test) => {
    const tabs = await open(test, 5);
    const video = site.video(({ number }) => (number < 30 ? generating(number) : done));
    await Promise.all(tabs.map(({ page }) => start(page, video.id, PACE)));
    for (const { page } of tabs) assert.equal((await ended(page, video.id)).end, "done");
    const each = pauses(video).slice(0, 29);
    test.diagnostic(`shortest pause ${Math.min(...each).toFixed(0)} ms`);
    assert.ok(each.every((pause) => pause >= PACE.minIntervalMs - SLACK_MS), `${each}`);
  });

  for (const latencyMs of [0, 400]) {
    it(`go on within the interval and a second when the one that sends the requests is frozen or closed, with ${latencyMs} ms for a response, and are silent when all are`, async (test) => {
      let tabs = await open(test, 4);
      const video = site.video(({ number }) => sleep(latencyMs, generating(number)));
      await Promise.all(tabs.map(({ page }) => start(page, video.id, PACE)));
      await video.until(({ requests }) => requests.length >= 4);
      for (const how of ["frozen", "closed", "closed"]) {
        await untilNext(video);
        const left = tabs.find(({ name }) => name === video.requests.at(-1)?.tab);
        assert.ok(left);
        if (latencyMs === 0) await sleep(100);
        tabs = tabs.filter((tab) => tab !== left);
        const waited = untilNext(video);
        await (how === "closed" ? left.page.close() : left.freeze());
        test.diagnostic(`${how}: ${(await waited).toFixed()} ms`);
        assert.ok((await waited) <= PACE.maxIntervalMs + 1_200 + HANDOVER_SLACK_MS, `${how}: ${await waited} ms`);
      }
      for (const { page } of tabs) await page.close();
      // What left just before may be on its way.
      await sleep(500);
      const { length } = video.requests;
      await sleep(2_500);
      assert.equal(video.requests.length, length, "a request followed");
    });
  }
});
