import { VideoClient } from "iacrea-video/slim";
import wasm from "iacrea-video/iacrea-video.wasm?url";
import { show } from "../shared/show.js";
import { watch } from "../shared/watch.js";

show(({ baseUrl, id }) => watch(new VideoClient({ wasm, baseUrl }), id));
