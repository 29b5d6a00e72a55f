/** For CommonJS: Jest's pretend browser has neither of these two, which the glue of a module needs. */

export { TextDecoder, TextEncoder } from "node:util";
