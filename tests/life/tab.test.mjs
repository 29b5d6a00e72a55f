// @ts-check
// A poll in a real tab over a day: put behind another, frozen as in sleep, left and come back to, and offline. Shown here is
// what only a browser can show: which events it has for that, and what becomes of a request meanwhile. What a poll makes
// of them, and when, is in `tests/node/page.test.mjs`, in virtual time; spans are measured in `tab.full.test.mjs`.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { coverUp, done, ended, gate, launch, openTab, pending, record, serve, start, updated } from "./browser.mjs";

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

const PACE = { minIntervalMs: 50, maxIntervalMs: 100 };
/** By itself the next request would come in five hours. */
const FAR = { minIntervalMs: 1, maxIntervalMs: 36_000_000, timeoutMs: 360_000_000 };
/** @param {{ number: number }} request */
const doneAtSecond = ({ number }) => (number === 1 ? pending : done);

describe("in a real tab,", { concurrency: 4, timeout: 200_000 }, () => {
  it("behind another, a poll gets its video and keeps its deadline, though timers are throttled, and back in front it sends a request at once", async (test) => {
    const own = await tab(test);
    const [video, endless, far] = [site.video(({ number }) => (number < 4 ? pending : done)), site.video(() => pending), site.video(doneAtSecond)];
    await coverUp(own);
    await start(own.page, video.id, PACE);
    await start(own.page, endless.id, { ...PACE, timeoutMs: 500 });
    await start(own.page, far.id, FAR);
    assert.equal((await ended(own.page, video.id)).end, "done");
    assert.equal((await ended(own.page, endless.id)).end, "timeout");
    await updated(own.page, far.id, "status", "PENDING");
    await own.page.bringToFront();
    assert.equal((await ended(own.page, far.id)).end, "done");
    for (const { maxInFlight } of [video, endless, far]) assert.equal(maxInFlight, 1);
  });

  describe("frozen as in sleep,", { concurrency: 4 }, () => {
    it("a poll has its video as soon as it wakes, whether it slept, waited for a response or got one meanwhile", async (test) => {
      const own = await tab(test);
      const { opened, open } = gate();
      test.after(open);
      const asleep = site.video(doneAtSecond);
      const answered = site.video(({ number }) => (number === 1 ? opened.then(() => pending) : done));
      const silent = site.video(({ number }) => (number === 1 ? new Promise(() => {}) : done));
      const videos = [asleep, answered, silent];
      for (const { id } of videos) await start(own.page, id, { ...FAR, maxConsecutiveFailures: 1 });
      await updated(own.page, asleep.id, "status", "PENDING");
      for (const video of videos) await video.until(({ requests }) => requests.length === 1);
      await coverUp(own);
      await own.freeze();
      open();
      await answered.until(({ requests }) => !requests[0]?.isOpen);
      for (const { id } of videos) assert.equal((await record(own.page, id)).end, undefined);
      await own.thaw();
      for (const { id } of videos) assert.equal((await ended(own.page, id)).end, "done");
    });

    it("between the headers and the body of a response, a poll sends its request anew when it wakes: that body never comes", async (test) => {
      const own = await tab(test);
      const { opened, open } = gate();
      test.after(open);
      const blocker = site.video(() => opened);
      await coverUp(own);
      // Holds the page's thread when the headers are there, so that the body and the freezing are both due when it lets go.
      await own.page.evaluate((id) => {
        const { fetch } = globalThis;
        globalThis.fetch = async (...given) => {
          const response = await fetch(...given);
          globalThis.fetch = fetch;
          const request = new XMLHttpRequest();
          request.open("GET", `/api/${id}`, false);
          request.send();
          return response;
        };
      }, blocker.id);
      const video = site.video(({ number }) => (number < 4 ? pending : done));
      await start(own.page, video.id, { ...PACE, maxConsecutiveFailures: 1 });
      await blocker.until(({ requests }) => requests.length === 1);
      const frozen = own.freeze();
      // The browser takes one word after the other: when it has answered this one, it has passed on that one.
      await browser.version();
      open();
      await frozen;
      await own.thaw();
      assert.equal((await ended(own.page, video.id)).end, "done");
      assert.equal(video.maxInFlight, 1);
    });
  });

  describe("left and come back to,", { concurrency: 4 }, () => {
    it("a poll goes on out of the back/forward cache, and ends rightly", async (test) => {
      const { page } = await tab(test);
      const video = site.video(doneAtSecond);
      await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => Object.assign(globalThis, { persisted })));
      await start(page, video.id, FAR);
      await updated(page, video.id, "status", "PENDING");
      await page.goto(`${site.origin}/another`);
      assert.equal(video.requests.length, 1);
      await page.goBack();
      assert.equal(await page.evaluate("persisted"), true, "it came out of the cache");
      assert.equal((await ended(page, video.id)).end, "done");
    });

    it("a poll goes on though it was left in the middle of a request", async (test) => {
      const { page } = await tab(test);
      const { opened, open } = gate();
      test.after(open);
      const video = site.video(({ number }) => (number === 1 ? opened.then(() => pending) : done));
      await start(page, video.id, PACE);
      await video.until(({ requests }) => requests.length === 1);
      const { token } = await record(page, video.id);
      await page.goto(`${site.origin}/another`);
      open();
      await video.until(({ requests }) => !requests[0]?.isOpen);
      await page.goBack();
      // The browser may keep the page or throw it away; then a token does what the cache did not.
      const kept = await page.evaluate((id) => Boolean(/** @type {any} */ (globalThis).polls?.[id]), video.id);
      test.diagnostic(kept ? "kept in the cache" : "thrown away, and resumed by token");
      if (!kept) {
        await page.evaluate(async () => {
          const { VideoClient } = await import(/** @type {any} */ ("/package/index.js"));
          Object.assign(globalThis, { own: new VideoClient({ baseUrl: "/" }), polls: {} });
        });
        await start(page, video.id, { ...PACE, resumeToken: token });
      }
      assert.equal((await ended(page, video.id)).end, "done");
    });
  });

  it("without a network, a poll burns no failures, and sends a request at once when it is back", async (test) => {
    const { page } = await tab(test);
    let isBack = false;
    const [busy, far] = [site.video(() => (isBack ? done : pending)), site.video(doneAtSecond)];
    await page.evaluate(() => {
      const { fetch } = globalThis;
      /** @type {any} */ (globalThis).failed = 0;
      globalThis.fetch = (...given) => {
        const called = fetch(...given);
        called.catch(() => void (/** @type {any} */ (globalThis).failed += 1));
        return called;
      };
    });
    await start(page, busy.id, { ...PACE, maxConsecutiveFailures: 2 });
    await start(page, far.id, FAR);
    for (const { id } of [busy, far]) await updated(page, id, "status", "PENDING");
    await page.setOfflineMode(true);
    await page.waitForFunction("failed > 4 && !navigator.onLine");
    for (const { id } of [busy, far]) assert.equal((await record(page, id)).end, undefined);
    isBack = true;
    await page.setOfflineMode(false);
    for (const { id } of [busy, far]) assert.equal((await ended(page, id)).end, "done");
  });
});
