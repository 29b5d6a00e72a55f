// @ts-check
// The page over real HTTP: with the simulator behind the demo server, and with a service of the real
// kind, whose key the server keeps to itself.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { it } from "node:test";
import { describePage } from "./page.mjs";
import { launch, open, reaches, serve } from "./stage.mjs";

describePage("http");

it("waits while the network is gone, however long, and goes on when it is back", async () => {
  const server = await serve("http");
  const browser = await launch();
  try {
    const { page } = await open(browser, server.address);
    await page.locator("#clips .clip[data-state=success]").first().waitFor({ timeout: 60_000 });
    await page.context().setOffline(true);
    await page.locator("#status[data-retrying]").waitFor();
    // More failed requests in a row than a poll outlives while it believes in the network.
    await page.waitForFunction(() => Number(document.getElementById("failed-requests")?.textContent) > 12, undefined, { timeout: 60_000 });
    assert.equal(await page.locator("#status").getAttribute("data-stage"), "running");
    await page.context().setOffline(false);
    await page.locator("#status:not([data-retrying])").waitFor({ timeout: 5_000 });
    await reaches(page, "done");
  } finally {
    await browser.close();
    await server.stop();
  }
});

it("watches a real video, and the key never reaches the page", async () => {
  const key = "secret-key-4711";
  const answers = [
    { status: "GENERATING_VIDEO", generatedContent: [{ status: "pending" }] },
    { status: "RENDERING_VIDEO", progress: 0.5 },
    { status: "DONE", url: "https://media.invalid/v.mp4", note: `for ${key}` },
  ];
  /** @type {{ url: string | undefined, key: unknown }[]} */
  const asked = [];
  const service = createServer((request, response) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push({ url: request.url, key: request.headers["x-api-key"] });
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answer));
  }).listen(0, "127.0.0.1");
  await once(service, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (service.address());
  const server = await serve("http", { IACREA_API_KEY: key, IACREA_BASE_URL: `http://127.0.0.1:${port}` });
  const browser = await launch();
  try {
    const { page } = await open(browser, server.address);
    /** @type {Promise<string>[]} */
    const seen = [];
    page.on("response", (response) => {
      if (response.url().includes("/live/")) seen.push(response.text());
    });
    page.on("request", (request) => seen.push(Promise.resolve(JSON.stringify([request.url(), request.headers()]))));
    await page.locator("#live-id").fill("a réel id");
    await page.locator("#live button[type=submit]").click();
    await reaches(page, "done");
    assert.deepEqual(asked.map(({ url }) => url), Array(3).fill("/api/video-editor/generate/video/a%20r%C3%A9el%20id"));
    assert.deepEqual(asked.map(({ key: sent }) => sent), Array(3).fill(key));
    for (const text of [...(await Promise.all(seen)), await page.content()]) {
      assert.ok(!text.includes(key), "the key has reached the page");
    }
  } finally {
    await browser.close();
    await server.stop();
    service.close();
  }
});
