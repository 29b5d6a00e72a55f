// Plays one scenario in a page. Nothing is inline, so that a Content-Security-Policy can be tried on it.

import { show } from "../consumers/common/show.js";
import { scenarios } from "./scenarios.js";

const query = new URLSearchParams(location.search);
const root = new URL("../package/", location.href).href;
const { name, ...parameters } = JSON.parse(query.get("scenario"));
show((task) => scenarios[name]({ ...task, ...parameters, root }));
