// Runs the bundle's Worker in this process, where an imported .wasm is a compiled module as it is on workerd, and prints what it answers.
import { register } from "node:module";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

register("./modules.mjs", import.meta.url);
const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
const address = new URL("http://worker.invalid/");
address.search = new URLSearchParams({ base: API_BASE, id: VIDEO_ID });
const { default: worker } = await import(pathToFileURL(resolve(process.argv[2], "worker.mjs")).href);
const response = await worker.fetch(new Request(address, { headers: { "x-key": IACREA_API_KEY } }));
console.log(await response.text());
