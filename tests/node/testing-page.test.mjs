// @ts-check
/** docs/testing.md: its samples run, with the clock of @sinonjs/fake-timers, which Vitest and Jest have inside, in the place of theirs. */

import assert from "node:assert/strict";
import FakeTimers from "@sinonjs/fake-timers";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { entry, freshPackage, VideoClient } from "./package.mjs";

const page = readFileSync(new URL("../../docs/testing.md", import.meta.url), "utf8");
const samples = [...page.matchAll(/^## (.*)\n[^]*?^```js\n([^]*?)^```$/gm)].map(([, title = "", text = ""]) => ({ title, text }));

/** @type {any} */
let clock;
const vi = {
  useFakeTimers: (/** @type {any} */ how) => void (clock = FakeTimers.install({ ...how, now: Date.now() })),
  advanceTimersByTimeAsync: (/** @type {number} */ ms) => clock.tickAsync(ms),
  useRealTimers: () => clock.uninstall(),
};

describe("the page on testing", () => {
  it("has a sample for each way", () => {
    assert.deepEqual(samples.map(({ title }) => title), ["A fetch of your own", "Fake timers", "The simulator"]);
  });

  for (const { title, text } of samples) {
    it(`is right: ${title}`, async () => {
      const { createSimulator } = await import(new URL("simulator.js", entry).href);
      // A copy whose module is not there yet, as in a test run of one file.
      const { VideoClient } = await freshPackage();
      const names = { VideoClient, createSimulator, vi };
      const code = `return (async () => { ${text.replace(/^import .*$/gm, "")}; return { url, requests: typeof requests === "number" && requests }; })()`;
      const { url, requests } = await new Function(...Object.keys(names), code)(...Object.values(names));
      assert.equal(new URL(url).protocol, "https:");
      if (title === "Fake timers") assert.equal(requests, 3);
    });
  }

  it("is right that a spy on one client, and on the prototype before the first, replaces a method", async (test) => {
    const own = new VideoClient();
    test.mock.method(own, "waitForVideo", async () => "of one");
    assert.equal(await own.waitForVideo("v"), "of one");
    test.mock.method(VideoClient.prototype, "waitForVideo", async () => "of all");
    assert.equal(await new VideoClient().waitForVideo("v"), "of all");
  });

  /** @type {Record<string, (body: object) => any>} */
  const responses = { "a Response": (body) => Response.json(body), "an object with json()": (body) => ({ ok: true, json: async () => body }) };
  for (const [what, responseOf] of Object.entries(responses)) {
    it(`is right of a clock that fakes all that it knows, microtasks too where the page says so, as Jest's does: ${what}`, async () => {
      const { VideoClient } = await freshPackage();
      // What Node's own Response needs.
      const kept = what === "a Response" ? ["nextTick", "queueMicrotask"] : [];
      const toFake = /** @type {any} */ (Object.keys(FakeTimers.timers).filter((name) => !kept.includes(name)));
      const all = FakeTimers.install({ now: Date.now(), toFake });
      try {
        let asked = 0;
        const own = new VideoClient({ fetch: async () => responseOf((asked += 1) < 3 ? { status: "PENDING" } : { status: "DONE", url: "https://cdn.example/v.mp4" }) });
        await own.ready();
        let end;
        void own.waitForVideo("v").then((video) => (end = video.requests));
        await all.tickAsync(15_000);
        assert.equal(end, 3);
      } finally {
        all.uninstall();
      }
    });
  }
});
