// Runs what Nitro has built on workerd, and prints what it answers.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
const root = resolve(".output/server");
const TYPES = { ".js": "ESModule", ".mjs": "ESModule", ".wasm": "CompiledWasm" };
const modules = readdirSync(root, { recursive: true }).flatMap((file) => {
  const type = TYPES[/\.\w+$/.exec(file)?.[0]];
  return type ? [{ type, path: join(root, file) }] : [];
});
const first = modules.findIndex(({ path }) => path === join(root, "index.mjs"));
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["nodejs_compat"],
    modulesRoot: root,
    modules: [...modules.splice(first, 1), ...modules],
  }),
);
try {
  const address = new URL("http://worker.invalid/");
  address.search = new URLSearchParams({ base: API_BASE, id: VIDEO_ID });
  const response = await miniflare.dispatchFetch(address, { headers: { "x-key": IACREA_API_KEY } });
  console.log(await response.text());
} finally {
  await miniflare.dispose();
}
