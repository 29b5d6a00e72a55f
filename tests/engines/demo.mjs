// @ts-check
// The demo page as a person meets it, in both of its modes: what may look or go different from engine to engine.
// All that cannot is tested in Chromium alone, in tests/browser.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serve } from "../browser/stage.mjs";
import { complaintsOf, evaluate, NARROW, picture, shows, textOf, until, WIDE } from "./engine.mjs";
import { serveBefore } from "./front.mjs";

const COURSE = ["PENDING", "GENERATING_VIDEO", "START_RENDERING_VIDEO", "RENDERING_VIDEO", "DONE"];

/** @typedef {import("./engine.mjs").Page} Page */

/**
 * Starts a scenario by the page's own controls.
 * @param {Page} page
 * @param {string} scenario
 * @param {number} speed
 */
async function start(page, scenario, speed) {
  await shows(page, `#scenario option[value="${scenario}"]`);
  await evaluate(page, (scenario, speed) => {
    const list = /** @type {HTMLSelectElement} */ (document.getElementById("scenario"));
    list.value = scenario;
    list.dispatchEvent(new Event("change", { bubbles: true }));
    /** @type {HTMLElement | null} */ (document.querySelector(`input[name=speed][value="${speed}"]`))?.click();
  }, scenario, speed);
  await press(page, "start");
}

/** @param {Page} page @param {string} id */
const press = (page, id) => evaluate(page, (id) => document.getElementById(id)?.click(), id);

/** @param {Page} page @param {"running" | "stopped" | "failed" | "done"} stage */
const reaches = (page, stage) => shows(page, `#status[data-stage=${stage}]`);

/** @param {Page} page */
const firstClip = (page) => shows(page, "#clips .clip[data-state=success]");

/**
 * The film is on the stage and goes on.
 * @param {Page} page
 */
const plays = (page) =>
  until(page, () => {
    const video = /** @type {HTMLVideoElement} */ (document.getElementById("video"));
    return !video.hidden && video.currentTime > 0.3 && video.videoWidth > 0;
  });

/**
 * What the bar has shown since the page was loaded.
 * @param {Page} page
 * @returns {Promise<number[]>}
 */
const percentsOf = (page) => page.run("globalThis.recorded.percents");

/** @param {readonly number[]} percents */
function assertNeverFalls(percents) {
  assert.ok(percents.length > 3, `the bar moved: ${percents}`);
  assert.deepEqual(percents, [...percents].sort((a, b) => a - b));
}

/** @param {Page} page */
async function assertFits(page) {
  const overflow = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.equal(overflow, 0, "nothing sticks out");
}

/** @param {import("./engine.mjs").Engine} engine */
export function describeDemo(engine) {
  for (const mode of /** @type {const} */ (["http", "static"])) {
    // Each mode in one colour scheme: an engine takes it from the desktop, once, when it starts.
    const colorScheme = mode === "http" ? "light" : "dark";
    describe(`the demo in ${engine.name}, ${mode}, ${colorScheme}`, () => {
      /** @type {Awaited<ReturnType<typeof serve>>} */
      let server;
      /** @type {Awaited<ReturnType<typeof serveBefore>>} */
      let front;
      /** @type {import("./engine.mjs").Browser} */
      let browser;
      before(async () => {
        server = await serve(mode);
        front = await serveBefore(server.address);
        browser = await engine.launch(colorScheme);
      });
      after(async () => {
        await browser?.close();
        await front?.stop();
        await server?.stop();
      });
      const name = (/** @type {string} */ what) => `${engine.name}-${mode}-${what}-${colorScheme}`;

      it("shows a video at once, goes on by itself after a reload, and plays it", async () => {
        const page = await browser.open(front.origin, WIDE);
        assert.equal(await page.run("matchMedia('(prefers-color-scheme: dark)').matches"), colorScheme === "dark");
        await firstClip(page);
        await picture(page, name("running-wide"));
        // What the page began by itself takes half a minute; this one takes five seconds, enough to reload in.
        await start(page, "many-clips", 60);
        await firstClip(page);
        const before = (await percentsOf(page)).at(-1) ?? 100;
        assert.deepEqual(await complaintsOf(page), []);
        await page.reload();
        await reaches(page, "done");
        const percents = await percentsOf(page);
        assertNeverFalls(percents);
        assert.ok((percents.find((percent) => percent > 0) ?? 0) >= before, `from ${before} on: ${percents}`);
        assert.equal(percents.at(-1), 100);
        assert.match(await textOf(page, "#log"), /resumed from the token/);
        // The log goes on where the earlier page's ended; the newest is at its top.
        const statuses = [...(await textOf(page, "#log")).matchAll(/\(([A-Z_]+)\)/g)].map(([, status]) => status);
        assert.deepEqual(statuses.reverse(), COURSE);
        await plays(page);
        await picture(page, name("done-wide"));
        assert.deepEqual(await complaintsOf(page), []);
        await page.close();
      });

      it("asks nothing while it is stopped, and goes on when resumed", async () => {
        const page = await browser.open(front.origin, WIDE);
        await start(page, "many-clips", 60);
        await firstClip(page);
        await press(page, "toggle");
        await reaches(page, "stopped");
        const requests = Number(await textOf(page, "#requests"));
        await sleep(700); // several pauses between requests at this speed
        assert.equal(Number(await textOf(page, "#requests")), requests);
        await press(page, "toggle");
        await reaches(page, "done");
        assert.ok(Number(await textOf(page, "#requests")) > requests);
        assert.deepEqual(await complaintsOf(page), []);
        await page.close();
      });

      it("says what went wrong, on a narrow screen", async () => {
        const page = await browser.open(front.origin, NARROW);
        await firstClip(page);
        await assertFits(page);
        await picture(page, name("running-narrow"));
        await start(page, "failed", 60);
        await reaches(page, "failed");
        await picture(page, name("failed-narrow"));
        assert.match(await textOf(page, "#notice"), /video_failed/);
        await assertFits(page);
        assert.deepEqual(await complaintsOf(page), []);
        await page.close();
      });

      it("counts failed requests and goes on", async () => {
        const page = await browser.open(front.origin, WIDE);
        await start(page, "server-error", 60);
        await reaches(page, "done");
        assert.ok(Number(await textOf(page, "#failed-requests")) > 0);
        await picture(page, name("failures-wide"));
        await page.close();
      });
    });
  }
}
