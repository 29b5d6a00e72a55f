// @ts-check
/**
 * `iacrea-video/machine` in the hands of an engine that keeps nothing but the snapshot: through every scenario, then by
 * itself at times that the tests choose.
 */

import { still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { entry, VideoError } from "./package.mjs";
import { createVideo, KEY, logWhen, scenarios, url } from "./virtual-simulator.mjs";

/** @typedef {import("../../pkg/dist/machine.js").PollEvent} PollEvent */
/** @typedef {import("../../pkg/dist/machine.js").Step} Step */
/** @typedef {import("../../pkg/dist/machine.js").MachineOptions} MachineOptions */
/** @typedef {Extract<import("../../pkg/dist/machine.js").PollCommand, { type: "sleep" }>} Sleep */

const machine = new URL("machine.js", entry).href;
/** @type {typeof import("../../pkg/dist/machine.js")} */
const { start, step, VideoError: OwnError } = await import(machine);

const NOW = Date.UTC(2027, 0, 15);
const PACE = { minIntervalMs: 10, maxIntervalMs: 20 };
const ENDLESS = 1_500;
/** As in catalogue.test.mjs: the server wishes for more time than there is. */
const ASKS_FOR_TOO_LONG = /^retry-after-month/;
const REQUEST_MS = 400;
const LONGEST = 1_048_576;

/** @param {unknown} body @returns {PollEvent} */
const says = (body) => ({ type: "response", httpStatus: 200, body: JSON.stringify(body) });
const PENDING = says({ status: "PENDING" });
const DONE = says({ status: "DONE", url: "https://media.example/v.webm" });
/** @type {PollEvent} */
const WAKE = { type: "wake" };

/** One request, as an engine makes it. @param {string} id @returns {Promise<PollEvent>} */
async function ask(id) {
  try {
    const response = await fetch(`${url}/api/video-editor/generate/video/${encodeURIComponent(id)}`, {
      headers: { "x-api-key": KEY },
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    let body = "";
    for await (const chunk of /** @type {any} */ (response.body)?.pipeThrough(new TextDecoderStream()) ?? []) {
      body += chunk;
      // How long a body may be is the engine's to say.
      if (body.length > LONGEST) return { type: "response", httpStatus: response.status, body: "" };
    }
    return { type: "response", httpStatus: response.status, retryAfter: response.headers.get("retry-after"), body };
  } catch {
    return { type: "network_error" };
  }
}

const catalogue = await scenarios();

describe("an engine that keeps the snapshot alone, in the scenario", () => {
  for (const { name, expect } of catalogue) {
    it(`${name} ends with "${expect}"`, async () => {
      const id = await createVideo({ scenario: name, speed: 1_000, seed: 7 });
      const isEndless = expect === "timeout" && !ASKS_FOR_TOO_LONG.test(name);
      let overall = 0;
      let at = await start(id, Date.now(), { ...PACE, ...(isEndless && { timeoutMs: ENDLESS }) });
      while (at.command.type === "fetch" || at.command.type === "sleep") {
        const { update } = at.command;
        if (update) {
          assert.ok(update.overall >= overall && update.overall < 1);
          overall = update.overall;
        }
        /** @type {PollEvent} */
        let event = WAKE;
        if (at.command.type === "fetch") event = await ask(id);
        else await sleep(at.command.untilMs - Date.now());
        const now = Math.max(Date.now(), at.command.type === "sleep" ? at.command.untilMs : 0);
        const next = await step(at.snapshot, event, now);
        assert.deepEqual(await step(at.snapshot, event, now), next, "the same arguments give the same step");
        at = next;
      }
      if (at.command.type === "done") {
        assert.equal("done", expect);
        assert.match(at.command.update.url, /\/media\/tour\.webm$/);
        assert.equal(at.command.update.overall, 1);
      } else {
        assert.ok(at.command.error instanceof VideoError && at.command.error instanceof OwnError);
        assert.equal(at.command.error.code, expect, at.command.error.message);
        assert.ok(at.command.error.resumeToken);
      }
      const again = await step(at.snapshot, PENDING, Date.now());
      assert.deepEqual([again.command.type, again.snapshot], [at.command.type, at.snapshot], "what is over stays over");
      assert.ok(!JSON.stringify(at).includes(KEY));
      const { requests, maxInFlight } = await logWhen(id, (log) => log.inFlight === 0);
      assert.equal(maxInFlight, 1);
      const pauses = requests.slice(1).map(({ atMs }, index) => atMs - (requests[index]?.atMs ?? NaN));
      assert.ok(pauses.every((pause) => pause >= PACE.minIntervalMs), `${pauses}`);
    });
  }
});

describe("the machine", () => {
  /** What it sleeps for. @param {Step} at */
  const sleeps = (at) => {
    assert.equal(at.command.type, "sleep");
    return /** @type {Sleep} */ (at.command).untilMs;
  };

  it("asks at once, and says how long it is worth waiting", async () => {
    const { command, snapshot } = await start("v", NOW, { timeoutMs: 60_000 });
    assert.deepEqual(command, { type: "fetch", giveUpAtMs: NOW + 60_000 });
    assert.match(snapshot, /^is1,v,/);
    assert.deepEqual((await start("v", NOW, { timeoutMs: Infinity })).command, { type: "fetch" });
  });

  it("tells what is new with what it commands", async () => {
    const first = await step((await start("v", NOW)).snapshot, PENDING, NOW + 200);
    assert.ok(first.command.type === "sleep" && first.command.update?.status === "PENDING");
    assert.deepEqual([first.command.update.raw, first.command.update.videoId], [{ status: "PENDING" }, "v"]);
    const due = sleeps(first);
    assert.ok(due >= NOW + 2_000 && due <= NOW + 5_200, `${due - NOW}`);
    const asked = await step(first.snapshot, WAKE, due);
    const second = await step(asked.snapshot, PENDING, due + 100);
    assert.equal("update" in second.command, false, "nothing is new");
    const done = await step(second.snapshot, DONE, due + 9_000);
    assert.ok(done.command.type === "done");
    assert.equal(done.command.update.url, "https://media.example/v.webm");
  });

  it("asks no sooner than the shortest pause, however often it is woken", async () => {
    const asleep = await step((await start("v", NOW)).snapshot, PENDING, NOW + 100);
    let at = asleep;
    for (let now = NOW + 110; now < NOW + 2_000; now += 50) {
      at = await step(at.snapshot, WAKE, now);
      assert.equal(sleeps(at), NOW + 2_000);
    }
    assert.equal((await step(at.snapshot, WAKE, NOW + 2_000)).command.type, "fetch");
  });

  it("does not break a Retry-After for a wake", async () => {
    const busy = await step((await start("v", NOW)).snapshot, { type: "response", httpStatus: 429, retryAfter: "60", body: "" }, NOW);
    assert.ok(sleeps(busy) >= NOW + 60_000);
    assert.ok(sleeps(await step(busy.snapshot, WAKE, NOW + 30_000)) >= NOW + 60_000);
  });

  it("asks again where the answer was lost, and takes one that comes all the same", async () => {
    const asked = await start("v", NOW);
    const woken = await step(asked.snapshot, WAKE, NOW + 500);
    assert.equal(sleeps(woken), NOW + 2_000);
    assert.equal((await step(woken.snapshot, DONE, NOW + 600)).command.type, "done");
    assert.equal((await step(woken.snapshot, WAKE, NOW + 2_000)).command.type, "fetch");
    assert.equal((await step(asked.snapshot, WAKE, NOW + 3_600_000)).command.type, "fetch", "an hour later, beyond the deadline");
  });

  it("asks once more when it is woken long after its end", async () => {
    const asleep = await step((await start("v", NOW, { timeoutMs: 60_000 })).snapshot, PENDING, NOW + 100);
    const late = await step(asleep.snapshot, WAKE, NOW + 3_600_000);
    assert.equal(late.command.type, "fetch");
    assert.equal((await step(late.snapshot, DONE, NOW + 3_600_100)).command.type, "done");
    const over = await step(late.snapshot, PENDING, NOW + 3_600_100);
    assert.ok(over.command.type === "failed");
    assert.deepEqual([over.command.error.code, over.command.error.retryable, over.command.error.last?.status], ["timeout", true, "PENDING"]);
  });

  it("refuses what it cannot work with, and loses nothing by it", async () => {
    const { snapshot } = await start("v", NOW);
    const bad = /** @type {any} */ ([
      () => start(/** @type {any} */ (undefined), NOW),
      () => start("", NOW),
      () => start("..", NOW),
      () => start("v", NaN),
      () => start("v", -1),
      () => start("v", Infinity),
      () => start("v", /** @type {any} */ ("now")),
      () => start("v", NOW, /** @type {any} */ (null)),
      () => start("v", NOW, { timeoutMs: 0 }),
      () => start("v", NOW, { minIntervalMs: 5, maxIntervalMs: 4 }),
      () => start("v", NOW, { maxConsecutiveFailures: 0 }),
      () => step("", WAKE, NOW),
      () => step(/** @type {any} */ (7), WAKE, NOW),
      () => step(snapshot.slice(0, -1), WAKE, NOW),
      () => step(snapshot.replace(",v,", ",w,"), WAKE, NOW),
      () => step("is2" + snapshot.slice(3), WAKE, NOW),
      () => step(snapshot, /** @type {any} */ (undefined), NOW),
      () => step(snapshot, /** @type {any} */ ({ type: "sleep" }), NOW),
      () => step(snapshot, /** @type {any} */ ({ type: "response", httpStatus: 200 }), NOW),
      () => step(snapshot, /** @type {any} */ ({ type: "response", httpStatus: "200", body: "" }), NOW),
      () => step(snapshot, /** @type {any} */ ({ type: "response", httpStatus: 20.5, body: "" }), NOW),
      () => step(snapshot, /** @type {any} */ ({ type: "response", httpStatus: 200, body: "", retryAfter: 5 }), NOW),
      () => step(snapshot, WAKE, NaN),
    ]);
    for (const attempt of bad) {
      await assert.rejects(attempt, (error) => error instanceof OwnError && error.code === "invalid_argument" && !error.retryable, String(attempt));
    }
    assert.equal((await step(snapshot, DONE, NOW)).command.type, "done");
  });

  it("is the same as CommonJS", async () => {
    const common = createRequire(entry)("./cjs/machine.js");
    // It reads a file.
    const begun = await still(common.start("v", NOW));
    assert.deepEqual(begun, await start("v", NOW));
    assert.deepEqual(await common.step(begun.snapshot, DONE, NOW + 100), await step(begun.snapshot, DONE, NOW + 100));
    await assert.rejects(common.step("", WAKE, NOW), (/** @type {any} */ error) => error instanceof common.VideoError && error.code === "invalid_argument");
  });

  it("goes on in another process, with the text alone", async () => {
    const { snapshot } = await step((await start("v", NOW)).snapshot, says({ status: "RENDERING_VIDEO", progress: 0.4 }), NOW);
    const elsewhere = await still(import(`${machine}?elsewhere`));
    for (const event of [WAKE, PENDING, DONE]) {
      assert.deepEqual(await elsewhere.step(snapshot, event, NOW + 5_000), await step(snapshot, event, NOW + 5_000));
    }
  });
});

describe("an engine that loses every answer", () => {
  /** Woken as the machine wants it, or as an engine does that was killed in each of its requests. @type {Record<string, (command: Step["command"], nowMs: number) => number>} */
  const waits = {
    "woken when it wants to be": (command, nowMs) => (command.type === "sleep" ? command.untilMs : nowMs + 3_000),
    "woken each second": (_, nowMs) => nowMs + 1_000,
    "woken each minute": (_, nowMs) => nowMs + 60_000,
  };
  for (const [how, wait] of Object.entries(waits)) {
    for (const [options, code] of /** @type {[MachineOptions, string][]} */ ([
      [{}, "network"],
      [{ timeoutMs: Infinity }, "network"],
      [{ timeoutMs: Infinity, maxConsecutiveFailures: 3 }, "network"],
      [{ timeoutMs: 60_000, maxConsecutiveFailures: Infinity }, "timeout"],
    ])) {
      it(`${how}, with ${JSON.stringify(options)}, ends with "${code}"`, async () => {
        let nowMs = NOW;
        let { snapshot, command } = await start("v", nowMs, options);
        /** @type {number[]} */
        const requests = [];
        for (let steps = 0; command.type === "fetch" || command.type === "sleep"; steps += 1) {
          assert.ok(steps < 5_000, "it goes on for ever");
          if (command.type === "fetch") requests.push(nowMs);
          nowMs = wait(command, nowMs);
          ({ snapshot, command } = await step(snapshot, WAKE, nowMs));
        }
        assert.ok(command.type === "failed");
        assert.equal(command.error.code, code);
        requests.slice(1).forEach((atMs, at) => assert.ok(atMs - (requests[at] ?? NaN) >= 2_000, requests.join(" ")));
        assert.ok(requests.length <= (code === "timeout" ? 12 : (options.maxConsecutiveFailures ?? 10)), requests.join(" "));
      });
    }
  }
});
