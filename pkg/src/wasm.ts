/** The types of the file "iacrea-video/iacrea-video.wasm" as imports see it. There is no code behind them. */

import type { WasmBytes } from "./slim.js";

/** The compiled module in edge runtimes, an address in most bundlers: `iacrea-video/slim` takes either. */
declare const wasm: WasmBytes;
export default wasm;
