import { VideoClient } from "iacrea-video/slim";
import { show } from "./common/show.js";
import { watch } from "./common/watch.js";

const wasm = new URL("iacrea-video/iacrea-video.wasm", import.meta.url);
show(({ baseUrl, id }) => watch(new VideoClient({ wasm, baseUrl }), id));
