// @ts-check
// The same as in `trap.test.mjs`, at ten times as many places.

import { trapped } from "./fuse.mjs";
import { it } from "node:test";

it("a trap at any depth rejects all that wait with \"internal\", and the next call works", (test) => trapped(test, 3_000));
