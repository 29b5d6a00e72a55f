// @ts-check
// The package in a plain page and in a module worker, against the simulator behind the same origin: what is
// promised of it is promised in every engine.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createVideo, inFlight, KEY, logOf, logWhen, otherOrigin, scenarios, staysQuiet, url as simulator } from "../node/simulator.mjs";
import { complaintsOf, evaluate, shows } from "./engine.mjs";
import { serveBefore } from "./front.mjs";

/** A video takes a second or two. */
const SPEED = 150;
/** How many polls of the table go on at once; browsers keep six connections to one origin. */
const TOGETHER = 4;
/** Waits of seconds at any speed, which the Node tests have. */
const SLOW = /retry-after|rate-limited|unavailable|^hang$|^stall$/;

const catalogue = (await scenarios()).filter(({ name, group }) => !SLOW.test(name) && (group === "fault" || group === "end"));
assert.ok(catalogue.length > 30, "the catalogue is there");

/** @param {readonly number[]} overall */
function assertNeverFalls(overall) {
  assert.ok(overall.length > 0, "it came");
  assert.deepEqual(overall, [...overall].sort((a, b) => a - b));
  assert.ok((overall[0] ?? -1) >= 0 && overall.at(-1) === 1, `up to 1: ${overall}`);
}

/** @param {import("./engine.mjs").Engine} engine */
export function describePackage(engine) {
  describe(`the package in ${engine.name}`, () => {
    /** @type {Awaited<ReturnType<typeof serveBefore>>} */
    let front;
    /** @type {import("./engine.mjs").Browser} */
    let browser;
    before(async () => {
      front = await serveBefore(simulator, { "x-api-key": KEY });
      browser = await engine.launch();
    });
    after(async () => {
      await browser?.close();
      await front?.stop();
    });

    /** @param {string} name */
    async function bare(name = "bare") {
      const page = await browser.open(`${front.origin}/pages/${name}.html`);
      await shows(page, "html[data-ready]");
      return page;
    }

    it("brings a plain page its video", async () => {
      const id = await createVideo({ speed: SPEED, seed: 7 });
      const page = await browser.open(`${front.origin}/pages/plain.html?id=${id}`);
      await shows(page, "#status[data-stage]");
      const { video, updates } = await evaluate(page, () => {
        const { video, updates } = /** @type {any} */ (globalThis);
        return { video: { url: video.url, id: video.id, status: video.status }, updates: updates.map((/** @type {any} */ { status, overall }) => ({ status, overall })) };
      });
      assert.deepEqual(video, { url: `${front.origin}/media/tour.webm`, id, status: "DONE" });
      assertNeverFalls(updates.map((/** @type {{ overall: number }} */ { overall }) => overall));
      assert.equal(updates.at(-1).status, "DONE");
      assert.equal(await evaluate(page, () => /** @type {HTMLProgressElement} */ (document.getElementById("bar")).value), 1);
      assert.deepEqual(await complaintsOf(page), []);
      assert.deepEqual(await logOf(id).then(({ maxInFlight }) => maxInFlight), 1);
      await page.close();
    });

    it("rejects with the signal's own reason, and asks no more", async () => {
      const page = await bare();
      for (const scenario of ["happy", "hang-for-ever", "stall-for-ever"]) {
        // Slow enough that none is done before it is left.
        const id = await createVideo({ scenario, speed: 1, seed: 7 });
        await evaluate(page, (id) => {
          const { VideoClient } = /** @type {any} */ (globalThis).iacrea;
          const controller = new AbortController();
          const reason = new Error("the person has left");
          const options = { minIntervalMs: 10, maxIntervalMs: 20, signal: controller.signal };
          const outcome = new VideoClient({ baseUrl: "/" }).waitForVideo(id, options);
          Object.assign(globalThis, { controller, reason, outcome });
          outcome.catch(() => {});
        }, id);
        if (scenario === "happy") await logWhen(id, ({ requests }) => requests.length > 2);
        else await inFlight(id, 3);
        const isReason = await evaluate(page, async () => {
          const { controller, reason, outcome } = /** @type {any} */ (globalThis);
          controller.abort(reason);
          return (await outcome.catch((/** @type {unknown} */ thrown) => thrown)) === reason;
        });
        // It does not wait for the request that it cuts off: two of these would never end.
        assert.ok(isReason, scenario);
        await staysQuiet(id);
      }
      assert.deepEqual(await complaintsOf(page), []);
      await page.close();
    });

    it("works in a module worker", async () => {
      const page = await bare();
      const id = await createVideo({ speed: SPEED, seed: 7 });
      const aborted = await createVideo({ speed: SPEED, seed: 7 });
      const missing = await createVideo({ scenario: "not-found" });
      const answers = await evaluate(page, (messages) => {
        const worker = new Worker("worker.js", { type: "module" });
        /** @type {any[]} */
        const answers = [];
        return new Promise((resolve, reject) => {
          worker.onerror = (event) => reject(new Error(`the worker: ${event.message}`));
          worker.onmessage = ({ data }) => {
            answers.push(data);
            if (answers.length === messages.length) resolve(answers);
            else worker.postMessage(messages[answers.length]);
          };
          worker.postMessage(messages[0]);
        });
      }, [{ id }, { id: aborted, abortAfterUpdates: 2 }, { id: missing }]);
      const [done, left, failed] = /** @type {any[]} */ (answers);
      assertNeverFalls(done.overall);
      assert.deepEqual({ ...done, overall: [] }, { url: `${front.origin}/media/tour.webm`, id, overall: [] });
      assert.equal(left.code, "no VideoError: enough");
      assert.deepEqual(failed, { code: "not_found", overall: [] });
      await staysQuiet(aborted);
      assert.deepEqual(await complaintsOf(page), []);
      await page.close();
    });

    it("goes on from a token", async () => {
      const page = await bare();
      const id = await createVideo({ speed: SPEED, seed: 7 });
      const { before, first, last } = await evaluate(page, async (id) => {
        const { VideoClient } = /** @type {any} */ (globalThis).iacrea;
        const pace = { minIntervalMs: 30, maxIntervalMs: 80 };
        const poll = new VideoClient({ baseUrl: "/" }).poll(id, pace);
        for await (const update of poll) if (update.overall > 0.2) break;
        /** @type {any[]} */
        const updates = [];
        const again = new VideoClient({ baseUrl: "/" }).poll(id, { ...pace, resumeToken: poll.resumeToken(), onUpdate: (/** @type {any} */ update) => updates.push(update) });
        const video = await again.done;
        return { before: poll.current, first: updates[0], last: video };
      }, id);
      assert.ok(first.overall >= before.overall, `${before.overall} -> ${first.overall}`);
      assert.ok(first.requests > before.requests);
      assert.equal(last.status, "DONE");
      await page.close();
    });

    it("calls an answer that the browser withholds a matter of the network", async () => {
      const page = await bare();
      const error = await evaluate(page, async (simulator) => {
        const { VideoClient, VideoError } = /** @type {any} */ (globalThis).iacrea;
        // Another origin, which sends no CORS headers, as the real service.
        const client = new VideoClient({ baseUrl: simulator, apiKey: "demo-key" });
        const error = await client.waitForVideo("some-id", { maxConsecutiveFailures: 1 }).catch((/** @type {unknown} */ thrown) => thrown);
        return { ours: error instanceof VideoError, code: error.code, keyIsOut: JSON.stringify([error.message, error.detail, error.stack, error.resumeToken]).includes("demo-key") };
      }, simulator);
      assert.deepEqual(error, { ours: true, code: "network", keyIsOut: false });
      await page.close();
    });

    it("says that WebAssembly is forbidden where the page's policy forbids it", async () => {
      const page = await bare("no-wasm");
      const error = await evaluate(page, async () => {
        const { VideoClient, VideoError } = /** @type {any} */ (globalThis).iacrea;
        const error = await new VideoClient({ baseUrl: "/" }).waitForVideo("some-id").catch((/** @type {unknown} */ thrown) => thrown);
        return { ours: error instanceof VideoError, code: error.code, message: error.message };
      });
      assert.deepEqual({ ...error, message: "" }, { ours: true, code: "internal", message: "" });
      assert.match(error.message, /'wasm-unsafe-eval'/);
      await page.close();
    });

    describe("ends as it must in the scenario", () => {
      /** @type {Record<string, { outcome: string, detail: string, overall: number[], url?: string }>} */
      let outcomes = {};
      /** @type {Map<string, string>} */
      const ids = new Map();
      before(async () => {
        for (const { name } of catalogue) ids.set(name, await createVideo({ scenario: name, speed: 1_000, seed: 7 }));
        const page = await bare();
        outcomes = await evaluate(page, runTable, catalogue.map(({ name, expect }) => ({ name, id: ids.get(name) ?? "", expect })), TOGETHER);
        await page.close();
      });
      for (const { name, expect } of catalogue) {
        it(name, async () => {
          const told = outcomes[name];
          assert.ok(told);
          assert.equal(told.outcome, expect, told.detail);
          assert.deepEqual(told.overall, [...told.overall].sort((a, b) => a - b));
          if (expect === "done") assert.equal(told.url, `${front.origin}/media/tour.webm`);
          // All of them have ended: what was aborted at a time limit was aborted for the server too.
          const { key } = await logWhen(ids.get(name) ?? "", (log) => log.inFlight === 0);
          assert.ok(key);
        });
      }
      it("and no redirect was followed", async () => {
        assert.deepEqual((await otherOrigin()).requests, []);
      });
    });
  });
}

/**
 * Runs in the page: every scenario to its end, a few at once.
 * @param {{ name: string, id: string, expect: string }[]} table
 * @param {number} together
 */
async function runTable(table, together) {
  const { VideoClient, VideoError } = /** @type {any} */ (globalThis).iacrea;
  const patient = new VideoClient({ baseUrl: "/" });
  // Where it is the limit that has to end a request.
  const hasty = new VideoClient({ baseUrl: "/", requestTimeoutMs: 1_000 });
  /** @type {Record<string, any>} */
  const outcomes = {};
  const next = table[Symbol.iterator]();
  const work = async () => {
    for (const { name, id, expect } of next) {
      /** @type {number[]} */
      const overall = [];
      /** @type {any} */
      const told = { overall, detail: "" };
      try {
        const video = await (expect === "network" ? hasty : patient).waitForVideo(id, {
          minIntervalMs: 10,
          maxIntervalMs: 20,
          maxConsecutiveFailures: 5,
          ...(expect === "timeout" && { timeoutMs: 1_500 }),
          onUpdate: (/** @type {any} */ update) => overall.push(update.overall),
        });
        Object.assign(told, { outcome: "done", url: video.url });
      } catch (error) {
        const ours = error instanceof VideoError;
        Object.assign(told, { outcome: ours ? /** @type {any} */ (error).code : "no VideoError", detail: String(error) });
      }
      outcomes[name] = told;
    }
  };
  await Promise.all(Array.from({ length: together }, work));
  return outcomes;
}
