// @ts-check
// Memory over a long life, in a page: the same load and the same figures as in Node, by what Chromium itself says of its heap.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launch, serve } from "./browser.mjs";
import { AT_ONCE, IN_A_ROW, leavesNothing, print } from "./figures.mjs";

/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
/** @type {import("puppeteer-core").Browser} */
let browser;
before(async () => void ([site, browser] = await Promise.all([serve(), launch()])));
after(async () => {
  await browser?.close();
  await site?.stop();
});

/** @param {"inARow" | "atOnce"} work @param {number[]} parts */
async function measured(work, parts) {
  const page = await browser.newPage();
  const devtools = await page.createCDPSession();
  await page.goto(site.origin);
  await page.evaluate(async () => {
    const load = await import(/** @type {any} */ ("/load.js"));
    const ledger = load.openLedger();
    const { VideoClient } = await import(/** @type {any} */ ("/package/index.js"));
    Object.assign(globalThis, { load, ledger, VideoClient });
  });
  const figures = [];
  for (const part of parts) {
    const did = await page.evaluate(
      (work, part) => {
        const { load, ledger, VideoClient } = /** @type {any} */ (globalThis);
        return load[work](VideoClient, ledger, part);
      },
      work,
      part,
    );
    for (let round = 0; round < 3; round += 1) {
      await devtools.send("HeapProfiler.collectGarbage");
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 50)));
    }
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    const left = await page.evaluate(() => {
      const { ledger } = /** @type {any} */ (globalThis);
      return { ...ledger.read(), alive: ledger.alive() };
    });
    const { nodes, jsEventListeners } = await devtools.send("Memory.getDOMCounters");
    figures.push({ ...did, ...left, heap: usedSize, nodes, jsEventListeners });
  }
  await page.close();
  return figures;
}

describe("polls leave nothing behind in Chromium", { timeout: 280_000 }, () => {
  it(`${IN_A_ROW} in a row, ending in every way there is`, async (test) => {
    const half = IN_A_ROW / 2;
    const figures = await measured("inARow", [240, half, half]);
    print(test, figures);
    for (const { ends } of figures) assert.deepEqual(Object.keys(ends), ["right"]);
    leavesNothing(figures, half, 8);
    assert.equal(figures[2].jsEventListeners, figures[1].jsEventListeners, "listeners that the browser counts");
  });

  it(`${AT_ONCE} at once, and again`, async (test) => {
    const figures = await measured("atOnce", [AT_ONCE, AT_ONCE, AT_ONCE]);
    print(test, figures);
    for (const { ends } of figures) assert.deepEqual(ends, { AbortError: AT_ONCE / 10, done: (AT_ONCE * 9) / 10 });
    leavesNothing(figures, AT_ONCE, 8);
    assert.equal(figures[2].jsEventListeners, figures[1].jsEventListeners, "listeners that the browser counts");
  });
});
