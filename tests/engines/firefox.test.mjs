// @ts-check
// The package and the demo page in Firefox.

import { describeDemo } from "./demo.mjs";
import { firefox } from "./firefox.mjs";
import { describePackage } from "./package.mjs";

describePackage(firefox);
describeDemo(firefox);
