// Runs a Worker in workerd and prints what it answers. The Worker is either one that wrangler has
// bundled, or worker.js as it is, with the package's own files beside it and no bundler at all.
import { dirname, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";

const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
const root = dirname(fileURLToPath(import.meta.url));
const bundle = process.argv[2];

const worker = bundle
  ? { scriptPath: bundle, modulesRoot: dirname(bundle) }
  : {
      script: `
        import { VideoClient } from "./${relative(root, fileURLToPath(import.meta.resolve("iacrea-video")))}";
        import { watch } from "./shared/watch.js";
        import { handler } from "./handler.js";
        export default handler(VideoClient, watch);`,
      scriptPath: `${root}/unbundled.js`,
      modulesRoot: root,
    };
const miniflare = new Miniflare({
  compatibilityDate: "2026-07-01",
  modules: true,
  modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }],
  ...worker,
});
try {
  const address = new URL("http://worker.invalid/");
  address.search = new URLSearchParams({ base: API_BASE, id: VIDEO_ID });
  const response = await miniflare.dispatchFetch(address, { headers: { "x-key": IACREA_API_KEY } });
  console.log(await response.text());
} finally {
  await miniflare.dispose();
}
