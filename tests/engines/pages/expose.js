// Puts the package where a test's functions find it.
import * as iacrea from "/package/index.js";

Object.assign(globalThis, { iacrea });
document.documentElement.dataset.ready = "";
