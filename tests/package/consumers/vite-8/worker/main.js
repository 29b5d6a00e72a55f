import { askWorker } from "../shared/ask-worker.js";
import { show } from "../shared/show.js";

show((task) => askWorker(new Worker(new URL("../shared/worker.js", import.meta.url), { type: "module" }), task));
