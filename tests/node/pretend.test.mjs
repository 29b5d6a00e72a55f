// @ts-check
/** Hosts that are pretended, which call back what was taken from them, or in the middle of a call. The module must not trap. */

import { leap, still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { done, pending } from "./answers.mjs";
import { freshPackage } from "./package.mjs";
import { rejection } from "./settling.mjs";

leap();

const QUICK = { minIntervalMs: 10, maxIntervalMs: 20, timeoutMs: 60_000 };
const EACH_100_MS = { minIntervalMs: 100, maxIntervalMs: 100 };

/** @typedef {(fetch: any, options?: import("./package.mjs").ClientOptions) => InstanceType<typeof import("./package.mjs").VideoClient>} NewClient */

/** Plays a host for as long as it takes. @param {import("node:test").TestContext} test @param {Record<string, unknown>} globals */
function pretend(test, globals) {
  for (const [name, value] of Object.entries(globals)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    test.after(() => {
      if (before) Object.defineProperty(globalThis, name, before);
      else Reflect.deleteProperty(globalThis, name);
    });
  }
}

/** Each plays its host, and says what becomes of a poll or a request there. @type {Record<string, [(test: import("node:test").TestContext, client: NewClient) => Promise<unknown>, unknown]>} */
const HOSTS = {
  "whose timers cannot be cleared": [
    async (test, client) => {
      const poll = client(async () => Response.json(pending)).poll("v", EACH_100_MS);
      await new Promise((resolve) => poll.subscribe(resolve));
      const clearing = test.mock.method(globalThis, "clearTimeout", () => {});
      poll.cancel("left");
      assert.ok(clearing.mock.callCount() > 0, "it was to be cleared");
      clearing.mock.restore();
      const reason = await rejection(poll.done);
      // The timer rings all the same.
      await sleep(200);
      return reason;
    },
    "left",
  ],
  "where a listener of ours dispatches what it is told of": [
    async (test, client) => {
      const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
      pretend(test, {
        document: page,
        addEventListener: page.addEventListener.bind(page),
        removeEventListener: page.removeEventListener.bind(page),
        navigator: { onLine: true },
      });
      let asked = 0;
      const fetch = async () => (asked++ === 1 ? new Promise(() => {}) : Response.json(asked < 3 ? pending : done));
      let dispatched = 0;
      const onUpdate = (/** @type {import("./package.mjs").VideoUpdate} */ { retrying }) => {
        if (!retrying) return;
        dispatched += 1;
        page.dispatchEvent(new Event("online"));
      };
      const ended = client(fetch).waitForVideo("v", { ...QUICK, onUpdate });
      while (asked < 2) await sleep(1);
      page.dispatchEvent(new Event("resume"));
      const { status } = await ended;
      return [status, dispatched];
    },
    ["DONE", 1],
  ],
  "whose signals tell of each abort": [
    async (test, client) => {
      const told = test.mock.fn();
      const { AbortController } = globalThis;
      pretend(test, {
        AbortController: class {
          signal = Object.assign(new EventTarget(), { aborted: false, onabort: /** @type {any} */ (null) });
          abort() {
            told();
            this.signal.aborted = true;
            this.signal.onabort?.(new Event("abort"));
            this.signal.dispatchEvent(new Event("abort"));
          }
        },
      });
      const asking = client(() => new Promise(() => {}), { requestTimeoutMs: 50 }).getStatus("v");
      globalThis.AbortController = AbortController;
      const { code } = await rejection(asking);
      return [code, told.mock.callCount() > 0];
    },
    ["network", true],
  ],
};

describe("a host", () => {
  for (const [name, [play, expected]] of Object.entries(HOSTS)) {
    it(`${name} ends no other poll`, async (test) => {
      // Of a module that nobody else uses: a trap in it would end the poll beside.
      const { VideoClient } = await still(freshPackage());
      /** @type {NewClient} */
      const client = (fetch, options) => new VideoClient({ baseUrl: "http://memory.example", fetch, ...options });
      let isOver = false;
      const beside = client(async () => Response.json(isOver ? done : pending)).waitForVideo("beside", QUICK);
      assert.deepEqual(await play(test, client), expected);
      isOver = true;
      assert.equal((await beside).status, "DONE");
    });
  }
});
