// @ts-check
// The simulator alone, as a program: node api.mjs [--port N] [--api-key KEY]. It prints its address, then serves this
// machine until it is stopped. With --api-key it refuses requests without that key; else it needs none.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { listen, listener, portOf } from "./http.mjs";
import { createSimulatorHandler } from "./simulator.mjs";

// A program that started it with a channel has ended.
process.once("disconnect", () => process.exit());

try {
  const { values } = parseArgs({ options: { port: { type: "string", default: "0" }, "api-key": { type: "string" } } });
  const handle = await createSimulatorHandler({ apiKey: values["api-key"] });
  console.log(await listen(createServer(listener(handle)), portOf(values.port)));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
