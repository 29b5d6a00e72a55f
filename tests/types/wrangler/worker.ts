/** The same with the types that `wrangler types` gives: they take a watcher for a Durable Object. */

/// <reference types="@cloudflare/workers-types" />

import {
  createVideoWatch, VideoWatcher, VideoWorkflow, type VideoWorkflowParams, type WatchedVideo, type WatcherSettings, type WatchMessage,
} from "iacrea-video/cloudflare";

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

export class Publish extends VideoWorkflow<Env> {
  override async run(event: Readonly<CloudflareWorkersModule.WorkflowEvent<VideoWorkflowParams>>, step: CloudflareWorkersModule.WorkflowStep): Promise<string> {
    const video: WatchedVideo = await super.run(event, step);
    return step.do("publish", async () => video.url);
  }
}

class Other {}
// @ts-expect-error which takes not any class for one
export type Wrong = DurableObjectNamespace<Other>;

export const plain = createVideoWatch<Env>({ watcher: ({ PLAIN }) => PLAIN });
const watch = createVideoWatch({ watcher: ({ WATCHER }: Env) => WATCHER });

export default {
  fetch: (request, env, ctx) => watch(request, env, ctx),
} satisfies ExportedHandler<Env>;
