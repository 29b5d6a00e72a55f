// @ts-check
// The package and the demo page in WebKitGTK.

import { describeDemo } from "./demo.mjs";
import { webkit } from "./webkit.mjs";
import { describePackage } from "./package.mjs";

describePackage(webkit);
describeDemo(webkit);
