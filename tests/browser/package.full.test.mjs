// @ts-check
// The package in Chromium: the cases that hold in every engine.

import { describePackage } from "../engines/package.mjs";
import { chromium } from "./chromium.mjs";

describePackage(chromium);
