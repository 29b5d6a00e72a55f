import { VideoClient } from "iacrea-video";
import { handler } from "./handler.js";
import { watch } from "./shared/watch.js";

export default handler(VideoClient, watch);
