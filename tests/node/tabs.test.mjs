// @ts-check
/** What becomes of `acrossTabs` where a browser's lock manager keeps silent. Real tabs are in `tests/life`. */

import { leap, took } from "./virtual.mjs";
import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VideoClient } from "./package.mjs";
import { done } from "./answers.mjs";

leap();
/** So long a lock manager has to answer, after so long for the other pages to say what they know. */
const [SILENCE_MS, LISTEN_MS] = [1_200, 50];

it("a lock manager that does not answer holds no poll up, and gets back what it grants too late", { timeout: 30_000 }, async (test) => {
  /** @type {((lock: unknown) => unknown)[]} */
  const wanted = [];
  const locks = { request: (/** @type {string} */ _, /** @type {object} */ __, /** @type {any} */ act) => new Promise(() => wanted.push(act)) };
  const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  test.after(() => {
    Reflect.deleteProperty(globalThis, "navigator");
    if (before) Object.defineProperty(globalThis, "navigator", before);
  });
  let asked = 0;
  const fetch = async () => {
    asked += 1;
    await sleep(100);
    // While the poll that wanted it is under way.
    const [held, ...others] = wanted.map((act) => act({}));
    assert.deepEqual([held instanceof Promise, others], [false, []]);
    return Response.json(done);
  };
  const own = new VideoClient({ baseUrl: "http://memory.example", acrossTabs: true, fetch });
  const poll = own.waitForVideo("v");
  assert.equal(await took(poll), LISTEN_MS + SILENCE_MS + 100);
  assert.equal((await poll).status, "DONE");
  assert.equal(asked, 1);
});
