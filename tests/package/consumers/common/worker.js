// A worker that is told its task and answers with what came of it.
import { VideoClient } from "iacrea-video";
import { watch } from "./watch.js";

addEventListener("message", ({ data: { baseUrl, id } }) => {
  watch(new VideoClient({ baseUrl }), id).then(
    (result) => postMessage(result),
    (error) => postMessage({ error: { name: error.name, code: error.code, message: error.message } }),
  );
});
