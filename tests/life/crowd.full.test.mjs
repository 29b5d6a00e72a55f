// @ts-check
// A page that waits for very many videos at once stays at hand. That all of them end, and at which pace, is in
// `tests/node/page.test.mjs`, in virtual time.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { done, generating, launch, openTab, pending, serve } from "./browser.mjs";

/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
/** @type {import("puppeteer-core").Browser} */
let browser;
before(async () => void ([site, browser] = await Promise.all([serve(), launch()])));
after(async () => {
  await browser?.close();
  await site?.stop();
});

describe("a page with a thousand polls at once", { timeout: 200_000 }, () => {
  it("ends them all, at one pace, without holding its thread", async (test) => {
    const { page, devtools } = await openTab(browser, site.origin);
    await devtools.send("Performance.enable");
    const videos = Array.from({ length: 1_000 }, () => site.video(({ number }) => [pending, generating(1), generating(2)][number - 1] ?? done));
    const ids = videos.map(({ id }) => id);
    const busy = async () => {
      const { metrics } = await devtools.send("Performance.getMetrics");
      const of = (/** @type {string} */ name) => metrics.find((metric) => metric.name === name)?.value ?? NaN;
      return { task: of("TaskDuration"), script: of("ScriptDuration"), at: of("Timestamp") };
    };
    const from = await busy();
    const told = await page.evaluate(async (ids) => {
      /** @type {number[]} */
      const tasks = [];
      new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
      const { own } = /** @type {any} */ (globalThis);
      const settled = await own.waitForVideos(ids, { concurrency: 6, minIntervalMs: 500, maxIntervalMs: 2_000 });
      /** @type {Record<string, number>} */
      const ends = {};
      for (const { status, reason } of settled) ends[reason?.code ?? status] = (ends[reason?.code ?? status] ?? 0) + 1;
      const requests = settled.map((/** @type {any} */ { value }) => value?.requests ?? 0);
      return { ends, tasks, most: Math.max(...requests), requests: requests.reduce((/** @type {number} */ sum, /** @type {number} */ count) => sum + count, 0) };
    }, ids);
    const to = await busy();
    const seconds = to.at - from.at;
    const longest = Math.max(0, ...told.tasks);
    test.diagnostic(
      `${seconds.toFixed(1)} s, ${told.requests} requests, at most ${told.most} for a video; busy ${((100 * (to.task - from.task)) / seconds).toFixed(1)} %, ` +
        `of it scripts ${((100 * (to.script - from.script)) / seconds).toFixed(1)} %; ${told.tasks.length} long tasks, the longest ${longest.toFixed(0)} ms`,
    );
    assert.deepEqual(told.ends, { fulfilled: 1_000 });
    assert.ok(videos.every(({ maxInFlight }) => maxInFlight === 1));
    // Each asks at most once in its shortest pause, and all of them together no more than that.
    assert.ok(told.requests < 1_000 * (2 + seconds / 0.5), `${told.requests} requests in ${seconds} s`);
    assert.ok(longest < 1_000, `a task of ${longest} ms`);
  });
});
