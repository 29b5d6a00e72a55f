/** A module in a file of this package, for CommonJS. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";

declare const __dirname: string;

/** Reads and compiles it. */
export async function compileFile(name: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(join(__dirname, "..", name)));
}
