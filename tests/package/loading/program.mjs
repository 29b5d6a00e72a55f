// Plays one scenario in Node.

import process from "node:process";
import { instrument } from "./instrument.mjs";
import { scenarios } from "./scenarios.js";

instrument();
const { name, ...task } = JSON.parse(process.env.SCENARIO);
const result = JSON.stringify(await scenarios[name](task));
// A fetch of the scenario's own may hang on.
process.stdout.write(result, () => process.exit());
