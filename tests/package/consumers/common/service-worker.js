// A service worker that is told its task and answers on the port that came with it.
import { VideoClient } from "iacrea-video";
import { watch } from "./watch.js";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("message", (event) => {
  const { baseUrl, id } = event.data;
  const [port] = event.ports;
  event.waitUntil(
    watch(new VideoClient({ baseUrl }), id).then(
      (result) => port.postMessage(result),
      (error) => port.postMessage({ error: { name: error.name, code: error.code, message: error.message } }),
    ),
  );
});
