// @ts-check
// The page in both of its modes, with every case, and each video to its end.

import { describePage } from "./page.mjs";

describePage("http", true);
describePage("static", true);
