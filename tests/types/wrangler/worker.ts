/** The same with the types that `wrangler types` gives: they take a watcher for a Durable Object. */

/// <reference types="@cloudflare/workers-types" />

import { createVideoWatch, VideoWatcher, type WatcherSettings, type WatchMessage } from "iacrea-video/cloudflare";

interface Env {
  KEY: string;
  ENDED: Queue<WatchMessage>;
  PLAIN: DurableObjectNamespace<VideoWatcher>;
  WATCHER: DurableObjectNamespace<Watcher>;
}

export class Watcher extends VideoWatcher<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
  }
  override settings(): WatcherSettings {
    return { apiKey: this.env.KEY, queue: this.env.ENDED, fetch: (input, init) => fetch(input, init) };
  }
}

export const asObject = (watcher: Watcher): DurableObject => watcher;

class Other {}
// @ts-expect-error which takes not any class for one
export type Wrong = DurableObjectNamespace<Other>;

export const plain = createVideoWatch<Env>({ watcher: ({ PLAIN }) => PLAIN });
const watch = createVideoWatch({ watcher: ({ WATCHER }: Env) => WATCHER });

export default {
  fetch: (request, env, ctx) => watch(request, env, ctx),
} satisfies ExportedHandler<Env>;
