// @ts-check
// The same in a page: by counts, also of what Chromium itself says. `memory.full.test.mjs` has a long life, and bytes.

import { after, before, describe, it } from "node:test";
import { launch, serve } from "./browser.mjs";
import { endsRight, leavesNothing, print, SHORT } from "./figures.mjs";
import { inChromium } from "./measure.mjs";

/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
/** @type {import("puppeteer-core").Browser} */
let browser;
before(async () => void ([site, browser] = await Promise.all([serve(), launch()])));
after(async () => {
  await browser?.close();
  await site?.stop();
});

describe("polls leave nothing behind in Chromium", { concurrency: 2 }, () => {
  for (const work of /** @type {const} */ (["inARow", "atOnce"])) {
    it(work === "inARow" ? "in a row, ending in every way there is" : "at once, and again", async (test) => {
      const figures = await inChromium(browser, site.origin, work, SHORT[work]);
      print(test, figures);
      endsRight(work, figures, SHORT[work]);
      // How many of 400 are in the same moment differs; what each left would be seen from 650 bytes on.
      leavesNothing(figures, { pages: work === "atOnce" ? 4 : 0 });
    });
  }
});
