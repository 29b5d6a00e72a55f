// @ts-check
// Five real tabs of one origin that wait for the same video: they ask once between them, whatever becomes of any of them.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createVideo, logOf, logWhen } from "../node/simulator.mjs";
import { ended, launch, record, serve, start } from "./browser.mjs";

/** @typedef {import("puppeteer-core").Page} Page */

/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
/** @type {import("puppeteer-core").Browser} */
let browser;
before(async () => void ([site, browser] = await Promise.all([serve(), launch()])));
after(async () => {
  await browser?.close();
  await site?.stop();
});

const PACE = { minIntervalMs: 400, maxIntervalMs: 600 };
const LONG = { scenario: "slow-start", speed: 1 };
/** Of the wire and a busy machine. */
const SLACK_MS = 60;
/** Of a dozen windows on it, all at work. */
const HANDOVER_SLACK_MS = 1_000;

/**
 * Tabs of one user, each in a window of its own so that none covers another, and how often each has asked.
 * @param {import("node:test").TestContext} test
 * @param {number} count
 * @param {import("../../pkg/dist/index.js").ClientOptions} [options]
 */
async function open(test, count, options = {}) {
  const context = await browser.createBrowserContext();
  test.after(() => context.close());
  /** @param {import("../../pkg/dist/index.js").ClientOptions} [own] @param {string} [flaw] what the browser lacks, or is slow with */
  const add = async (own = options, flaw) => {
    const page = await context.newPage({ type: "window" });
    await page.goto(site.origin);
    await page.evaluate(
      async (options, flaw) => {
        const { fetch, BroadcastChannel } = globalThis;
        const seen = { asked: 0, messages: /** @type {string[]} */ ([]) };
        globalThis.fetch = (...given) => {
          if (String(given[0]).includes("/api/")) seen.asked += 1;
          return fetch(...given);
        };
        globalThis.BroadcastChannel = class extends BroadcastChannel {
          constructor(/** @type {string} */ name) {
            super(name);
            seen.messages.push(name);
          }
          postMessage(/** @type {any} */ message) {
            seen.messages.push(JSON.stringify(message));
            const send = () => super.postMessage(message);
            if (flaw === "slow channel") setTimeout(send, 100);
            else send();
          }
        };
        if (flaw === "locks") Object.defineProperty(navigator, "locks", { value: undefined });
        if (flaw === "BroadcastChannel") Object.defineProperty(globalThis, "BroadcastChannel", { value: undefined });
        if (flaw === "digest") Object.defineProperty(crypto, "subtle", { value: undefined });
        if (flaw === "leave") navigator.locks.request = () => Promise.reject(new DOMException("not here", "SecurityError"));
        const { VideoClient } = await import(/** @type {any} */ ("/package/slim.js"));
        const address = "/package/iacrea-video.wasm";
        const late = () => new Promise((resolve) => Object.assign(globalThis, { arrive: () => resolve(address) }));
        const wasm = flaw === "slow module" ? late : address;
        Object.assign(globalThis, { seen, own: new VideoClient({ wasm, baseUrl: "/", acrossTabs: true, ...options }), polls: {} });
      },
      /** @type {{}} */ (own),
      flaw,
    );
    return page;
  };
  const pages = [];
  for (let at = 0; at < count; at += 1) pages.push(await add());
  return { context, pages, add };
}

/** @param {Page} page @returns {Promise<{ asked: number, messages: string[] }>} */
const seen = (page) => page.evaluate(() => /** @type {any} */ (globalThis).seen);
/** @param {Page[]} pages */
const asked = (pages) => Promise.all(pages.map(async (page) => (await seen(page)).asked));

/** Which of the pages asks next. @param {Page[]} pages @returns {Promise<Page>} */
async function nextToAsk(pages) {
  const before = await asked(pages);
  for (;;) {
    const at = (await asked(pages)).findIndex((count, at) => count > (before[at] ?? 0));
    const page = pages[at];
    if (page) return page;
    await sleep(5);
  }
}

/** @param {string} id */
async function pauses(id) {
  const { requests } = await logOf(id);
  return requests.slice(1).map(({ atMs }, at) => atMs - (requests[at]?.atMs ?? NaN));
}

/**
 * Whoever asks leaves as `leave` says: the next request comes within the interval and a second of that.
 * @param {string} id
 * @param {() => Promise<unknown>} leave
 */
async function asksOnAfter(id, leave) {
  const leftAt = performance.now();
  await leave();
  const { length } = (await logOf(id)).requests;
  await logWhen(id, (log) => log.requests.length > length);
  const waited = performance.now() - leftAt;
  assert.ok(waited <= PACE.maxIntervalMs + 1_000 + HANDOVER_SLACK_MS, `${waited} ms`);
  return waited;
}

describe("tabs of one origin", { concurrency: 3, timeout: 240_000 }, () => {
  it("ask once between them, and each is told of everything", async (test) => {
    const { pages } = await open(test, 5);
    const id = await createVideo({ speed: 20, seed: 4 });
    await Promise.all(pages.map((page) => start(page, id, PACE)));
    const records = await Promise.all(pages.map((page) => ended(page, id, 60_000)));
    const { requests, maxInFlight } = await logOf(id);
    const each = await pauses(id);
    const [first] = records;
    test.diagnostic(`${requests.length} requests for five tabs, which asked ${await asked(pages)} times; shortest pause ${Math.min(...each)} ms`);
    assert.equal(maxInFlight, 1);
    assert.ok(each.every((pause) => pause >= PACE.minIntervalMs - SLACK_MS), `${each}`);
    assert.ok(first && first.statuses.length > 5);
    for (const { end, statuses } of records) {
      assert.equal(end, "done");
      // Whoever comes later may have missed what was before.
      assert.deepEqual(first.statuses.slice(-statuses.length), statuses);
    }
    const counts = await asked(pages);
    assert.equal(counts.reduce((sum, count) => sum + count, 0), requests.length);
  });

  it("go on at once when the one that asks is closed, asleep or in the middle of it, and are silent when all are", async (test) => {
    for (const latencyMs of [0, 400]) {
      const { pages } = await open(test, 4);
      const id = await createVideo({ ...LONG, latencyMs });
      await Promise.all(pages.map((page) => start(page, id, PACE)));
      await logWhen(id, (log) => log.requests.length >= 4);
      for (let left = pages; left.length > 1; ) {
        const asking = await nextToAsk(left);
        if (latencyMs === 0) await sleep(100);
        left = left.filter((page) => page !== asking);
        test.diagnostic(`${(await asksOnAfter(id, () => asking.close())).toFixed()} ms`);
        if (left.length === 1) {
          await sleep(500);
          await left[0]?.close();
        }
      }
      // What left just before may be on its way.
      await sleep(500);
      const { requests } = await logOf(id);
      await sleep(2_500);
      assert.equal((await logOf(id)).requests.length, requests.length, "a request followed");
    }
  });

  it("go on when the one that asks is frozen, asleep or in the middle of it", async (test) => {
    for (const latencyMs of [0, 500]) {
      const { pages } = await open(test, 3);
      const id = await createVideo({ ...LONG, latencyMs });
      await Promise.all(pages.map((page) => start(page, id, PACE)));
      await logWhen(id, (log) => log.requests.length >= 3);
      const asking = await nextToAsk(pages);
      const devtools = await asking.createCDPSession();
      if (latencyMs === 0) await sleep(100);
      const freeze = () => devtools.send("Page.setWebLifecycleState", { state: "frozen" });
      test.diagnostic(`${(await asksOnAfter(id, freeze)).toFixed()} ms`);
      const others = pages.filter((page) => page !== asking);
      const before = await asked(others);
      await logWhen(id, (log) => log.requests.length >= 8);
      assert.ok((await asked(others)).some((count, at) => count > (before[at] ?? 0)));
      await devtools.send("Page.setWebLifecycleState", { state: "active" });
      await sleep(2_000);
      assert.equal((await record(asking, id)).end, undefined);
    }
  });

  it("tell one that is opened what they know, without a question", async (test) => {
    const { pages, add } = await open(test, 2);
    const id = await createVideo(LONG);
    const slow = { minIntervalMs: 3_000, maxIntervalMs: 3_000 };
    await Promise.all(pages.map((page) => start(page, id, slow)));
    const { requests } = await logWhen(id, (log) => log.requests.length >= 1 && log.inFlight === 0);
    assert.equal(requests.length, 1);
    const page = await add();
    await start(page, id, slow);
    for (;;) if ((await record(page, id)).statuses.length > 0) break;
    assert.deepEqual([(await seen(page)).asked, (await record(page, id)).requests], [0, 0]);
    assert.equal((await logOf(id)).requests.length, 1);
  });

  it("wait for what one of them was told, also where the browser is slow to pass it on", async (test) => {
    const { add } = await open(test, 0);
    const pages = [await add({}, "slow channel"), await add({}, "slow channel"), await add({}, "slow channel")];
    const id = await createVideo({ ...LONG, latencyMs: 300 });
    await Promise.all(pages.map((page) => start(page, id, { minIntervalMs: 600, maxIntervalMs: 600 })));
    await logWhen(id, (log) => log.requests.length >= 6);
    // The answer comes 300 ms after the question. What the others know comes too late for those that begin.
    const each = (await pauses(id)).slice(2);
    assert.ok(each.every((pause) => pause >= 900 - SLACK_MS), `${each}`);
  });

  it("tell one whose module comes late what they know by then", async (test) => {
    const { pages, add } = await open(test, 1);
    const id = await createVideo(LONG);
    const slow = { minIntervalMs: 4_000, maxIntervalMs: 4_000 };
    const late = await add({}, "slow module");
    await start(late, id, slow);
    const [page] = /** @type {[Page]} */ (pages);
    await start(page, id, slow);
    for (;;) if ((await record(page, id)).statuses.length > 0) break;
    await late.evaluate(() => /** @type {any} */ (globalThis).arrive());
    for (;;) if ((await record(late, id)).statuses.length > 0) break;
    assert.deepEqual([(await seen(late)).asked, (await record(late, id)).requests], [0, 0]);
    assert.equal((await logOf(id)).requests.length, 1);
  });

  it("have nothing to do with those of another user, and show nobody a key", async (test) => {
    const key = "key-of-one-user";
    const { pages, add } = await open(test, 2, { apiKey: key });
    const others = [await add({ apiKey: "key-of-another" }), await add({ headers: { authorization: "Bearer key-of-a-header" } }), await add({ acrossTabs: "somebody" }), await add({ credentials: "include" }), await add({ acrossTabs: false })];
    const id = await createVideo({ ...LONG });
    for (const page of [...pages, ...others]) await start(page, id, { minIntervalMs: 5_000, maxIntervalMs: 5_000 });
    await sleep(1_500);
    const counts = await asked([...pages, ...others]);
    assert.equal((counts[0] ?? 0) + (counts[1] ?? 0), 1, "the two ask once");
    assert.deepEqual(counts.slice(2), [1, 1, 1, 1, 1]);
    const names = new Set();
    for (const page of [...pages, ...others]) {
      const { messages } = await seen(page);
      for (const message of messages) {
        // Not a few digits: numbers that mean nothing would have them now and then.
        assert.ok(!message.includes("key-of"), message);
        if (message.startsWith("iacrea-video:")) names.add(message);
      }
    }
    assert.equal(names.size, 5);
  });

  it("ask each for itself where the browser lacks what it takes", async (test) => {
    const { add } = await open(test, 0);
    for (const without of ["locks", "BroadcastChannel", "digest", "leave"]) {
      const id = await createVideo({ scenario: "quick", speed: 20 });
      const pages = [await add({}, without), await add({}, without)];
      await Promise.all(pages.map((page) => start(page, id, PACE)));
      for (const page of pages) {
        assert.equal((await ended(page, id)).end, "done", without);
        assert.ok((await seen(page)).asked > 0);
      }
    }
  });
});
