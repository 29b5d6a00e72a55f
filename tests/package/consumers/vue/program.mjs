// Client and poll in reactive state, as components keep them: everything is reached through a Proxy.
import process from "node:process";
import { VideoClient } from "iacrea-video";
import { reactive, ref, watchEffect } from "vue";

const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
const updates = [];
const state = reactive({ client: new VideoClient({ baseUrl: API_BASE, apiKey: IACREA_API_KEY }), update: undefined });
const poll = ref(state.client.poll(VIDEO_ID, { minIntervalMs: 30, maxIntervalMs: 80 }));
poll.value.subscribe((update) => {
  state.update = update;
});
watchEffect(() => state.update && updates.push({ status: state.update.status, overall: state.update.overall }), { flush: "sync" });
poll.value.pollNow();
const video = await poll.value.done;
if (poll.value.current.status !== "DONE" || typeof poll.value.resumeToken() !== "string") throw new Error("the poll has no end");
poll.value.cancel();
console.log(JSON.stringify({ status: video.status, url: video.url, id: video.id, requests: video.requests, updates }));
