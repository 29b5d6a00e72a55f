// @ts-check
/** The Chromium that the runner has found, and how to start it. */

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

/** Its program and its switches, from CHROME and CHROME_ARGS. @returns {{ program: string, switches: string[] }} */
export function findChromium() {
  const { CHROME, CHROME_ARGS } = process.env;
  assert.ok(CHROME && CHROME_ARGS, "CHROME and CHROME_ARGS must name the browser and its switches, as `cargo xtask test` does");
  return { program: CHROME, switches: JSON.parse(CHROME_ARGS) };
}

/** Whether something hangs is for the runner to say. */
export function launchChromium() {
  const { program, switches } = findChromium();
  return chromium.launch({ executablePath: program, args: switches, timeout: 0 });
}
