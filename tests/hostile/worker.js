// The package in a Worker, which does what it is sent.
import { readWebhook } from "./edge.workerd.js";
import * as entry from "./index.workerd.js";
import { latencies, playAll } from "./play.js";

const iacrea = { ...entry, readWebhook };

export default {
  async fetch(request) {
    const { tasks, together, choice } = await request.json();
    return Response.json(choice ? await latencies(iacrea, choice) : await playAll(iacrea, tasks, together));
  },
};
