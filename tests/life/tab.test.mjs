// @ts-check
// A poll in a real tab over a real day: put behind another, frozen as in sleep, left and come back to, offline, and with
// a clock that is set. None of it may hang the poll, end it wrongly, or have it ask more than its pace allows.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createVideo, logOf, logWhen } from "../node/simulator.mjs";
import { ended, launch, openTab, record, serve, start } from "./browser.mjs";

/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
/** @type {import("puppeteer-core").Browser} */
let browser;
before(async () => void ([site, browser] = await Promise.all([serve(), launch()])));
after(async () => {
  await browser?.close();
  await site?.stop();
});

/** A tab of its own for a test. @param {import("node:test").TestContext} test */
async function tab(test) {
  const opened = await openTab(browser, site.origin);
  test.after(async () => {
    assert.deepEqual(opened.complaints, []);
    await opened.close();
  });
  return opened;
}

/** Puts another tab in front. @param {Awaited<ReturnType<typeof openTab>>} tab */
async function coverUp({ page, newTab }) {
  const other = await newTab();
  await other.bringToFront();
  await page.waitForFunction(() => document.visibilityState === "hidden", { polling: 50 });
}

/** The pauses between requests. @param {string} id */
async function pauses(id) {
  const { requests } = await logOf(id);
  return requests.slice(1).map(({ atMs }, at) => atMs - (requests[at]?.atMs ?? NaN));
}

/** Far from any answer for as long as a test runs. */
const LONG = { scenario: "slow-start", speed: 1 };
const PACE = { minIntervalMs: 300, maxIntervalMs: 500 };

describe("over a day,", { concurrency: 5, timeout: 240_000 }, () => {
  describe("a tab behind another", { concurrency: 4, timeout: 120_000 }, () => {
    it("gets its video, though its timers are throttled", async (test) => {
      const own = await tab(test);
      const { page } = own;
      await coverUp(own);
      const ticks = await page.evaluate(
        () =>
          new Promise((resolve) => {
            let count = 0;
            const until = performance.now() + 3_000;
            const tick = () => (performance.now() < until ? ((count += 1), setTimeout(tick, 10)) : resolve(count));
            tick();
          }),
      );
      assert.ok(Number(ticks) < 30, `no throttling: ${ticks} ticks`);
      const id = await createVideo({ scenario: "quick", speed: 20 });
      await start(page, id, { minIntervalMs: 20, maxIntervalMs: 50 });
      const { end } = await ended(page, id, 30_000);
      assert.equal(end, "done");
      assert.equal((await logOf(id)).maxInFlight, 1);
    });

    it("keeps its deadline to the second or so that such a timer is late", async (test) => {
      const own = await tab(test);
      const { page } = own;
      await coverUp(own);
      const id = await createVideo(LONG);
      await start(page, id, { ...PACE, timeoutMs: 2_500 });
      const { end, tookMs = NaN } = await ended(page, id);
      assert.equal(end, "timeout");
      test.diagnostic(`ended after ${tookMs.toFixed(0)} ms`);
      assert.ok(tookMs >= 2_400 && tookMs < 6_000, `${tookMs} ms`);
    });

    it("asks at once when it comes back to the front", async (test) => {
      const own = await tab(test);
      const { page } = own;
      const id = await createVideo(LONG);
      await start(page, id, { minIntervalMs: 200, maxIntervalMs: 60_000 });
      await logWhen(id, (log) => log.requests.length >= 1 && log.inFlight === 0);
      await coverUp(own);
      await sleep(1_500);
      const { requests } = await logOf(id);
      await page.bringToFront();
      const shown = performance.now();
      await logWhen(id, (log) => log.requests.length > requests.length);
      test.diagnostic(`asked ${(performance.now() - shown).toFixed(0)} ms after`);
    });
  });

  describe("a page that is frozen, as in sleep,", { concurrency: 4, timeout: 120_000 }, () => {
    /** @param {import("node:test").TestContext} test */
    async function freezable(test) {
      const opened = await tab(test);
      await coverUp(opened);
      return {
        ...opened,
        freeze: () => opened.devtools.send("Page.setWebLifecycleState", { state: "frozen" }),
        async thaw() {
          await opened.devtools.send("Page.setWebLifecycleState", { state: "active" });
          await opened.page.bringToFront();
        },
      };
    }

    it("for longer than its pace, asks once when it wakes, and goes on at its pace", async (test) => {
      const { page, freeze, thaw } = await freezable(test);
      const id = await createVideo(LONG);
      await start(page, id, PACE);
      await logWhen(id, (log) => log.requests.length >= 2 && log.inFlight === 0);
      await freeze();
      await sleep(300);
      const asleep = (await logOf(id)).requests.length;
      await sleep(4_000);
      assert.ok((await logOf(id)).requests.length <= asleep, "it asks in its sleep");
      await thaw();
      await logWhen(id, (log) => log.requests.length >= asleep + 4);
      const after = (await pauses(id)).slice(asleep);
      // The first comes at once; what was slept through is not made up for.
      assert.ok(after.every((pause) => pause >= PACE.minIntervalMs - 20), JSON.stringify(after));
      const { end } = await record(page, id);
      assert.equal(end, undefined);
    });

    it("while the video is finished, has it soon after it wakes", async (test) => {
      const { page, freeze, thaw } = await freezable(test);
      const id = await createVideo({ scenario: "quick", speed: 10 });
      await start(page, id, { minIntervalMs: 200, maxIntervalMs: 400 });
      await logWhen(id, (log) => log.requests.length >= 1);
      await freeze();
      await sleep(3_000);
      await thaw();
      assert.equal((await ended(page, id)).end, "done");
    });

    it("beyond its deadline, times out when it wakes, with a token that goes on", async (test) => {
      const { page, freeze, thaw } = await freezable(test);
      const id = await createVideo({ scenario: "quick", speed: 10 });
      await start(page, id, { minIntervalMs: 60_000, maxIntervalMs: 60_000, timeoutMs: 2_000 });
      await logWhen(id, (log) => log.requests.length === 1 && log.inFlight === 0);
      await freeze();
      await sleep(4_000);
      assert.equal((await record(page, id)).end, undefined);
      await thaw();
      const { end, token } = await ended(page, id);
      assert.equal(end, "timeout");
      const asked = (await logOf(id)).requests.length;
      await page.evaluate((id, resumeToken) => {
        const { own, polls } = /** @type {any} */ (globalThis);
        delete polls[id];
        const resumed = own.poll(id, { resumeToken, minIntervalMs: 50, maxIntervalMs: 100 });
        polls[id] = { poll: resumed, statuses: [] };
        resumed.done.then(() => (polls[id].end = "done"), (/** @type {any} */ error) => (polls[id].end = error.code));
      }, id, token);
      assert.equal((await ended(page, id)).end, "done");
      assert.ok((await logOf(id)).requests.length > asked);
    });

    it("between the headers and the body of an answer, asks anew when it wakes: that body never comes", async (test) => {
      const { page, freeze, thaw } = await freezable(test);
      // Holds the page's thread when the headers are there, so that the body and the freezing are both due when it lets go.
      await page.evaluate(() => {
        const { fetch } = globalThis;
        globalThis.fetch = async (...given) => {
          const answer = await fetch(...given);
          globalThis.fetch = fetch;
          for (const until = performance.now() + 500; performance.now() < until; );
          return answer;
        };
      });
      const id = await createVideo({ scenario: "quick", speed: 20 });
      await start(page, id, { minIntervalMs: 50, maxIntervalMs: 100, maxConsecutiveFailures: 1 });
      await logWhen(id, (log) => log.requests.length === 1 && log.inFlight === 0);
      await sleep(150);
      await freeze();
      await sleep(1_000);
      await thaw();
      assert.equal((await ended(page, id, 15_000)).end, "done");
      assert.equal((await logOf(id)).maxInFlight, 1);
    });

    it("while a request is in flight, hangs on none", async (test) => {
      const { page, freeze, thaw } = await freezable(test);
      const id = await createVideo({ scenario: "quick", speed: 20, latencyMs: 700 });
      await start(page, id, { minIntervalMs: 50, maxIntervalMs: 100 });
      await logWhen(id, (log) => log.inFlight === 1);
      await freeze();
      await sleep(2_500);
      await thaw();
      assert.equal((await ended(page, id, 30_000)).end, "done");
    });
  });

  describe("a page that is left and come back to", { concurrency: 4, timeout: 120_000 }, () => {
    it("goes on out of the back/forward cache, and ends rightly", async (test) => {
      const { page } = await tab(test);
      const id = await createVideo({ scenario: "quick", speed: 5 });
      await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => Object.assign(globalThis, { persisted })));
      await start(page, id, { minIntervalMs: 300, maxIntervalMs: 500 });
      await logWhen(id, (log) => log.requests.length >= 2 && log.inFlight === 0);
      await page.goto(`${site.origin}/another`);
      await sleep(400);
      const away = (await logOf(id)).requests.length;
      await sleep(1_500);
      assert.equal((await logOf(id)).requests.length, away, "a page in the cache asks nothing");
      await page.goBack();
      assert.equal(await page.evaluate("persisted"), true, "it came out of the cache");
      assert.equal((await ended(page, id)).end, "done");
    });

    it("goes on though it was left in the middle of a request", async (test) => {
      const { page } = await tab(test);
      const id = await createVideo({ scenario: "quick", speed: 20, latencyMs: 600 });
      await start(page, id, { minIntervalMs: 50, maxIntervalMs: 100 });
      await logWhen(id, (log) => log.inFlight === 1);
      const { token } = await record(page, id);
      await page.goto(`${site.origin}/another`);
      await sleep(1_000);
      await page.goBack();
      // The browser may keep the page or throw it away; then a token does what the cache did not.
      const kept = await page.evaluate((id) => Boolean(/** @type {any} */ (globalThis).polls?.[id]), id);
      test.diagnostic(kept ? "kept in the cache" : "thrown away, and resumed by token");
      if (!kept) {
        await page.evaluate(async () => {
          const { VideoClient } = await import(/** @type {any} */ ("/package/index.js"));
          Object.assign(globalThis, { own: new VideoClient({ baseUrl: "/" }), polls: {} });
        });
        await start(page, id, { resumeToken: token, minIntervalMs: 50, maxIntervalMs: 100 });
      }
      assert.equal((await ended(page, id, 30_000)).end, "done");
    });
  });

  describe("a page without a network", { concurrency: 4, timeout: 120_000 }, () => {
    it("burns no failures, and asks at once when it is back", async (test) => {
      const { page } = await tab(test);
      const id = await createVideo(LONG);
      await start(page, id, { ...PACE, maxConsecutiveFailures: 2 });
      await logWhen(id, (log) => log.requests.length >= 2 && log.inFlight === 0);
      await page.setOfflineMode(true);
      await sleep(6_000);
      const offline = await record(page, id);
      assert.equal(offline.end, undefined, "it gave up");
      const { requests } = await logOf(id);
      await page.setOfflineMode(false);
      const back = performance.now();
      await logWhen(id, (log) => log.requests.length > requests.length);
      const tookMs = performance.now() - back;
      test.diagnostic(`asked ${tookMs.toFixed(0)} ms after, ${offline.requests} requests before`);
      assert.ok(tookMs < 2_000, `${tookMs} ms`);
      assert.equal((await record(page, id)).end, undefined);
    });

    it("keeps its deadline", async (test) => {
      const { page } = await tab(test);
      const id = await createVideo(LONG);
      await start(page, id, { ...PACE, timeoutMs: 2_000 });
      await logWhen(id, (log) => log.requests.length >= 1);
      await page.setOfflineMode(true);
      const { end, tookMs = NaN } = await ended(page, id);
      await page.setOfflineMode(false);
      assert.equal(end, "timeout");
      assert.ok(tookMs < 4_000, `${tookMs} ms`);
    });
  });

  describe("a wall clock that is set", { concurrency: 4, timeout: 120_000 }, () => {
    const HOUR = 3_600_000;
    for (const [name, by] of Object.entries({ "an hour on": HOUR, "an hour back": -HOUR, "a day on": 24 * HOUR, "a day back": -24 * HOUR })) {
      it(`${name} changes neither pace nor deadline nor what is told`, async (test) => {
        const { page } = await tab(test);
        const [quick, endless] = await Promise.all([createVideo({ scenario: "quick", speed: 10 }), createVideo(LONG)]);
        await start(page, quick, { minIntervalMs: 100, maxIntervalMs: 200 });
        await start(page, endless, { ...PACE, timeoutMs: 2_500 });
        await logWhen(endless, (log) => log.requests.length >= 2);
        await page.evaluate((by) => {
          const Real = Date;
          globalThis.Date = /** @type {any} */ (
            class extends Real {
              /** @param {any[]} given */
              constructor(...given) {
                super(...(given.length ? /** @type {[any]} */ (given) : /** @type {[any]} */ ([Real.now() + by])));
              }
              static now() {
                return Real.now() + by;
              }
            }
          );
        }, by);
        assert.equal((await ended(page, quick)).end, "done");
        const { end, tookMs = NaN } = await ended(page, endless);
        assert.equal(end, "timeout");
        assert.ok(tookMs >= 2_400 && tookMs < 4_500, `${tookMs} ms`);
        const kept = await pauses(endless);
        assert.ok(kept.every((pause) => pause >= PACE.minIntervalMs - 20 && pause < 2_000), JSON.stringify(kept));
        const elapsed = await page.evaluate((id) => /** @type {any} */ (globalThis).polls[id].poll.current.elapsedMs, quick);
        assert.ok(elapsed >= 0 && elapsed < 20_000, `${elapsed} ms told`);
      });
    }
  });
});
