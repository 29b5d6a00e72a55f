import { VideoClient } from "iacrea-video/slim";
import wasm from "iacrea-video/iacrea-video.wasm";
import { handler } from "./handler.js";
import { watch } from "./common/watch.js";

class SlimClient extends VideoClient {
  constructor(options) {
    super({ wasm, ...options });
  }
}

export default handler(SlimClient, watch);
