// @ts-check
// The page through the Worker of the examples, on workerd: a video goes on when the page is closed, and when all is
// started anew.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { refusedDemo } from "../support/demo.mjs";
import { startServer } from "../support/server.mjs";
import { launch, open, picture, reaches, serve, start } from "./stage.mjs";

const KEY = "secret-key-4711";
const PATH = "live/api/video-editor/generate/video/";

/** @type {string} */
let storage;
/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  storage = mkdtempSync(join(tmpdir(), "iacrea-demo-"));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  rmSync(storage, { recursive: true, force: true });
});

/** @param {string} name */
const kept = (name) => ["--storage", join(storage, name)];

/** @param {() => Promise<boolean> | boolean} is */
async function until(is) {
  while (!(await is())) await sleep(100);
}

/** The command lines of all that runs. */
const commands = () => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });

/** What the Worker knows of a video. @param {string} address @param {string} id */
async function update(address, id) {
  const response = await fetch(`${address}${PATH}${id}/update`);
  assert.equal(response.status, 200);
  return response.json();
}

describe("the page through the Worker, simulated", () => {
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let server;
  before(async () => {
    server = await serve("edge", {}, kept("simulated"));
  });
  after(async () => void (await server?.stop()));

  it("finds the video further on after it was closed, and plays it in the end (with ALL=1)", async () => {
    const { page, complaints, close } = await open(browser, server.address);
    const asked = await page.waitForRequest((request) => request.url().startsWith(server.address + PATH));
    // Of its status or of its events, whichever comes first.
    const [id = ""] = asked.url().slice((server.address + PATH).length).split("/");
    await page.locator("#clips .clip[data-state=success]").first().waitFor();
    assert.equal(await page.locator("#mode").innerText(), "Simulated, watched by a Worker");
    assert.ok(await page.locator("#watched").isVisible());
    await picture(page, "edge-running-wide-light");
    assert.equal(await page.locator("#failed-requests").innerText(), "0", "a stream that lasts is no failure");
    const before = Number(await page.locator("#progress").getAttribute("aria-valuenow"));
    await page.close();

    let away = 0;
    await until(async () => {
      away = Math.floor((await update(server.address, id)).update.overall * 100);
      return away >= before + 10;
    });
    const later = await page.context().newPage();
    later.on("pageerror", (error) => complaints.push(String(error)));
    await later.goto(server.address);
    await later.locator("#log", { hasText: "Back again" }).waitFor();
    await later.waitForFunction((away) => Number(document.getElementById("progress")?.getAttribute("aria-valuenow")) >= away, away);
    // The rest of it takes its time.
    if (process.env.ALL) {
      await reaches(later, "done");
      await later.waitForFunction(() => {
        const video = /** @type {HTMLVideoElement} */ (document.getElementById("video"));
        return !video.hidden && video.currentTime > 0.3 && video.videoWidth > 0;
      });
      await picture(later, "edge-done-wide-light");
    }
    assert.deepEqual(complaints, []);
    await close();
  });

  it("asks nothing of the simulator itself, and says so when a person stops it", async () => {
    const { page, close } = await open(browser, server.address, { viewport: { width: 360, height: 780 }, colorScheme: "dark" });
    /** @type {string[]} */
    const paths = [];
    page.on("request", (request) => paths.push(new URL(request.url()).pathname));
    await start(page, "many-clips", 10);
    await page.locator("#clips .clip[data-state=success]").first().waitFor();
    await picture(page, "edge-running-narrow-dark");
    await page.locator("#toggle").click();
    await reaches(page, "stopped");
    assert.match(await page.locator("#notice").innerText(), /The Worker goes on watching/);
    await picture(page, "edge-stopped-narrow-dark");
    assert.ok(paths.some((path) => path.startsWith(`/${PATH}`)));
    assert.deepEqual(paths.filter((path) => path.startsWith("/sim/api/")), []);
    await close();
  });

  it("refuses a port that is in use, in one line that names the cure", async () => {
    const { port } = new URL(server.address);
    assert.match((await refusedDemo(["--edge", "--port", port, ...kept("other")])).said, /^error: port \d+ is in use: .*`--port 0`.*$/);
  });

  it("does not serve its page under other names", async () => {
    const { port } = new URL(server.address);
    const answer = await new Promise((resolve, reject) => {
      get({ host: "127.0.0.1", port, path: "/", headers: { host: "elsewhere.example" } }, resolve).on("error", reject);
    });
    assert.equal(answer.statusCode, 403);
    answer.resume();
  });
});

describe("the page through the Worker, with a key", () => {
  /** @type {Map<string, number>} how often it was asked for each video */
  const asked = new Map();
  /** @type {Set<string>} */
  const finished = new Set();
  /** @type {Awaited<ReturnType<typeof startServer>>} */
  let service;
  /** @type {Record<string, string>} */
  let environment;
  before(async () => {
    service = await startServer((request, response) => {
      const id = request.url?.split("/").at(-1) ?? "";
      asked.set(id, (asked.get(id) ?? 0) + 1);
      response.statusCode = request.headers["x-api-key"] === KEY ? 200 : 401;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(finished.has(id)
        ? { status: "DONE", url: "https://media.invalid/v.mp4", note: `for ${KEY}` }
        : { status: "GENERATING_VIDEO", generatedContent: [{ status: "pending" }] }));
    });
    environment = { IACREA_API_KEY: KEY, IACREA_BASE_URL: service.origin };
  });
  after(() => service?.close());

  it("watches a real video, and the key is in no page, no file and no command line", async () => {
    finished.add("real");
    const server = await serve("edge", environment, kept("real"));
    try {
      const { page, close } = await open(browser, server.address);
      await page.locator("#live-id").fill("real");
      await page.locator("#live button[type=submit]").click();
      await reaches(page, "done");
      assert.equal(await page.locator("#mode").innerText(), "A real video, watched by a Worker");
      const answers = ["", "/update"].map(async (route) => (await fetch(`${server.address}${PATH}real${route}`)).text());
      const files = readdirSync(join(storage, "real"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      assert.ok(files.some(({ name }) => name === "workerd.capnp") && files.some(({ name }) => name.endsWith(".sqlite")));
      const running = commands();
      assert.ok(running.includes(join(storage, "real")));
      const texts = files.map((file) => readFileSync(join(file.parentPath ?? file.path, file.name), "latin1"));
      for (const text of [...texts, ...(await Promise.all(answers)), await page.content(), running]) assert.ok(!text.includes(KEY));
      await close();
    } finally {
      await server.stop();
    }
  });

  it("leaves nothing running when it is stopped, and goes on by itself when it is started again", async () => {
    const first = await serve("edge", environment, kept("real"));
    try {
      const begun = await fetch(`${first.address}${PATH}lasting/watch`, { method: "POST" });
      assert.equal(begun.status, 202);
      await until(() => asked.has("lasting"));
    } finally {
      assert.equal(await first.stop("SIGINT"), 0);
    }
    assert.ok(!commands().includes(join(storage, "real")));

    finished.add("lasting");
    const before = asked.get("lasting") ?? 0;
    const second = await serve("edge", environment, kept("real"));
    try {
      await until(() => (asked.get("lasting") ?? 0) > before);
      await until(async () => (await update(second.address, "lasting")).ended?.type === "done");
    } finally {
      await second.stop();
    }
  });
});
