// Plays one scenario in Node.

import process from "node:process";
import { instrument } from "./instrument.mjs";
import { scenarios } from "./scenarios.js";

const { name, ...task } = JSON.parse(process.env.SCENARIO);
// Node's own fetch compiles a module at its first request, which is not to be counted.
await (await fetch(task.baseUrl)).arrayBuffer();
instrument();
console.log(JSON.stringify(await scenarios[name](task)));
