// Watches videos in Durable Objects, and serves the demo page, which watches them through it. The key is a secret of
// the Worker: `wrangler secret put IACREA_API_KEY`.

import { createVideoWatch, VideoWatcher } from "iacrea-video/cloudflare";

/** One object for each video, with nobody looking on or hundreds. */
export class Watcher extends VideoWatcher {
  settings() {
    // Whoever is named here hears of the end, at least once; see README.md.
    const { FINISHED, CALLBACK_URL, CALLBACK_SECRET } = this.env;
    return { ...super.settings(), queue: FINISHED, callbackUrl: CALLBACK_URL, callbackSecret: CALLBACK_SECRET };
  }
}

const watch = createVideoWatch({
  watcher: (env) => env.WATCHER,
  // Say here who may see which video; as it stands, whoever knows its id.
  authorize: () => true,
  webhookToken: (env) => env.WEBHOOK_TOKEN,
});

/** Tells the page that this Worker watches, and real videos unless a server behind it says otherwise. */
const page = new HTMLRewriter().on("meta[name=demo-server]", {
  element(meta) {
    meta.setAttribute("content", `${meta.getAttribute("content") || "live"} watcher`);
  },
});

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname.startsWith("/live/")) return watch(request, env, ctx);
    const file = await env.ASSETS.fetch(request);
    return file.headers.get("content-type")?.startsWith("text/html") ? page.transform(file) : file;
  },
};
