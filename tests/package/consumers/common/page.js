import { VideoClient } from "iacrea-video";
import { show } from "./show.js";
import { watch } from "./watch.js";

show(({ baseUrl, id }) => watch(new VideoClient({ baseUrl }), id));
