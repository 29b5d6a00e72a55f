import { VideoClient } from "iacrea-video/slim";
import wasm from "iacrea-video/iacrea-video.wasm?url";
import { show } from "../common/show.js";
import { watch } from "../common/watch.js";

show(({ baseUrl, id }) => watch(new VideoClient({ wasm, baseUrl }), id));
