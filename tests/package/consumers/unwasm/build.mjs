// Bundles the Worker by Rollup with unwasm, as Nitro does, and with nothing else: node build.mjs FOLDER PLUGIN CONDITIONS OPTIONS
import process from "node:process";
import resolve from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";

const [dir, plugin, conditions, options] = process.argv.slice(2);
const { rollup: unwasm } = await import(`${plugin}/plugin`);
const plugins = [unwasm(JSON.parse(options)), resolve({ exportConditions: conditions.split(","), preferBuiltins: true })];
const bundle = await rollup({ input: "worker.js", plugins });
await bundle.write({ dir, format: "es", entryFileNames: "worker.mjs" });
await bundle.close();
