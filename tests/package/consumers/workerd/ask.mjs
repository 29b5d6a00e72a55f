// Runs a Worker in workerd and prints what it answers. The Worker is either one that wrangler has
// bundled, or worker.js with the package's own files beside it and no bundler at all.
import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
const root = dirname(fileURLToPath(import.meta.url));
const bundle = process.argv[2];

const TYPES = { ".js": "ESModule", ".wasm": "CompiledWasm" };
function modulesIn(folder) {
  return readdirSync(join(root, folder)).flatMap((file) => {
    const type = TYPES[/\.\w+$/.exec(file)?.[0]];
    return type ? [{ type, path: join(root, folder, file) }] : [];
  });
}

function unbundled() {
  // A Worker finds no package by its name: here its exports are resolved for it, and nothing else is done.
  const entry = relative(root, fileURLToPath(import.meta.resolve("iacrea-video")));
  const contents = `
    import { VideoClient } from "./${entry}";
    import { handler } from "./handler.js";
    import { watch } from "./common/watch.js";
    export default handler(VideoClient, watch);`;
  return [
    { type: "ESModule", path: join(root, "unbundled.js"), contents },
    { type: "ESModule", path: join(root, "handler.js") },
    { type: "ESModule", path: join(root, "common/watch.js") },
    ...modulesIn(dirname(entry)),
  ];
}

function bundled() {
  const main = join(root, bundle);
  return [{ type: "ESModule", path: main }, ...modulesIn(dirname(bundle)).filter(({ path }) => path !== main)];
}

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    compatibilityDate: "2026-07-01",
    modulesRoot: root,
    modules: bundle ? bundled() : unbundled(),
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
