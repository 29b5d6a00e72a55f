// @ts-check
/**
 * `acrossTabs`: tabs of one origin that wait for the same video send one request per interval between them, whatever
 * becomes of any of them. In virtual time, to the millisecond; that real tabs do so too is shown in `tests/life`.
 */

import { course, openBrowser } from "./virtual-tabs.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** @typedef {ReturnType<typeof openBrowser>} Browser */
/** @typedef {Awaited<ReturnType<Browser["open"]>>} Tab */

const PACE = { minIntervalMs: 400, maxIntervalMs: 600 };
/** After so long without a sign of life, the tab whose turn it is counts as frozen. */
const SILENCE_MS = 1_200;
/** So long a tab listens for what the others know, before it sends a request that may be theirs to send. */
const LISTEN_MS = 50;
/** After so long without a reply a browser counts as one that lacks locks or digests. */
const REPLY_MS = 1_000;
/** Of a message, a lock that is granted and a response: a millisecond each. */
const HOPS_MS = 4;
const HOUR = 3_600_000;

/** @param {Browser} browser @param {number} count */
async function openTabs(browser, count) {
  const tabs = [];
  for (let at = 0; at < count; at += 1) tabs.push(await browser.open());
  return tabs;
}

/** The pauses between requests. @param {Browser} browser */
const pauses = ({ requests }) => requests.slice(1).map(({ atMs }, at) => atMs - (requests[at]?.atMs ?? NaN));

/** @param {ReturnType<Tab["poll"]>} poll */
const statuses = ({ updates }) =>
  updates.map(({ update }) => {
    const clips = update.generatedContent?.filter(({ status }) => status === "success").length ?? 0;
    return `${update.status} ${clips} ${update.status === "RENDERING_VIDEO" ? update.progress : ""}`;
  });

/**
 * What happens when the tab that sends the requests leaves, at moments all over an interval: how long after that another
 * tab's request comes.
 * @param {number} latencyMs
 * @param {(tab: Tab) => void} leave
 * @param {(browser: Browser, left: Tab, polls: ReturnType<Tab["poll"]>[]) => Promise<void>} [then]
 */
async function waitsAfter(latencyMs, leave, then = async () => {}) {
  const waits = [];
  for (let moment = 0; moment < 600 + latencyMs; moment += 93) {
    const browser = openBrowser({ latencyMs, says: (ms) => ({ status: "GENERATING_VIDEO", creditsUsed: ms }) });
    const tabs = await openTabs(browser, 3);
    const polls = [];
    for (const tab of tabs) {
      polls.push(tab.poll("v", PACE));
      await sleep(7);
    }
    while (browser.requests.length < 3) await browser.requestAfter(HOUR);
    await sleep(moment);
    const left = tabs.find((tab) => tab === browser.requests.at(-1)?.tab);
    assert.ok(left);
    const leftAt = performance.now();
    leave(left);
    const next = await browser.requestAfter(HOUR);
    assert.ok(next && next.tab !== left);
    waits.push(next.atMs - leftAt);
    await then(browser, left, polls);
    for (const tab of tabs) tab.close();
  }
  return waits;
}

describe("tabs of one origin", () => {
  for (const apart of [0, 7, 130]) {
    it(`send one request per interval between them, and each gets every status in order, opened ${apart} ms apart`, async () => {
      const browser = openBrowser({ says: course, latencyMs: 30 });
      const tabs = await openTabs(browser, 5);
      const polls = [];
      for (const tab of tabs) {
        polls.push(tab.poll("v", PACE));
        await sleep(apart);
      }
      for (const { end } of polls) assert.equal(await end, "done");
      assert.equal(browser.traffic.maxInFlight, 1);
      for (const pause of pauses(browser)) assert.ok(pause >= PACE.minIntervalMs && pause <= PACE.maxIntervalMs + browser.latencyMs + HOPS_MS, `${pauses(browser)}`);
      const [first = []] = polls.map(statuses);
      // Each response brings news, and no two are the same.
      assert.equal(first.length, browser.requests.length);
      assert.equal(new Set(first).size, first.length);
      assert.deepEqual([first[0], first.at(-1)?.slice(0, 4)], ["PENDING 0 ", "DONE"]);
      for (const poll of polls) {
        assert.deepEqual(statuses(poll), apart < browser.latencyMs ? first : first.slice(-poll.updates.length));
        assert.ok(poll.updates.length > first.length - 3);
        // They know how many requests it took, whoever sent them.
        assert.ok((poll.updates.at(-1)?.update.requests ?? 0) <= browser.requests.length);
      }
    });
  }

  it("do so too where an interval is so long that they have forgotten each other by its end", async () => {
    const browser = openBrowser({ latencyMs: 30 });
    const pace = { minIntervalMs: 20_000, maxIntervalMs: 30_000 };
    for (const tab of await openTabs(browser, 4)) tab.poll("v", pace);
    await sleep(HOUR / 4);
    assert.equal(browser.traffic.maxInFlight, 1);
    for (const pause of pauses(browser)) assert.ok(pause >= pace.minIntervalMs && pause <= pace.maxIntervalMs + 200, `${pauses(browser)}`);
    for (const { tab } of browser.requests) tab.close();
  });

  describe("when the one that sends the requests is closed", () => {
    it("between two requests: the next comes within the interval", async () => {
      const waits = await waitsAfter(0, (tab) => tab.close());
      assert.ok(Math.max(...waits) <= PACE.maxIntervalMs + HOPS_MS, `${waits}`);
    });

    it("in the middle of a request: another tab sends it anew within the interval", async () => {
      const waits = await waitsAfter(400, (tab) => tab.close());
      assert.ok(Math.max(...waits) <= PACE.maxIntervalMs + LISTEN_MS + HOPS_MS, `${waits}`);
    });

    it("one after the other, they go on to the last, and after it there is silence", async () => {
      const browser = openBrowser({ latencyMs: 200 });
      let left = await openTabs(browser, 4);
      for (const tab of left) tab.poll("v", PACE);
      while (left.length > 0) {
        const next = await browser.requestAfter(1_500);
        assert.ok(next, `${left.length} tabs are left, and none sends a request`);
        next.tab.close();
        left = left.filter((tab) => tab !== next.tab);
      }
      assert.equal(await browser.requestAfter(HOUR), undefined);
      assert.equal(browser.traffic.inFlight, 0);
    });
  });

  it("go on at once when the poll that has the turn is cancelled", async () => {
    const browser = openBrowser({ latencyMs: 400 });
    const tabs = await openTabs(browser, 3);
    const polls = tabs.map((tab) => tab.poll("v", PACE));
    const first = await browser.requestAfter(HOUR);
    await sleep(100);
    polls[tabs.findIndex((tab) => tab === first?.tab)]?.cancel();
    const leftAt = performance.now();
    const next = await browser.requestAfter(HOUR);
    assert.ok(next && next.tab !== first?.tab && next.atMs - leftAt <= LISTEN_MS + HOPS_MS, `${next?.atMs} after ${leftAt}`);
    assert.equal(browser.traffic.maxInFlight, 1);
    for (const tab of tabs) tab.close();
  });

  describe("when the one that sends the requests is frozen", () => {
    /** The others go on without it; once it is thawed it hears what they hear. @type {Parameters<typeof waitsAfter>[2]} */
    const thaw = async (browser, frozen, polls) => {
      await sleep(browser.latencyMs + LISTEN_MS);
      const before = browser.requests.length;
      await sleep(5_000);
      const meanwhile = pauses(browser).slice(before);
      assert.ok(meanwhile.length >= 3 && meanwhile.every((pause) => pause >= PACE.minIntervalMs), `${meanwhile}`);
      assert.ok(browser.requests.slice(before).every(({ tab }) => tab !== frozen));
      frozen.thaw();
      await sleep(2_000);
      const { length } = browser.requests;
      const { maxInFlight } = browser.traffic;
      await sleep(4_000);
      assert.equal(browser.traffic.maxInFlight, maxInFlight);
      const each = pauses(browser).slice(length);
      assert.ok(each.length >= 3 && each.every((pause) => pause >= PACE.minIntervalMs), `${each}`);
      assert.equal(new Set(polls.map(({ updates }) => updates.at(-1)?.update.creditsUsed)).size, 1);
    };

    it("between two requests: the next comes within the interval, or 1.2 s of silence later", async () => {
      const waits = await waitsAfter(0, (tab) => tab.freeze(), thaw);
      assert.ok(Math.max(...waits) <= PACE.maxIntervalMs + SILENCE_MS + LISTEN_MS + HOPS_MS, `${waits}`);
      // Only a tab that holds the turn is waited for.
      assert.ok(waits.slice(1).every((wait) => wait <= PACE.maxIntervalMs + HOPS_MS), `${waits}`);
    });

    it("in the middle of a request: another tab sends it anew within 1.2 s of silence and the interval", async () => {
      const waits = await waitsAfter(400, (tab) => tab.freeze(), thaw);
      assert.ok(Math.max(...waits) <= PACE.maxIntervalMs + SILENCE_MS + LISTEN_MS + HOPS_MS, `${waits}`);
    });
  });

  it("do not take the turn from one that is only slow to get its response", async () => {
    const browser = openBrowser({ latencyMs: 20_000 });
    const tabs = await openTabs(browser, 3);
    for (const tab of tabs) tab.poll("v", PACE);
    await sleep(120_000);
    assert.equal(browser.traffic.maxInFlight, 1);
    assert.ok(pauses(browser).every((pause) => pause >= 20_000), `${pauses(browser)}`);
    for (const tab of tabs) tab.close();
  });

  for (const channelMs of [1, 40]) it(`tell one that is opened what they know, without a request, over a channel of ${channelMs} ms`, async () => {
    const browser = openBrowser({ channelMs: () => channelMs });
    const slow = { minIntervalMs: 3_000, maxIntervalMs: 3_000 };
    const tabs = await openTabs(browser, 3);
    const [a, b, late] = /** @type {[Tab, Tab, Tab]} */ (tabs);
    for (const tab of [a, b]) tab.poll("v", slow);
    await sleep(1_000);
    assert.equal(browser.requests.length, 1);
    const { updates } = late.poll("v", slow);
    await sleep(LISTEN_MS + channelMs);
    assert.deepEqual(updates.map(({ update }) => [update.status, update.requests]), [["PENDING", 0]]);
    assert.equal(browser.requests.length, 1);
    for (const tab of tabs) tab.close();
  });

  it("wait for what one of them was told, also where the browser is slow to pass it on", async () => {
    const browser = openBrowser({ latencyMs: 300, channelMs: () => 100 });
    const tabs = await openTabs(browser, 3);
    for (const tab of tabs) tab.poll("v", { minIntervalMs: 600, maxIntervalMs: 600 });
    while (browser.requests.length < 20) await browser.requestAfter(HOUR);
    // The response comes 300 ms after the request. What the others know comes too late for those that begin.
    assert.ok(pauses(browser).slice(2).every((pause) => pause >= 900), `${pauses(browser)}`);
    for (const tab of tabs) tab.close();
  });

  it("wait for it too where the turn is passed on sooner than the response", async () => {
    // A message comes back to its own tab at once, and to another later.
    const browser = openBrowser({ latencyMs: 300, channelMs: (from, to) => (from === to ? 1 : 40) });
    const tabs = await openTabs(browser, 3);
    for (const tab of tabs) tab.poll("v", { minIntervalMs: 600, maxIntervalMs: 600 });
    while (browser.requests.length < 20) await browser.requestAfter(HOUR);
    assert.ok(pauses(browser).every((pause) => pause >= 900), `${pauses(browser)}`);
    for (const tab of tabs) tab.close();
  });

  it("tell one whose module comes late what they know by then", async () => {
    const browser = openBrowser();
    const slow = { minIntervalMs: 4_000, maxIntervalMs: 4_000 };
    const late = await browser.open({}, { late: true });
    const { updates } = late.poll("v", slow);
    const tab = await browser.open();
    tab.poll("v", slow);
    await sleep(1_000);
    assert.deepEqual([browser.requests.length, updates.length], [1, 0]);
    late.arrive();
    await sleep(LISTEN_MS + HOPS_MS);
    assert.deepEqual(updates.map(({ update }) => [update.status, update.requests]), [["PENDING", 0]]);
    assert.equal(browser.requests.length, 1);
    for (const each of [late, tab]) each.close();
  });

  it("have nothing to do with those of another user, and show nobody a key", async () => {
    const browser = openBrowser();
    const key = "key-of-one-user";
    const own = [await browser.open({ apiKey: key }), await browser.open({ apiKey: key })];
    const others = [
      await browser.open({ apiKey: "key-of-another" }),
      await browser.open({ headers: { authorization: "Bearer key-of-a-header" } }),
      await browser.open({ acrossTabs: "somebody" }),
      await browser.open({ credentials: "include" }),
      await browser.open({ acrossTabs: false }),
    ];
    for (const tab of [...own, ...others]) tab.poll("v", { minIntervalMs: 5_000, maxIntervalMs: 5_000 });
    await sleep(4_000);
    assert.equal(own.flatMap((tab) => tab.requests()).length, 1, "the two send one between them");
    assert.deepEqual(others.map((tab) => tab.requests().length), [1, 1, 1, 1, 1]);
    assert.ok(browser.messages.length > 0);
    for (const { name, text } of browser.messages) {
      assert.match(name, /^iacrea-video\/2:[0-9a-f]{64}$/);
      assert.ok(!text.includes("key-of") && !text.includes("somebody"), text);
    }
    // One for each identity but that of the last tab, which shares with none.
    assert.equal(new Set(browser.messages.map(({ name }) => name)).size, 5);
    for (const tab of [...own, ...others]) tab.close();
  });

  it("show nobody a key that the server repeats, in its body or in Retry-After", async () => {
    const key = "key-of-one-user";
    const browser = openBrowser({ says: () => new Response(`for ${key}`, { status: 503, headers: { "retry-after": `Bearer ${key}` } }) });
    const tab = await browser.open({ apiKey: key });
    tab.poll("v", PACE);
    await sleep(2_000);
    const answers = browser.messages.map(({ text }) => JSON.parse(text)).filter(({ type }) => type === "answer");
    assert.ok(answers.length > 0);
    for (const { body, retryAfter } of answers) assert.deepEqual([body, retryAfter], ["***", undefined]);
    tab.close();
  });

  for (const aheadMs of [-HOUR, HOUR]) {
    it(`tell each other when to come back, by the clock of a server that is ${aheadMs / HOUR} hours ahead`, async () => {
      const date = (/** @type {number} */ ms) => new Date(Date.now() + aheadMs + ms).toUTCString();
      const browser = openBrowser({ says: () => new Response("busy", { status: 429, headers: { "retry-after": date(30_000), date: date(0) } }) });
      const tabs = await openTabs(browser, 3);
      for (const tab of tabs) {
        tab.poll("v", PACE);
        await sleep(7);
      }
      await sleep(25_000);
      const sent = browser.requests.length;
      await sleep(60_000);
      // From the first response on nobody asks sooner, whoever it came to.
      for (const pause of pauses(browser).slice(sent - 1)) assert.ok(pause >= 30_000 && pause <= 30_000 + SILENCE_MS, `${pause} ms`);
      assert.ok(sent <= 3 && browser.requests.length >= sent + 2, `${sent}, then ${browser.requests.length}`);
      const answers = browser.messages.map(({ text }) => JSON.parse(text)).filter(({ type }) => type === "answer");
      assert.ok(answers.length >= 2);
      for (const { retryAfter } of answers) assert.equal(retryAfter, "30");
      for (const tab of tabs) tab.close();
    });
  }

  it("give locks names that tell nothing of the channel's", async () => {
    const browser = openBrowser();
    const tabs = await openTabs(browser, 3);
    for (const tab of tabs) tab.poll("v", PACE);
    const first = await browser.requestAfter(HOUR);
    // Also those for the turn of a tab that is silent.
    first?.tab.freeze();
    await sleep(5_000);
    const channels = new Set(browser.messages.map(({ name }) => name.split(":")[1] ?? ""));
    assert.deepEqual([channels.size, browser.lockNames.size], [1, 2]);
    for (const name of browser.lockNames) {
      assert.match(name, /^iacrea-video\/2:[0-9a-f]{64}:v(:steal)?$/);
      for (const digest of channels) assert.ok(digest.length === 64 && !name.includes(digest), name);
    }
    for (const tab of tabs) tab.close();
  });

  it("share nothing about different videos", async () => {
    const browser = openBrowser();
    const [a, b] = /** @type {[Tab, Tab]} */ (await openTabs(browser, 2));
    const pace = { minIntervalMs: 5_000, maxIntervalMs: 5_000 };
    const polls = [a.poll("one", pace), b.poll("another", pace)];
    await sleep(4_000);
    assert.deepEqual(browser.requests.map(({ id }) => id).sort(), ["another", "one"]);
    for (const { updates } of polls) assert.deepEqual(updates.map(({ update }) => update.requests), [1]);
    for (const tab of [a, b]) tab.close();
  });

  for (const lacks of /** @type {const} */ (["locks", "BroadcastChannel", "digest", "permission", "lock replies", "queue replies", "digest replies"])) {
    it(`poll each for itself where the browser lacks ${lacks}`, async () => {
      const browser = openBrowser({ says: course });
      const tabs = [await browser.open({}, { lacks }), await browser.open({}, { lacks })];
      const polls = tabs.map((tab) => tab.poll("v", PACE));
      for (const { end } of polls) assert.equal(await end, "done");
      for (const tab of tabs) assert.ok(tab.requests().length > 0);
    });
  }

  it("are not held up by a lock manager that does not answer, and give back what it grants too late", async () => {
    const browser = openBrowser({ latencyMs: 50 });
    const tab = await browser.open({}, { lacks: "lock replies" });
    const startedAt = performance.now();
    tab.poll("v", PACE);
    const first = await browser.requestAfter(HOUR);
    assert.ok(first && first.atMs - startedAt <= LISTEN_MS + REPLY_MS + HOPS_MS);
    assert.equal(tab.wanted.length, 1);
    // While the poll that wanted it is under way: what is not a promise releases the lock.
    assert.equal(tab.run(() => tab.wanted[0]?.({})) instanceof Promise, false);
    // It replies again, so it is asked again.
    await sleep(2_000);
    assert.ok(tab.wanted.length > 1);
    tab.close();
  });

  for (const [lacks, firstMs] of /** @type {const} */ ([["digest replies", REPLY_MS], ["lock replies", LISTEN_MS + REPLY_MS], ["queue replies", 2 * SILENCE_MS + REPLY_MS + 2 * LISTEN_MS]])) {
    it(`poll at their own pace where the browser gives no ${lacks}, after the first request, and know no timer but setTimeout`, async (test) => {
      // Clocks of tests leave this one to real time.
      test.mock.method(AbortSignal, "timeout", () => new AbortController().signal);
      const browser = openBrowser();
      const tab = await browser.open({}, { lacks });
      const startedAt = performance.now();
      tab.poll("v", PACE);
      const first = await browser.requestAfter(HOUR);
      assert.ok(first && first.atMs - startedAt <= firstMs + HOPS_MS, `${first?.atMs} after ${startedAt}`);
      await sleep(60_000);
      for (const pause of pauses(browser)) assert.ok(pause >= PACE.minIntervalMs && pause <= PACE.maxIntervalMs + HOPS_MS, `${pauses(browser)}`);
      assert.ok(browser.requests.length > 90);
      tab.close();
    });

    it(`keep their deadline from the first moment where it gives no ${lacks}`, async () => {
      const browser = openBrowser();
      const tab = await browser.open({}, { lacks });
      const startedAt = performance.now();
      assert.equal(await tab.poll("v", { ...PACE, timeoutMs: 400 }).end, "timeout");
      assert.equal(performance.now() - startedAt, 400);
      assert.equal(await browser.requestAfter(HOUR), undefined);
      tab.close();
    });
  }
});

describe("what another script says over the channel", () => {
  const DONE = JSON.stringify({ status: "DONE", url: "https://elsewhere.example/v.webm" });
  const forged = { type: "answer", id: "v", order: 1, httpStatus: 200, body: DONE };
  /** @type {[what: string, message: unknown][]} */
  const odd = [
    ["null", null],
    ["a number", 7],
    ["a text", "answer"],
    ["a list", ["answer", "v", 1, 200, DONE]],
    ["an object", {}],
    ["another type", { ...forged, type: "told" }],
    ["a type that is a list", { ...forged, type: ["answer"] }],
    ["an id that is a number", { ...forged, id: 7 }],
    ["an id that is a list", { ...forged, id: ["v"] }],
    ["an id that is too long", { ...forged, id: "v".repeat(2_049) }],
    ["no id", { ...forged, id: undefined }],
    ["an order that is a text", { ...forged, order: "1" }],
    ["no order", { ...forged, order: undefined }],
    ["an order below 0", { ...forged, order: -1 }],
    ["half an order", { ...forged, order: 1.5 }],
    ["an order that is not exact", { ...forged, order: 2 ** 53 }],
    ["a receiver that is null", { ...forged, to: null }],
    ["a receiver that is a text", { ...forged, to: "1" }],
    ["a status that is a text", { ...forged, httpStatus: "200" }],
    ["a status that is null", { ...forged, httpStatus: null }],
    ["a status of 0", { ...forged, httpStatus: 0 }],
    ["a status of 199", { ...forged, httpStatus: 199 }],
    ["a status of 600", { ...forged, httpStatus: 600 }],
    ["a status beyond 16 bits", { ...forged, httpStatus: 65_536 + 200 }],
    ["half a status", { ...forged, httpStatus: 200.5 }],
    ["a Retry-After that is a number", { ...forged, httpStatus: 404, retryAfter: 7 }],
    ["a Retry-After that is an object", { ...forged, httpStatus: 404, retryAfter: { a: 1 } }],
    ["a Retry-After that is null", { ...forged, httpStatus: 404, retryAfter: null }],
    ["a long Retry-After", { ...forged, httpStatus: 404, retryAfter: "7".repeat(101) }],
    ["a body that is a number", { ...forged, body: 7 }],
    ["a body that is null", { ...forged, body: null }],
    ["a body that is an object", { ...forged, body: { status: "DONE" } }],
    ["no body", { ...forged, body: undefined }],
    ["a body over the limit", { ...forged, body: DONE.padEnd(10_001) }],
    ["a body of 8 MB", { ...forged, body: DONE.padEnd(8 << 20) }],
    ["a sign of life without a number", { type: "asking", id: "v", by: null }],
    ["a sign of life of a text", { type: "asking", id: "v", by: "7" }],
    ["a request without a number", { type: "who", id: "v" }],
  ];

  it("is heard where a page of the package could have said it", async () => {
    const { poll, say, tab } = await overheard();
    await say({ ...forged, body: DONE.padEnd(10_000) });
    assert.deepEqual(poll.updates.at(-1)?.update.status, "DONE");
    tab.close();
  });

  for (const [what, message] of odd) {
    it(`is dropped where it is ${what}`, async (test) => {
      const errors = uncaught(test);
      const { browser, poll, say, tab } = await overheard();
      const { length } = browser.messages;
      await say(message);
      assert.deepEqual(errors, []);
      // Nobody responds to it.
      assert.equal(browser.messages.length, length + 1);
      assert.deepEqual(poll.updates.map(({ update }) => update.status), ["PENDING"]);
      // The module is as it was: the next response is read, and the poll goes on with what it knew.
      assert.ok(await browser.requestAfter(HOUR));
      await sleep(HOPS_MS);
      assert.equal(poll.updates.at(-1)?.update.requests, 2);
      assert.equal(poll.updates.at(-1)?.update.status, "RENDERING_VIDEO");
      tab.close();
    });
  }

  it("does no harm to a tab that waits until its own message is on its way", async (test) => {
    const errors = uncaught(test);
    // A message comes back to its own tab later than one of another.
    const { browser, tab, say } = await overheard((from, to) => (from === to ? 40 : 1));
    const { length } = browser.requests;
    tab.poll("w", PACE);
    for (let count = 0; count < 50; count += 1) await say(null);
    assert.deepEqual(errors, []);
    assert.equal(browser.requests[length]?.id, "w");
    tab.close();
  });

  /** What a page's console would show. @param {import("node:test").TestContext} test */
  function uncaught(test) {
    /** @type {unknown[]} */
    const errors = [];
    const listen = (/** @type {unknown} */ error) => void errors.push(error);
    process.on("uncaughtException", listen);
    test.after(() => process.off("uncaughtException", listen));
    return errors;
  }

  /** A tab that has had its first response, and a script beside it that knows the name of its channel. */
  async function overheard(channelMs = (/** @type {unknown} */ _from, /** @type {unknown} */ _to) => 0) {
    const browser = openBrowser({ channelMs, says: (ms) => (ms < 5_000 ? { status: "PENDING" } : { status: "RENDERING_VIDEO", progress: 0.5 }) });
    const tab = await browser.open({ maxResponseBytes: 10_000 });
    const poll = tab.poll("v", { minIntervalMs: 10_000, maxIntervalMs: 10_000 });
    await browser.requestAfter(HOUR);
    await sleep(1_000);
    const other = await browser.open();
    const port = other.run(() => new BroadcastChannel(browser.messages[0]?.name ?? ""));
    return {
      browser,
      tab,
      poll,
      /** @param {unknown} message */
      async say(message) {
        port.postMessage(message);
        await sleep(HOPS_MS);
      },
    };
  }
});
