// For Node's loader: an import of a .wasm file is its WebAssembly.Module.
import { fileURLToPath } from "node:url";

export async function load(url, context, next) {
  if (!url.endsWith(".wasm")) return next(url, context);
  const file = JSON.stringify(fileURLToPath(url));
  const source = `import { readFileSync } from "node:fs"; export default new WebAssembly.Module(readFileSync(${file}));`;
  return { format: "module", shortCircuit: true, source };
}
