// @ts-check
// A trap in the module ends all that waits with "internal", and the next call works. `trap.full.test.mjs` has more of them.

import { codeOf, ENDLESS, life, trapped } from "./fuse.mjs";
import assert from "node:assert/strict";
import { it } from "node:test";

it("ends nothing where there is no trap", async () => {
  const { outcomes, left } = await life(ENDLESS);
  assert.ok(left > 0);
  assert.deepEqual(outcomes.map(codeOf), ["AbortError", "done", "done", "done", "done", "not_found", "invalid_argument", "done", "done"]);
});

it("a trap at any depth rejects all that wait with \"internal\", and the next call works", (test) => trapped(test, 300));
