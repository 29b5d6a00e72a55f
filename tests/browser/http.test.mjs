// @ts-check
// The page over real HTTP, with the simulator behind the demo server.

import { describePage } from "./page.mjs";

describePage("http");
