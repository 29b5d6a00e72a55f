// Waits for a video in a Workflow, on workerd with the engine that Miniflare has for them, and prints what it returned.
import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
const root = dirname(fileURLToPath(import.meta.url));
const entry = relative(root, fileURLToPath(import.meta.resolve("iacrea-video/cloudflare")));

const worker = `
import { VideoWorkflow } from "./${entry}";
export class WaitForVideo extends VideoWorkflow {
  settings() {
    return { ...super.settings(), poll: { minIntervalMs: 30, maxIntervalMs: 80 } };
  }
  // What each step keeps shows in Cloudflare's dashboard; here it shows how the video came along.
  async run(event, steps) {
    const updates = [];
    const video = await super.run(event, {
      do: async (name, act) => {
        const kept = await steps.do(name, act);
        if (kept.update) updates.push({ status: kept.update.status, overall: kept.update.overall });
        return kept;
      },
      sleep: (name, ms) => steps.sleep(name, ms),
      waitForEvent: (name, options) => steps.waitForEvent(name, options),
    });
    return { ...video, updates };
  }
}
export default {
  async fetch(request, env) {
    const instance = await env.WAIT.create({ params: { id: new URL(request.url).searchParams.get("id") } });
    // As the receiver of a webhook does, with or without reason.
    await instance.sendEvent({ type: "video-hint", payload: {} });
    for (;;) {
      const { status, output, error } = await instance.status();
      if (status === "complete") return Response.json(output);
      if (status === "errored" || status === "terminated") return Response.json({ status, error });
      await scheduler.wait(50);
    }
  },
};`;

const TYPES = { ".js": "ESModule", ".wasm": "CompiledWasm" };
const files = readdirSync(dirname(join(root, entry))).flatMap((file) => {
  const type = TYPES[/\.\w+$/.exec(file)?.[0]];
  return type ? [{ type, path: join(root, dirname(entry), file) }] : [];
});

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    compatibilityDate: "2026-07-01",
    modulesRoot: root,
    modules: [{ type: "ESModule", path: join(root, "workflow.js"), contents: worker }, ...files],
    workflows: { WAIT: { name: "wait-for-video", className: "WaitForVideo" } },
    bindings: { IACREA_API_KEY, IACREA_BASE_URL: API_BASE },
  }),
);
try {
  const response = await miniflare.dispatchFetch(`http://worker.invalid/?${new URLSearchParams({ id: VIDEO_ID })}`);
  console.log(await response.text());
} finally {
  await miniflare.dispose();
}
