// @ts-check
/** The package in a Node of its own, which does what its parent sends. What it keeps in memory is its own alone. */

import { latencies, playAll } from "./play.js";

const [entry = "", edge = ""] = process.argv.slice(2);
const iacrea = { ...(await import(entry)), readWebhook: (await import(edge)).readWebhook };

process.on("message", async (/** @type {any} */ { tasks, together, choice }) => {
  const told = choice ? await latencies(iacrea, choice) : await playAll(iacrea, tasks, together);
  process.send?.(told);
});
process.once("disconnect", () => process.exit());
process.send?.("ready");
