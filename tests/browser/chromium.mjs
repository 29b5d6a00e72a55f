// @ts-check
// Chromium behind the same small interface as the other engines, for the tests that all of them share.

import { WIDE } from "../engines/engine.mjs";
import { launch } from "./stage.mjs";

/** @type {import("../engines/engine.mjs").Engine} */
export const chromium = {
  name: "chromium",
  async launch(colorScheme = "light") {
    const browser = await launch();
    return {
      async open(url, size = WIDE) {
        const context = await browser.newContext({ viewport: size, colorScheme });
        context.setDefaultTimeout(0);
        const page = await context.newPage();
        /** @type {string[]} */
        const complaints = [];
        page.on("pageerror", (error) => complaints.push(String(error)));
        page.on("console", (message) => {
          // It reports each failed request that a scenario asks for.
          if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
        });
        await page.goto(url, { waitUntil: "domcontentloaded" });
        return {
          version: browser.version(),
          complaints,
          run: (expression) => page.evaluate(expression),
          resize: (to) => page.setViewportSize(to),
          reload: async () => void (await page.reload({ waitUntil: "domcontentloaded" })),
          screenshot: async (path) => void (await page.screenshot({ path, fullPage: true })),
          close: () => context.close(),
        };
      },
      close: () => browser.close(),
    };
  },
};
