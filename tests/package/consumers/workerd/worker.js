import { VideoClient } from "iacrea-video";
import { handler } from "./handler.js";
import { watch } from "./common/watch.js";

export default handler(VideoClient, watch);
