// @ts-check
// The page over real HTTP where the network goes away, and with a service of the real kind, whose key the demo
// server keeps to itself.

import assert from "node:assert/strict";
import { it } from "node:test";
import { startServer } from "../support/server.mjs";
import { goesOn, launch, open, picture, reaches, serve, told } from "./stage.mjs";

const key = "secret-key-4711";

/**
 * A service of the real kind, and what the demo server needs to ask it.
 * @param {import("node:http").RequestListener} answer
 */
async function pretend(answer) {
  const { origin, close } = await startServer((request, response) => {
    response.setHeader("content-type", "application/json");
    answer(request, response);
  });
  return { environment: { IACREA_API_KEY: key, IACREA_BASE_URL: origin }, close };
}

/** @param {import("playwright-core").Page} page @param {string} id */
async function watchLive(page, id) {
  await page.locator("#live-id").fill(id);
  await page.locator("#live button[type=submit]").click();
}

it("waits while the network is gone, however long, and goes on when it is back", async () => {
  const server = await serve("http");
  const browser = await launch();
  try {
    const { page } = await open(browser, server.address, { withClock: true });
    await page.locator("#clips .clip[data-state=success]").first().waitFor();
    await page.context().setOffline(true);
    // More failed requests in a row than a poll outlives while it believes in the network.
    const failed = async () => Number(await page.locator("#failed-requests").textContent());
    while ((await failed()) <= 12) await page.clock.fastForward(2_000);
    assert.equal(await page.locator("#status").getAttribute("data-stage"), "running");
    await page.context().setOffline(false);
    await page.locator("#status:not([data-retrying])").waitFor();
    const requests = Number(await page.locator("#requests").textContent());
    await goesOn(page, requests);
  } finally {
    await browser.close();
    await server.stop();
  }
});

it("says so when no request has succeeded from the first on", async () => {
  let down = true;
  const service = await pretend((request, response) => {
    response.writeHead(down ? 503 : 200).end('{"status":"PENDING"}');
  });
  const server = await serve("http", service.environment);
  const browser = await launch();
  try {
    const { page } = await open(browser, server.address);
    await watchLive(page, "down");
    const words = "No request has succeeded yet: asking again by itself";
    await page.locator("#status[data-retrying] #time-left", { hasText: words }).waitFor();
    await page.waitForFunction(() => Number(document.getElementById("failed-requests")?.textContent) > 1);
    assert.equal(await page.locator("#announcer").innerText(), words);
    assert.equal(await page.locator("#log li", { hasText: words }).count(), 1);
    await picture(page, "live-down-wide-light");
    down = false;
    await page.locator("#status:not([data-retrying])[data-status=PENDING]").waitFor();
    // What was said of it is taken back when another takes its place.
    const left = await page.evaluate(() => {
      document.getElementById("start")?.click();
      return document.getElementById("announcer")?.textContent;
    });
    assert.equal(left, "");
  } finally {
    await browser.close();
    await server.stop();
    await service.close();
  }
});

it("shows and says the beginning of a status of any length", async () => {
  const service = await pretend((request, response) => {
    response.end(JSON.stringify({ status: "😀".repeat(2_000), message: "m".repeat(5_000) }));
  });
  const server = await serve("http", service.environment);
  const browser = await launch();
  try {
    const { page } = await open(browser, server.address, { viewport: { width: 360, height: 780 } });
    await watchLive(page, "wordy");
    await page.locator("#phase", { hasText: "The server says" }).waitFor();
    assert.equal(await page.locator("#phase").innerText(), `The server says “${"😀".repeat(60)}…”`);
    assert.match(await page.locator("#announcer").innerText(), /^The server says “😀{60}…” \(UNRECOGNIZED\)$/u);
  } finally {
    await browser.close();
    await server.stop();
    await service.close();
  }
});

it("watches a real video, and the key never reaches the page", async () => {
  const answers = [
    { status: "PENDING" },
    { status: "GENERATING_VIDEO", generatedContent: [{ status: "pending" }] },
    { status: "START_RENDERING_VIDEO" },
    { status: "RENDERING_VIDEO", progress: 0.5 },
    { status: "DONE", url: "https://media.invalid/v.mp4", note: `for ${key}` },
  ];
  /** @type {{ url: string | undefined, key: unknown }[]} */
  const asked = [];
  const service = await pretend((request, response) => {
    if (request.url?.endsWith("/gone")) {
      response.writeHead(404).end();
      return;
    }
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push({ url: request.url, key: request.headers["x-api-key"] });
    response.end(JSON.stringify(answer));
  });
  const server = await serve("http", service.environment);
  const browser = await launch();
  try {
    const { page } = await open(browser, server.address, { withClock: true });
    /** @type {Promise<string>[]} */
    const seen = [];
    // On its way, since Chromium does not always give out the body of a response that must not be stored.
    await page.route("**/live/**", async (route) => {
      const response = await route.fetch({ maxRedirects: 0 });
      seen.push(Promise.resolve(`${JSON.stringify(response.headers())} ${await response.text()}`));
      await route.fulfill({ response });
    });
    page.on("request", (request) => seen.push(Promise.resolve(JSON.stringify([request.url(), request.headers()]))));
    await watchLive(page, "a réel id");
    for (const { status } of answers) {
      // Never in the middle of a request, which would take the time for its own.
      await page.locator("#log li", { hasText: `(${status})` }).first().waitFor();
      await page.clock.fastForward(10_000);
    }
    await reaches(page, "done");
    assert.deepEqual(await told(page), answers.map(({ status }) => status));
    // It is still there after a reload, and nothing is asked again.
    await page.reload();
    await reaches(page, "done");
    assert.equal(await page.locator("#live-id").inputValue(), "a réel id");
    assert.equal(await page.locator("#mode").innerText(), "A real video");
    assert.equal(await page.locator("#video-caption a").getAttribute("href"), "https://media.invalid/v.mp4");
    await picture(page, "live-done-wide-light");
    assert.deepEqual(asked.map(({ url }) => url), Array(answers.length).fill("/api/video-editor/generate/video/a%20r%C3%A9el%20id"));
    assert.deepEqual(asked.map(({ key: sent }) => sent), Array(answers.length).fill(key));
    // One that failed for good is asked for once more, and not replaced by another.
    await watchLive(page, "gone");
    await reaches(page, "failed");
    assert.doesNotMatch(await page.locator("#log").innerText(), /asking again/);
    await page.reload();
    await reaches(page, "failed");
    assert.equal(await page.locator("#live-id").inputValue(), "gone");
    assert.match(await page.locator("#notice").innerText(), /not_found/);
    for (const text of [...(await Promise.all(seen)), await page.content()]) {
      assert.ok(!text.includes(key), "the key has reached the page");
    }
  } finally {
    await browser.close();
    await server.stop();
    await service.close();
  }
});
