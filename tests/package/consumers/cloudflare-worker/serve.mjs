// The Worker of the examples as wrangler has bundled it, on workerd. It has to serve the page with its mark, and
// a client in this process waits for the video through it, as the page does.
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { convertV4MiniflareOptions, Miniflare, Response } from "miniflare";
import { VideoClient } from "iacrea-video";
import { watch } from "./common/watch.js";

const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
const TYPES = { ".js": "ESModule", ".wasm": "CompiledWasm" };
const modules = readdirSync("dist").flatMap((file) => {
  const type = TYPES[/\.\w+$/.exec(file)?.[0]];
  return type ? [{ type, path: `dist/${file}` }] : [];
});
const first = modules.findIndex(({ path }) => path === "dist/worker.js");
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    compatibilityDate: "2026-07-01",
    modules: [...modules.splice(first, 1), ...modules],
    durableObjects: { WATCHER: { className: "Watcher", useSQLite: true } },
    bindings: { IACREA_API_KEY, IACREA_BASE_URL: API_BASE },
    serviceBindings: {
      ASSETS: () => new Response(readFileSync("page/index.html"), { headers: { "content-type": "text/html; charset=utf-8" } }),
    },
  }),
);
try {
  const origin = (await miniflare.ready).origin;
  const page = await (await fetch(origin)).text();
  if (!page.includes('<meta name="demo-server" content="live watcher">')) throw new Error(`the page does not know its server: ${page.slice(0, 600)}`);
  console.log(JSON.stringify(await watch(new VideoClient({ baseUrl: `${origin}/live` }), VIDEO_ID)));
} catch (error) {
  console.log(JSON.stringify({ error: { name: error.name, message: error.message, stack: error.stack } }));
} finally {
  await miniflare.dispose();
}
