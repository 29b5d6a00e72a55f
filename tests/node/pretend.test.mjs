// @ts-check
/** Hosts that are pretended, which call back what was taken from them, or in the middle of a call. The module must not trap. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { program } from "./processes.mjs";
import { done, pending } from "./scripted-server.mjs";

/** Each plays its host, and awaits what becomes of a poll or a request there. @type {Record<string, string>} */
const HOSTS = {
  "whose timers cannot be cleared": `
    const poll = client(async () => Response.json(pending)).poll("v", { minIntervalMs: 100, maxIntervalMs: 100 });
    await new Promise((resolve) => poll.subscribe(resolve));
    const { clearTimeout } = globalThis;
    globalThis.clearTimeout = () => {};
    poll.cancel("left");
    globalThis.clearTimeout = clearTimeout;
    outcome = await poll.done.catch((reason) => reason);
    await sleep(200);`,
  "where a listener of ours dispatches what it is told of": `
    const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
    Object.assign(globalThis, { document: page, addEventListener: page.addEventListener.bind(page), removeEventListener: page.removeEventListener.bind(page) });
    Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
    let asked = 0;
    const fetch = async () => (asked++ === 1 ? new Promise(() => {}) : Response.json(asked < 3 ? pending : done));
    const onUpdate = ({ retrying }) => {
      if (retrying) page.dispatchEvent(new Event("online"));
    };
    const ended = client(fetch).waitForVideo("v", { ...quick, onUpdate });
    while (asked < 2) await sleep(5);
    page.dispatchEvent(new Event("resume"));
    outcome = (await ended).status;`,
  "whose signals tell of each abort": `
    const { AbortController } = globalThis;
    globalThis.AbortController = class {
      signal = Object.assign(new EventTarget(), { aborted: false, onabort: null });
      abort() {
        this.signal.aborted = true;
        this.signal.onabort?.(new Event("abort"));
        this.signal.dispatchEvent(new Event("abort"));
      }
    };
    const asking = client(() => new Promise(() => {}), { requestTimeoutMs: 50 }).getStatus("v");
    globalThis.AbortController = AbortController;
    outcome = await asking.catch(({ code }) => code);`,
};
const OUTCOMES = ["left", "DONE", "network"];

describe("a host", { concurrency: 3, timeout: 60_000 }, () => {
  for (const [at, [name, play]] of Object.entries(HOSTS).entries()) {
    it(`${name} ends no other poll`, async () => {
      const text = `
        import { setTimeout as sleep } from "node:timers/promises";
        const client = (fetch, options) => new VideoClient({ baseUrl: "http://memory.example", fetch, ...options });
        let over = false;
        const by = client(async () => Response.json(over ? done : pending)).waitForVideo("by", quick);
        let outcome;
        try {
          ${play}
        } catch (error) {
          outcome = error;
        }
        over = true;
        console.log(String(outcome), (await by).status);
        process.exit();`;
      const quick = { minIntervalMs: 10, maxIntervalMs: 20, timeoutMs: 5_000 };
      const { lines, errors } = await program(text, { done, pending, quick }).ended;
      assert.deepEqual([lines, errors], [[`${OUTCOMES[at]} DONE`], ""]);
    });
  }
});
