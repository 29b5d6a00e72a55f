// @ts-check
// Memory over a long life, in Node and in Chromium: ten thousand polls in a row, and five thousand at once.

import { after, before, describe, it } from "node:test";
import { client, createVideo, KEY, url } from "../node/simulator.mjs";
import { launch, serve } from "./browser.mjs";
import { endsRight, leavesNothing, LONG, print, staysSmall } from "./figures.mjs";
import { inChromium, inNode } from "./measure.mjs";

/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
/** @type {import("puppeteer-core").Browser} */
let browser;
before(async () => void ([site, browser] = await Promise.all([serve(), launch()])));
after(async () => {
  await browser?.close();
  await site?.stop();
});

describe("polls leave nothing behind over a long life", { timeout: 280_000 }, () => {
  for (const work of /** @type {const} */ (["inARow", "atOnce"])) {
    const parts = LONG[work];
    for (const [where, measured] of Object.entries({ Node: () => inNode(work, parts), Chromium: () => inChromium(browser, site.origin, work, parts) })) {
      it(`${work === "inARow" ? "in a row, ending in every way there is" : "at once, and again"}, in ${where}`, async (test) => {
        const figures = await measured();
        print(test, figures);
        endsRight(work, figures, parts);
        leavesNothing(figures);
        staysSmall(figures, parts.at(-1) ?? NaN);
      });
    }
  }

  it("over HTTP, with the host's own fetch, in Node", async (test) => {
    const wishes = [{ scenario: "quick", speed: 600 }, { scenario: "not-found" }, { scenario: "server-error-for-ever" }];
    const ids = await Promise.all(wishes.map((wish) => createVideo(wish)));
    await client().waitForVideo(ids[0] ?? "");
    const each = 500;
    const figures = await inNode("overHttp", [each, each, each], { ids, baseUrl: url, apiKey: KEY });
    print(test, figures);
    leavesNothing(figures, { timers: 8, listeners: 8 });
    staysSmall(figures, each);
  });
});
