// @ts-check
/**
 * Start in Chromium, in ms: from `import()` to the call of `fetch`, with nothing cached and a processor four times as
 * slow; over a fast line and over slow 4G. Warm is another client in the same page. And the long tasks on the way,
 * those that block the page for more than 50 ms. Files are served as compressed beforehand, by brotli.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { brotliCompressSync } from "node:zlib";
import { bundleAll, bundleOf, wasmFile } from "../bundle.mjs";
import { field } from "../field.mjs";
import { paired, quick } from "./client.mjs";

/** @type {typeof import("puppeteer-core")} */
const { default: puppeteer, PredefinedNetworkConditions } = createRequire(new URL("../../../tests/package.json", import.meta.url))("puppeteer-core");
const { CHROME, CHROME_ARGS } = process.env;
if (!CHROME || !CHROME_ARGS) throw new Error("CHROME and CHROME_ARGS must name the browser and its switches: run `cargo xtask bench peers`");

const PAGE = (/** @type {string} */ file, /** @type {boolean | undefined} */ wasm) => `<!doctype html><title>waiting</title>
<script type="module">
const tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask", buffered: true });
const wasm = ${wasm ? '"/iacrea-video.wasm"' : "undefined"};
let open;
const first = async () => {
  const began = performance.now();
  ({ open } = await import("/${file}.mjs"));
  return new Promise((resolve) => {
    const fetch = () => {
      resolve(performance.now() - began);
      return new Promise(() => {});
    };
    const place = { baseUrl: location.origin, fetch, intervalMs: 1 };
    void open(wasm ? { ...place, wasm } : place)("job");
  });
};
const cold = await first();
const warm = await first();
await new Promise((resolve) => setTimeout(resolve, 100));
const longest = Math.max(0, ...tasks);
window.result = { cold, warm, longest };
</script>`;

await bundleAll();
const TEXT = "text/javascript";
/** @type {Map<string, { type: string, body: Uint8Array }>} */
const files = new Map(field.map(({ file }) => [`/${file}.mjs`, { type: TEXT, body: brotliCompressSync(readFileSync(bundleOf(file))) }]));
files.set("/iacrea-video.wasm", { type: "application/wasm", body: brotliCompressSync(readFileSync(wasmFile)) });
for (const { file, wasm } of field) files.set(`/${file}`, { type: "text/html", body: brotliCompressSync(PAGE(file, wasm)) });

const server = createServer((request, response) => {
  const file = files.get(request.url ?? "");
  if (!file) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": file.type, "content-encoding": "br", "cache-control": "no-store" }).end(file.body);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const browser = await puppeteer.launch({ executablePath: CHROME, args: JSON.parse(CHROME_ARGS) });

/**
 * @param {string} file
 * @param {boolean} slow whether the line is
 * @returns {Promise<{ cold: number, warm: number, longest: number }>}
 */
async function run(file, slow) {
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    const failed = new Promise((_, reject) => page.once("pageerror", reject));
    failed.catch(() => {});
    await page.setCacheEnabled(false);
    await page.emulateCPUThrottling(4);
    if (slow) await page.emulateNetworkConditions(PredefinedNetworkConditions["Slow 4G"]);
    await page.goto(`http://127.0.0.1:${port}/${file}`);
    const handle = await Promise.race([page.waitForFunction("window.result", { timeout: 60_000, polling: 50 }), failed]);
    return /** @type {any} */ (await handle.jsonValue());
  } finally {
    await context.close();
  }
}

const rows = [];
for (const { file } of field.filter(({ refusesPages }) => !refusesPages)) {
  console.error(`  start in Chromium: ${file}`);
  const both = (/** @type {boolean} */ slow, /** @type {number} */ pairs) =>
    paired(quick ? 2 : pairs, () => run(file, slow), () => run("hand-written", slow));
  rows.push({ file, fast: await both(false, 7), slow: await both(true, 3) });
}
const version = await browser.version();
await browser.close();
server.close();
console.log(JSON.stringify({ version, rows }));
