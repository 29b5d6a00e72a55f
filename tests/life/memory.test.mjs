// @ts-check
// Polls that have ended, in whichever way, leave nothing in a Node process, by counts. `memory.full.test.mjs` has a long
// life, and bytes.

import { describe, it } from "node:test";
import { endsRight, leavesNothing, print, SHORT } from "./figures.mjs";
import { inNode } from "./measure.mjs";

describe("polls leave nothing behind in Node", { concurrency: 2 }, () => {
  for (const work of /** @type {const} */ (["inARow", "atOnce"])) {
    it(work === "inARow" ? "in a row, ending in every way there is" : "at once, and again", async (test) => {
      const figures = await inNode(work, SHORT[work]);
      print(test, figures);
      endsRight(work, figures, SHORT[work]);
      leavesNothing(figures);
    });
  }
});
