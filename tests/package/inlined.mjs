// @ts-check
/**
 * Finds WebAssembly modules in JavaScript, by what they are: a long run of base64 that inflates to one.
 * No name and no comment is relied on, for a minifier keeps neither.
 */

import { inflateSync } from "node:zlib";

/**
 * The modules that are inlined in a text.
 * @param {string} text
 */
export function inlinedModules(text) {
  return [...text.matchAll(/[A-Za-z0-9+/]{1000,}={0,2}/g)].flatMap(([run]) => {
    try {
      const bytes = inflateSync(Buffer.from(run, "base64"));
      return bytes.subarray(0, 4).equals(Buffer.from("\0asm")) ? [bytes] : [];
    } catch {
      return []; // something else, as long
    }
  });
}
