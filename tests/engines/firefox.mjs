// @ts-check
// Firefox, driven over WebDriver BiDi. It is started without a window and on a profile that is thrown away;
// nothing is ever downloaded.

import puppeteer from "puppeteer-core";
import { required, WIDE } from "./engine.mjs";

/** @type {import("./engine.mjs").Engine} */
export const firefox = {
  name: "firefox",
  async launch(colorScheme = "light") {
    const browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: required("FIREFOX"),
      headless: true,
      extraPrefsFirefox: { "layout.css.prefers-color-scheme.content-override": colorScheme === "dark" ? 0 : 1 },
    });
    const version = (await browser.version()).replace(/^\D+/, "");
    return {
      async open(url, size = WIDE) {
        const context = await browser.createBrowserContext();
        const page = await context.newPage();
        /** @type {string[]} */
        const complaints = [];
        page.on("pageerror", (error) => complaints.push(String(error)));
        page.on("console", (message) => {
          if (message.type() === "error") complaints.push(message.text());
        });
        await page.setViewport(size);
        await page.goto(url, { waitUntil: "domcontentloaded" });
        return {
          complaints,
          version,
          run: (expression) => page.evaluate(expression),
          resize: (to) => page.setViewport(to),
          reload: async () => void (await page.reload({ waitUntil: "domcontentloaded" })),
          screenshot: async (path) => void (await page.screenshot({ path: /** @type {`${string}.png`} */ (path), fullPage: true })),
          close: () => context.close(),
        };
      },
      close: () => browser.close(),
    };
  },
};
