// @ts-check
// Real tabs of one origin that wait for the same video: they send one request at a time between them, and one goes on
// where another left. How soon, in which order and with what a browser may lack is in `tests/node/tabs.test.mjs`, in
// virtual time; here is shown that a browser's own locks, channels and lifecycle are as they are taken to be there.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { done, ended, gate, generating, launch, openTab, serve, start } from "./browser.mjs";

/** @typedef {Awaited<ReturnType<typeof openTab>>} Tab */

/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
/** @type {import("puppeteer-core").Browser} */
let browser;
before(async () => void ([site, browser] = await Promise.all([serve(), launch()])));
after(async () => {
  await browser?.close();
  await site?.stop();
});

const PACE = { minIntervalMs: 100, maxIntervalMs: 200 };

/** Tabs of one user. @param {import("node:test").TestContext} test @param {number} count */
async function open(test, count) {
  const context = await browser.createBrowserContext();
  test.after(() => context.close());
  const tabs = [];
  for (let at = 0; at < count; at += 1) tabs.push(await openTab(browser, site.origin, { options: { acrossTabs: true }, context }));
  return tabs;
}

describe("tabs of one origin", { concurrency: 3, timeout: 200_000 }, () => {
  it("poll a video to its end with one request in flight at a time, and all have the same last status", async (test) => {
    const tabs = await open(test, 5);
    // One that is silent for more than a second loses its turn, in the middle of a request too.
    for (const { page } of tabs) {
      await page.evaluate(() => {
        const { locks } = navigator;
        const request = locks.request.bind(locks);
        Object.assign(globalThis, { steals: 0 });
        locks.request = /** @type {any} */ ((/** @type {any[]} */ ...given) => {
          if (given[1].steal) /** @type {any} */ (globalThis).steals += 1;
          return /** @type {any} */ (request)(...given);
        });
      });
    }
    const video = site.video(({ number }) => (number < 8 ? generating(number) : done));
    await Promise.all(tabs.map(({ page }) => start(page, video.id, PACE)));
    const records = await Promise.all(tabs.map(({ page }) => ended(page, video.id)));
    for (const { end, updates } of records) {
      assert.equal(end, "done");
      assert.deepEqual([updates.at(-1).status, updates.at(-1).url], ["DONE", done.url]);
    }
    let steals = 0;
    for (const { page } of tabs) steals += Number(await page.evaluate("steals"));
    const { requests, maxInFlight } = video;
    test.diagnostic(`${requests.length} requests for five tabs, by ${new Set(requests.map(({ tab }) => tab)).size} of them; ${steals} turns were taken away`);
    if (steals > 0) return;
    assert.equal(maxInFlight, 1);
    // Whoever missed the end sends one request more.
    assert.ok(requests.length < 8 + 5, `${requests.length}`);
  });

  /**
   * The tab that sends the requests leaves, once between two requests and once in the middle of one: another goes on.
   * @param {import("node:test").TestContext} test
   * @param {Tab[]} tabs
   * @param {(tab: Tab) => Promise<Tab[]>} leave gives the tabs that are left
   */
  async function goOn(test, tabs, leave) {
    const { opened, open: answer } = gate();
    test.after(answer);
    let [isHeld, isDone] = [false, false];
    const video = site.video(({ number }) => (isHeld ? opened : isDone ? done : generating(number)));
    await Promise.all(tabs.map(({ page }) => start(page, video.id, PACE)));
    await video.until(({ requests }) => requests.length >= 3);
    for (const isMidway of [false, true]) {
      isHeld = isMidway;
      await video.until(({ requests }) => requests.at(-1)?.isOpen === isMidway);
      const left = tabs.find(({ name }) => name === video.requests.at(-1)?.tab);
      assert.ok(left);
      isHeld = false;
      tabs = await leave(left);
      const { length } = video.requests;
      await video.until(({ requests }) => requests.slice(length).some(({ tab }) => tab !== left.name));
    }
    isDone = true;
    return { tabs, video };
  }

  it("go on when the one that sends the requests is closed", async (test) => {
    let tabs = await open(test, 4);
    const ends = await goOn(test, tabs, async (left) => {
      await left.page.close();
      return (tabs = tabs.filter((tab) => tab !== left));
    });
    for (const { page } of ends.tabs) assert.equal((await ended(page, ends.video.id)).end, "done");
  });

  it("go on when the one that sends the requests is frozen, and so does that one when it is thawed", async (test) => {
    const tabs = await open(test, 4);
    /** @type {Tab[]} */
    const frozen = [];
    const { video } = await goOn(test, tabs, async (left) => {
      await left.freeze();
      frozen.push(left);
      return tabs.filter((tab) => !frozen.includes(tab));
    });
    for (const { thaw } of frozen) await thaw();
    for (const { page } of tabs) assert.equal((await ended(page, video.id)).end, "done");
  });
});
