// @ts-check
// The demo page as a person meets it, in Chromium. The same cases for both of its modes: over real HTTP
// with the simulator behind the server, and as a static page that runs its simulator itself. Nothing here
// compares times: what depends on the machine's speed is waited for, without a limit of its own.

import assert from "node:assert/strict";
import { after, before, describe, it as test } from "node:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { alterKept, goesOn, launch, open, picture, reaches, serve, shown, start, stopMidway, told } from "./stage.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const COURSE = ["PENDING", "GENERATING_VIDEO", "START_RENDERING_VIDEO", "RENDERING_VIDEO", "DONE"];
/** Those of the static page that the gate has: what is different where the page runs its simulator itself. */
const STATIC = /plays it|after a reload$|cannot be loaded/;

/** @param {number[]} percents */
function assertNeverFalls(percents) {
  assert.ok(percents.length > 0, "there is a bar");
  for (const [at, percent] of percents.entries()) {
    assert.ok(at === 0 || percent >= (percents[at - 1] ?? 0), `the bar fell: ${percents}`);
  }
}

/**
 * @param {"http" | "static"} mode
 * @param {boolean} [isFull] whether every video is watched to its end, and the static page has all cases
 */
export function describePage(mode, isFull = false) {
  /** @param {string} name @param {() => Promise<void>} act */
  const it = (name, act) => {
    if (isFull || mode === "http" || STATIC.test(name)) test(name, act);
  };
  /** To its end in the full run; else it gets on. @param {import("playwright-core").Page} page @param {number} [before] how many requests there had been */
  const goesToTheEnd = (page, before = 0) => (isFull ? reaches(page, "done") : goesOn(page, before));

  // They wait more than they compute.
  describe(`the page, ${mode}`, { concurrency: 4 }, () => {
    /** @type {Awaited<ReturnType<typeof serve>>} */
    let server;
    /** @type {import("playwright-core").Browser} */
    let browser;
    before(async () => {
      server = await serve(mode);
      browser = await launch();
    });
    after(async () => {
      await browser?.close();
      await server?.stop();
    });

    it("shows a video at once, goes through its phases, never falls, and plays it", async () => {
      const { page, complaints, close } = await open(browser, server.address);
      const estimates = (/** @type {string} */ beginning) =>
        page.waitForFunction((beginning) => document.getElementById("time-left")?.textContent?.startsWith(beginning), beginning);
      await estimates("Estimating");
      await page.locator("#clips .clip[data-state=success]").first().waitFor();
      await picture(page, `${mode}-running-wide-light`);
      if (!isFull) {
        // Played as fast as it would be made, there is a guess from the first clips on.
        await start(page, "happy", 1);
        await estimates("About");
        await start(page, "happy", 60);
      }
      await reaches(page, "done");
      const { percents } = await shown(page);
      const statuses = await told(page);
      // A slow machine may miss one that is soon over; live.test.mjs has a video that shows them all.
      assert.deepEqual(statuses.slice(statuses.lastIndexOf("PENDING")), COURSE.filter((status) => statuses.slice(statuses.lastIndexOf("PENDING")).includes(status)));
      assert.equal(statuses.at(-1), "DONE");
      assertNeverFalls(isFull ? percents : percents.slice(percents.lastIndexOf(0)));
      assert.equal(percents.at(-1), 100);
      await page.waitForFunction(() => {
        const video = /** @type {HTMLVideoElement} */ (document.getElementById("video"));
        return !video.hidden && video.currentTime > 0.3 && video.videoWidth > 0;
      });
      await picture(page, `${mode}-done-wide-light`);
      assert.deepEqual(complaints, []);
      await close();
    });

    it("stops asking when stopped, and resumes from the token", async () => {
      const { page, complaints, close } = await open(browser, server.address, { withClock: true });
      await stopMidway(page);
      await picture(page, `${mode}-stopped-wide-light`);
      const requests = async () => Number(await page.locator("#requests").textContent());
      const before = await requests();
      // Many pauses between requests at this speed.
      await page.clock.fastForward(30_000);
      assert.equal(await requests(), before);
      const { length } = (await shown(page)).percents;
      await page.locator("#toggle").click();
      await goesToTheEnd(page, before);
      assertNeverFalls((await shown(page)).percents.slice(length - 1));
      assert.deepEqual(complaints, []);
      await close();
    });

    it("goes on by itself after a reload", async () => {
      const { page, complaints, close } = await open(browser, server.address);
      await page.locator("#clips .clip[data-state=success]").first().waitFor();
      const before = Number(await page.locator("#progress").getAttribute("aria-valuenow"));
      const requests = Number(await page.locator("#requests").textContent());
      await page.reload();
      await goesToTheEnd(page, requests);
      const { percents, statuses } = await shown(page);
      assert.ok((percents.find((percent) => percent > 0) ?? 0) >= before, `from ${before} on: ${percents}`);
      assert.ok(!statuses.includes("PENDING") || statuses[0] !== "PENDING", `not from the start: ${statuses}`);
      assert.match(await page.locator("#log").innerText(), /resumed from the token/);
      assert.deepEqual(complaints, []);
      await close();
    });

    it("stays stopped after a reload, until a person resumes", async () => {
      const { page, close } = await open(browser, server.address);
      await stopMidway(page);
      await page.reload();
      await reaches(page, "stopped");
      const requests = Number(await page.locator("#requests").textContent());
      await page.locator("#toggle").click();
      await goesToTheEnd(page, requests);
      await close();
    });

    it("goes on without a token that it cannot read", async () => {
      const { page, complaints, close } = await open(browser, server.address);
      await stopMidway(page);
      await alterKept(page, { token: "it1,damaged", stopped: false });
      await page.reload();
      await page.locator("#log", { hasText: "The token could not be read" }).waitFor();
      await goesToTheEnd(page);
      assert.deepEqual(complaints, []);
      await close();
    });

    it("tells what happens in a session of any length", async () => {
      const { page, complaints, close } = await open(browser, server.address);
      await stopMidway(page);
      const many = 2_000; // as many as are kept
      const log = Array(many).fill({ at: 0, kind: "phase", text: "Long ago" });
      await alterKept(page, { log, requests: Array(many).fill({ at: 0, outcome: "answered" }) });
      await page.reload();
      await reaches(page, "stopped");
      await page.locator("#toggle").click();
      await goesToTheEnd(page, many);
      if (isFull) assert.deepEqual((await told(page)).slice(-1), ["DONE"]);
      assert.ok(Number(await page.locator("#requests").textContent()) > many);
      assert.deepEqual(complaints, []);
      await close();
    });

    it("begins anew where what was kept is no session", async () => {
      const { page, complaints, close } = await open(browser, server.address);
      await stopMidway(page);
      await alterKept(page, { log: undefined });
      await page.reload();
      await goesOn(page, 0);
      assert.deepEqual(complaints, []);
      await close();
    });

    it("says so when a part of it cannot be loaded", async () => {
      const { page, close } = await open(browser, server.address, { viewport: { width: 360, height: 780 } });
      await page.route("**/iacrea-video/index.js", (route) => route.abort());
      await page.reload();
      await page.locator("#phase", { hasText: "The page could not start" }).waitFor();
      await picture(page, `${mode}-not-loaded-narrow-light`);
      await close();
    });

    it("shows a clip that fails and is made again", async () => {
      const { page, complaints, close } = await open(browser, server.address, { colorScheme: "dark" });
      await start(page, "regenerate", 10);
      await page.locator("#clips .clip[data-state=error], #clips .clip[data-state=redoing]").first().waitFor();
      await picture(page, `${mode}-regenerating-wide-dark`);
      await page.locator("#clips .clip[data-state=redone]").first().waitFor();
      if (isFull) await reaches(page, "done");
      const { percents } = await shown(page);
      const statuses = await told(page);
      const again = statuses.indexOf("PENDING", statuses.indexOf("GENERATING_VIDEO"));
      assert.ok(again > 0, `PENDING after GENERATING_VIDEO: ${statuses}`);
      assertNeverFalls(percents.slice(percents.lastIndexOf(0)));
      assert.deepEqual(complaints, []);
      await close();
    });

    it("counts failed requests and goes on", async () => {
      const { page, close } = await open(browser, server.address);
      await start(page, "server-error", 60);
      await reaches(page, "done");
      assert.ok(Number(await page.locator("#failed-requests").textContent()) > 0);
      await close();
    });

    it("says what went wrong, and offers what can be done", async () => {
      const { page, close } = await open(browser, server.address, { viewport: { width: 360, height: 780 }, colorScheme: "dark" });
      await start(page, "failed", 60);
      await reaches(page, "failed");
      await picture(page, `${mode}-failed-narrow-dark`);
      assert.match(await page.locator("#notice").innerText(), /video_failed/);
      await close();
    });

    it("waits for no clip any more at the end of a video that listed none", async () => {
      const { page, close } = await open(browser, server.address, { viewport: { width: 360, height: 780 } });
      await start(page, "content-never", 60);
      await page.locator("#clips[aria-busy=true]").waitFor();
      await reaches(page, "done");
      await picture(page, `${mode}-no-clips-narrow-light`);
      assert.equal(await page.locator("#clips").getAttribute("aria-busy"), "false");
      assert.equal(await page.locator("#clips .clip:visible").count(), 0);
      assert.equal(await page.locator("#clips-count").innerText(), "No clip was listed");
      await start(page, "not-found", 60);
      await reaches(page, "failed");
      assert.equal(await page.locator("#video-caption").innerText(), "No clip yet.");
      await close();
    });

    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      it(`is accessible and fits a narrow screen, ${colorScheme}`, async () => {
        const { page, close } = await open(browser, server.address, { viewport: { width: 360, height: 780 }, colorScheme });
        await page.locator("#clips .clip[data-state=success]").first().waitFor();
        await picture(page, `${mode}-running-narrow-${colorScheme}`);
        for (const width of [360, 1440]) {
          await page.setViewportSize({ width, height: 900 });
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.equal(overflow, 0, `nothing sticks out at ${width} px`);
          await page.evaluate(axe);
          const { violations } = await page.evaluate("axe.run()");
          const serious = violations.filter((/** @type {{ impact: string }} */ { impact }) => ["serious", "critical"].includes(impact));
          assert.deepEqual(serious.map((/** @type {{ id: string, nodes: { html: string }[] }} */ { id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
        }
        await close();
      });
    }

    it("can be used by the keyboard alone", async () => {
      const { page, close } = await open(browser, server.address);
      const focus = async (/** @type {string} */ id) => {
        for (let presses = 0; presses < 30; presses++) {
          await page.keyboard.press("Tab");
          if ((await page.evaluate(() => document.activeElement?.id)) === id) return;
        }
        assert.fail(`${id} was not reached`);
      };
      await focus("toggle");
      await page.locator("#toggle[aria-disabled=false], #toggle:not([aria-disabled])").waitFor();
      await page.keyboard.press("Enter");
      await reaches(page, "stopped");
      await page.keyboard.press("Enter");
      await reaches(page, "running");
      await close();
    });

    it("respects a wish for less motion", async () => {
      const { page, close } = await open(browser, server.address, { reducedMotion: "reduce" });
      await start(page, "quick", 60);
      await reaches(page, "done");
      const paused = await page.locator("#video").evaluate((video) => /** @type {HTMLVideoElement} */ (video).paused);
      assert.equal(paused, true);
      await close();
    });
  });
}
