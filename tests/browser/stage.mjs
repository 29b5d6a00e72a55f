// @ts-check
// What the page's tests stand on: the demo server in each of its modes, one Chromium, and pages that
// keep a record of what they showed.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startDemo } from "../support/demo.mjs";

export { launchChromium as launch } from "../support/chromium.mjs";

const screenshots = fileURLToPath(new URL("../screenshots", import.meta.url));
mkdirSync(screenshots, { recursive: true });

/** @type {Record<"http" | "static" | "edge", readonly string[]>} */
const SWITCHES = { http: [], static: ["--static"], edge: ["--edge"] };

/**
 * Serves what is built. `mode` is "http" for the page with the simulator behind it, "static" for the page alone,
 * "edge" for the page through the Worker.
 * @param {"http" | "static" | "edge"} mode
 * @param {Record<string, string>} [environment]
 * @param {readonly string[]} [more] of its arguments
 */
export const serve = (mode, environment = {}, more = []) => startDemo([...SWITCHES[mode], ...more], environment);

/**
 * A page at `address` that records what it shows, and every complaint of the browser.
 * @param {import("playwright-core").Browser} browser
 * @param {string} address
 * @param {import("playwright-core").BrowserContextOptions & { withClock?: boolean }} [options] `withClock` for one whose time the test can put forward
 */
export async function open(browser, address, { withClock, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "no-preference", ...options });
  // The runner's limit is enough.
  context.setDefaultTimeout(0);
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  const origin = new URL(address).origin;
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // The browser itself reports each failed request that a scenario asks for.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const { protocol, origin: to } = new URL(request.url());
    if (protocol.startsWith("http") && to !== origin) complaints.push(`request to ${request.url()}`);
  });
  await page.addInitScript(record);
  if (withClock) await page.clock.install();
  await page.goto(address);
  return { page, complaints, close: () => context.close() };
}

/** Runs in the page, before its own scripts, and again after a reload. */
function record() {
  /** @type {{ statuses: string[], percents: number[], tiles: string[] }} */
  const shown = { statuses: [], percents: [], tiles: [] };
  Object.assign(globalThis, { shown });
  /** @template T @param {T[]} list @param {T} value */
  const note = (list, value) => {
    if (list.at(-1) !== value) list.push(value);
  };
  const look = () => {
    const status = document.getElementById("status")?.dataset.status;
    if (status) note(shown.statuses, status);
    const now = document.getElementById("progress")?.getAttribute("aria-valuenow");
    if (now) note(shown.percents, Number(now));
    note(shown.tiles, [...document.querySelectorAll("#clips .clip")].map((tile) => /** @type {HTMLElement} */ (tile).dataset.state).join(" "));
  };
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
}

/**
 * What the page has shown so far.
 * @param {import("playwright-core").Page} page
 * @returns {Promise<{ statuses: string[], percents: number[], tiles: string[] }>}
 */
export function shown(page) {
  return page.evaluate("shown");
}

/**
 * The statuses that the page has told of, in their order. Its log has each; what is drawn may skip one that another
 * follows within a frame.
 * @param {import("playwright-core").Page} page
 */
export async function told(page) {
  const log = (await page.locator("#log").textContent()) ?? "";
  return [...log.matchAll(/\(([A-Z_]+)\)/g)].map(([, status]) => status ?? "").reverse();
}

/**
 * Starts a scenario by the page's own controls.
 * @param {import("playwright-core").Page} page
 * @param {string} scenario
 * @param {number} speed
 */
export async function start(page, scenario, speed) {
  await page.locator("#scenario").selectOption(scenario);
  // The button itself is not seen. A click where nothing stands still any more, as in a page that is still loading, waits.
  await page.locator(`label:has(input[name=speed][value="${speed}"])`).click();
  await page.locator("#start").click();
}

/**
 * Stops a video that has its first clip; one that was done before it could be stopped is begun again.
 * @param {import("playwright-core").Page} page
 */
export async function stopMidway(page) {
  for (;;) {
    await page.locator("#clips .clip[data-state=success], #status[data-stage=done]").first().waitFor();
    await page.locator("#toggle").click({ timeout: 5_000 }).catch(() => {});
    await page.locator("#status[data-stage=stopped], #status[data-stage=done]").waitFor();
    if (await page.locator("#status[data-stage=stopped]").isVisible()) return;
    await start(page, "happy", 10);
  }
}

/**
 * A poll that was resumed gets on.
 * @param {import("playwright-core").Page} page
 * @param {number} before how many requests there had been
 */
export async function goesOn(page, before) {
  await page.waitForFunction((before) => Number(document.getElementById("requests")?.textContent) > before + 1, before);
}

/**
 * Changes what a page that does not ask at the moment has kept for the next.
 * @param {import("playwright-core").Page} page
 * @param {object} change
 */
export async function alterKept(page, change) {
  await page.evaluate((change) => {
    const [[key, text] = []] = Object.entries(sessionStorage);
    sessionStorage.setItem(key ?? "", JSON.stringify({ ...JSON.parse(text ?? ""), ...change }));
  }, change);
}

/**
 * Waits until the page is at a stage.
 * @param {import("playwright-core").Page} page
 * @param {"starting" | "running" | "stopped" | "failed" | "done"} stage
 */
export async function reaches(page, stage) {
  await page.locator(`#status[data-stage=${stage}]`).waitFor();
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function picture(page, name) {
  await page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });
}
