// @ts-check
/**
 * One Chromium for all pages of a test file, each in a context of its own, so that no page finds what
 * another has left. A page writes its result into its document; what the browser complains of fails it.
 */

import assert from "node:assert/strict";
import { launchChromium } from "../support/chromium.mjs";

/** @type {Promise<import("playwright-core").Browser> | undefined} */
let launching;

function browser() {
  return (launching ??= launchChromium());
}

/** Closes it, if any page was opened. */
export async function close() {
  await (await launching)?.close();
}

/**
 * Opens a page and waits for its result.
 * @param {string} address
 * @param {{ before?: () => void, complaints?: RegExp }} [options] `before` runs in the page ahead of its own scripts; complaints like these are expected
 * @returns {Promise<any>}
 */
export async function resultOf(address, { before, complaints } = {}) {
  const context = await (await browser()).newContext();
  try {
    // The runner's limit is enough.
    context.setDefaultTimeout(0);
    const page = await context.newPage();
    /** @type {string[]} */
    const complained = [];
    const complain = (/** @type {string} */ text) => {
      if (!complaints?.test(text)) complained.push(text);
    };
    page.on("pageerror", (error) => complain(String(error.stack ?? error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !/favicon\.ico/.test(message.location().url)) complain(message.text());
    });
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText;
      // So Chromium calls many an answer with `no-store` whose body was read by a reader to its end.
      if (why !== "net::ERR_ABORTED") complain(`${request.url()} ${why}`);
    });
    if (before) await page.addInitScript(before);
    await page.goto(address);
    const result = await page
      .locator("#result")
      .textContent()
      .catch((error) => assert.fail(`no result from ${address}: ${complained.join("\n")} ${error}`));
    assert.deepEqual(complained, []);
    return JSON.parse(result ?? "");
  } finally {
    await context.close();
  }
}
