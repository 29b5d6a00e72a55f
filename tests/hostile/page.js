// Puts the package and its user where a test's functions find them.
import { readWebhook } from "/package/dist/edge.js";
import * as entry from "/package/dist/index.js";
import { latencies, playAll } from "/hostile/play.js";

const iacrea = { ...entry, readWebhook };
Object.assign(globalThis, {
  playAll: (tasks, together) => playAll(iacrea, tasks, together),
  latencies: (choice) => latencies(iacrea, choice),
});
document.documentElement.dataset.ready = "";
