/** A module in a file of this package, for CommonJS. */

import { readFile } from "node:fs/promises";

/** Reads and compiles it. The whole path is written beside `__dirname`, for tools that trace the files of a deployment. */
export async function compileFile(path: string): Promise<WebAssembly.Module> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    const why = "cannot read the module's file; in a bundle, resolve iacrea-video with the condition \"module\" or mark it external";
    throw new Error(why, { cause });
  });
  return WebAssembly.compile(bytes);
}
