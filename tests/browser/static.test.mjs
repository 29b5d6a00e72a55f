// @ts-check
// The page on a host that serves files and nothing else: what is different there. The rest is in page.full.test.mjs.

import { describePage } from "./page.mjs";

describePage("static");
