// @ts-check
/** What tabs of one origin tell each other comes late now and then; it must not undo what is known meanwhile. */

import { openBrowser } from "./virtual-tabs.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** @typedef {Awaited<ReturnType<ReturnType<typeof openBrowser>["open"]>>} Tab */

const PACE = { minIntervalMs: 400, maxIntervalMs: 600 };
const HOUR = 3_600_000;
/** @param {number} ms */
const says = (ms) => (ms < 300 ? { status: "PENDING" } : { status: "GENERATING_VIDEO", generatedContent: [] });
/** @param {ReturnType<Tab["poll"]>} poll */
const statuses = ({ updates }) => updates.map(({ update }) => update.status);

/** @param {ReturnType<typeof openBrowser>} browser */
async function threeTabs(browser) {
  return /** @type {[Tab, Tab, Tab]} */ ([await browser.open(), await browser.open(), await browser.open()]);
}

describe("a status never goes back", () => {
  it("where one that is busy says late what it knew to one that has just been opened", async () => {
    // The second request leaves 521 ms after the first: each moment around it is tried.
    for (let moment = 440; moment < 540; moment += 5) {
      const browser = openBrowser({ says });
      const [a, busy, late] = await threeTabs(browser);
      for (const tab of [a, busy]) tab.poll("v", PACE);
      await browser.requestAfter(HOUR);
      await sleep(moment);
      busy.block(60);
      const poll = late.poll("v", PACE);
      await sleep(3_000);
      for (const tab of [a, busy, late]) tab.close();
      assert.deepEqual(statuses(poll), [...new Set(statuses(poll))], `opened after ${moment} ms`);
    }
  });

  it("where one was busy for so long that another took its turn, and then has its response", async () => {
    const browser = openBrowser({ says, latencyMs: 100 });
    const tabs = await threeTabs(browser);
    const polls = tabs.map((tab) => tab.poll("v", PACE));
    const first = await browser.requestAfter(HOUR);
    first?.tab.block(1_500);
    await sleep(6_000);
    for (const tab of tabs) tab.close();
    for (const poll of polls) assert.deepEqual(statuses(poll), [...new Set(statuses(poll))]);
  });
});

it("one of those that wait takes the turn of one that is frozen, and not all of them", async () => {
  const browser = openBrowser({ latencyMs: 100 });
  const tabs = [...(await threeTabs(browser)), ...(await threeTabs(browser))];
  for (const tab of tabs) tab.poll("v", PACE);
  const first = await browser.requestAfter(HOUR);
  first?.tab.freeze();
  await sleep(3_000);
  for (const tab of tabs) tab.close();
  const pauses = browser.requests.slice(1).map(({ atMs }, at) => atMs - (browser.requests[at]?.atMs ?? NaN));
  assert.ok(pauses.every((pause) => pause >= PACE.minIntervalMs), `${pauses}`);
});
