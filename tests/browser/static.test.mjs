// @ts-check
// The page on a host that serves files and nothing else.

import { describePage } from "./page.mjs";

describePage("static");
