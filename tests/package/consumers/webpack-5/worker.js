import { askWorker } from "./common/ask-worker.js";
import { show } from "./common/show.js";

show((task) => askWorker(new Worker(new URL("./common/worker.js", import.meta.url)), task));
