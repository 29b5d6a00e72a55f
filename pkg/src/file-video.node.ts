/** Where the module of CommonJS entries is. In a file of its own, for tracers (ncc's among them) know no syntax of later than ES2020. */

import { compileFile } from "./file.node.js";

export const compile = (): Promise<WebAssembly.Module> => compileFile(`${__dirname}/../iacrea-video.wasm`);
