// @ts-check
/** A page's client, which has no key, waits for a video: through the site of each host, and through each example as it stands. */

import "./package.mjs";

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { build } from "esbuild";
import { VideoClient, VideoError } from "../node/package.mjs";
import { done, generating, pending, rendering } from "../node/scripted-server.mjs";
import { open, seen, send } from "./exchange.mjs";
import { hosts } from "./hosts.mjs";
import { app, bun, deno, example, serve } from "./runtimes.mjs";
import { BASE, KEY, startUpstream } from "./upstream.mjs";
import { NEWEST_DATE, startWorkerd } from "./workerd.mjs";

const upstream = await startUpstream();
const environment = { IACREA_API_KEY: KEY, IACREA_BASE_URL: upstream.url };
const PACE = { minIntervalMs: 20, maxIntervalMs: 50 };
const COURSE = [pending, generating(2), rendering(0.5), done];

/** A video that goes on with each request. @param {"video" | "auto"} [kind] */
function newVideo(kind) {
  let number = 0;
  return upstream.video(() => COURSE[Math.min(number++, COURSE.length - 1)], kind);
}

/** Each request for a video had the key, and it took one for each status. @param {string} id */
function assertAsked(id) {
  const keys = upstream.askedFor(id).map(({ headers }) => headers["x-api-key"]);
  assert.deepEqual(keys.slice(0, COURSE.length), COURSE.map(() => KEY));
  assert.ok(keys.every((key) => key === KEY));
}

/** @type {Record<string, () => Promise<{ origin: string, log: () => string, alive?: () => boolean }>>} */
const EXAMPLES = {
  "node.js": () => serve(process.execPath, ["node.js"], app([example("node.js")]), environment),
  "deno.js": () => serve(deno(), ["run", "--allow-net", "--allow-env", "deno.js"], app([example("deno.js")]), environment),
  "bun.js": () => serve(bun(), ["bun.js"], app([example("bun.js")]), environment),
  "cloudflare-worker.js": async () => {
    const folder = app([example("cloudflare-worker.js")]);
    // As wrangler does it.
    const { metafile } = await build({
      entryPoints: [join(folder, "cloudflare-worker.js")],
      outfile: join(folder, "worker.js"),
      bundle: true,
      format: "esm",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*"],
      metafile: true,
    });
    assert.ok(Object.keys(metafile.inputs).some((file) => file.endsWith("edge.workerd.js")), "the condition is of use");
    return startWorkerd({
      modules: { "worker.js": join(folder, "worker.js") },
      compatibilityDate: NEWEST_DATE,
      environment,
    });
  },
};

describe("a client without a key has its video", { concurrency: true, timeout: 280_000 }, async () => {
  for (const host of await hosts({ UPSTREAM: upstream.url, KEY })) {
    for (const kind of /** @type {const} */ (["video", "auto"])) {
      it(`through the site in ${host.name}, kind ${kind}`, async () => {
        const id = newVideo(kind);
        const client = new VideoClient({ baseUrl: `${host.origin}/brief`, kind });
        const video = await client.waitForVideo(id, PACE);
        assert.deepEqual([video.status, video.videoId], ["DONE", id]);
        assertAsked(id);
      });
    }
  }

  for (const [name, start] of Object.entries(EXAMPLES)) {
    it(`through the example ${name}`, async () => {
      const { origin, log, alive } = await start();
      const id = newVideo();
      const client = new VideoClient({ baseUrl: origin });
      const video = await client.waitForVideo(id, PACE);
      assert.deepEqual([video.status, video.videoId], ["DONE", id]);
      assertAsked(id);

      upstream.script("of-nobody", 404);
      await assert.rejects(client.getStatus("of-nobody"), (error) => error instanceof VideoError && error.code === "not_found");
      assert.equal((await send(origin, "/")).status, 404);
      assert.equal((await send(origin, `${BASE}/${id}`, { method: "POST" })).status, 405);
      const head = await send(origin, `${BASE}/${id}`, { method: "HEAD" });
      assert.deepEqual([head.status, head.headers.get("cache-control"), head.body], [200, "no-store", ""]);

      // What is no request of HTTP's harms nobody else.
      for (const [target, method] of [["*", "OPTIONS"], ["/", "TRACE"], ["http://[", "GET"], ["//", "GET"], ["/%", "GET"], [":99999", "GET"]]) {
        await open(origin, String(target), { method: String(method) }).answer.catch(() => {});
      }
      assert.equal((await send(origin, `${BASE}/${id}`)).status, 200);
      assert.notEqual(alive?.(), false);
      assert.ok(!log().includes(KEY), log());
      assert.ok(seen.every((answer) => !answer.includes(KEY)));
    });
  }
});
