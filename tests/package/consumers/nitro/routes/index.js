import { VideoClient } from "iacrea-video";
import { handler } from "../handler.js";
import { watch } from "../common/watch.js";

const { fetch } = handler(VideoClient, watch);
export default defineEventHandler((event) => fetch(toWebRequest(event)));
