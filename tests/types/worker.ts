/** A Worker that watches videos, as a user writes it who has no types of Cloudflare's. */

import {
  createVideoWatch, VideoWatcher, VideoWorkflow, type VideoWatchOptions, type VideoWorkflowEvent, type VideoWorkflowParams, type VideoWorkflowStep,
  type WatchDelivery, type WatchedVideo, type WatcherSettings, type WatchMessage,
} from "iacrea-video/cloudflare";

interface Env {
  KEY: string;
  ENDED: { send(message: WatchMessage): Promise<void> };
  WATCHER: { idFromName(name: string): { toString(): string }; get(id: { toString(): string }): { fetch(url: string): Promise<Response> } };
}

export class Watcher extends VideoWatcher<Env> {
  override settings(): WatcherSettings {
    return { apiKey: this.env.KEY, queue: this.env.ENDED, poll: { timeoutMs: Infinity }, callbackUrl: undefined, callbackSecret: undefined };
  }
  override async onDone(video: WatchedVideo, delivery: WatchDelivery) {
    const url: string = video.url;
    // @ts-expect-error it is not kept
    video.raw;
    await super.onDone(video, delivery);
    console.log(url, delivery.deliveryId);
  }
}

export class Later extends VideoWatcher<Env> {
  // @ts-expect-error a key is needed
  override settings() {
    return { baseUrl: "https://iacrea.com" };
  }
}

/** A workflow that goes on to something else. */
export class Publish extends VideoWorkflow<Env> {
  override async run(event: VideoWorkflowEvent, step: VideoWorkflowStep): Promise<{ published: string }> {
    const video: WatchedVideo = await super.run(event, step);
    return step.do("publish", async () => ({ published: video.url }));
  }
}
/** And one that returns nothing. */
export class Note extends VideoWorkflow {
  override async run(event: VideoWorkflowEvent, step: VideoWorkflowStep): Promise<void> {
    await super.run(event, step);
  }
}

/** The optional keys that refuse an explicit `undefined` under exactOptionalPropertyTypes. */
type Refusing<T> = {
  [K in keyof T]-?: {} extends Pick<T, K> ? ({ [P in K]: undefined } extends Pick<T, K> ? never : K) : never;
}[keyof T];
declare function none<T extends never>(): T;
none<Refusing<WatcherSettings>>();
none<Refusing<VideoWatchOptions<Env>>>();
none<Refusing<VideoWorkflowParams>>();

/** What comes out of the queue. */
export function ended(message: WatchMessage): string {
  switch (message.type) {
    case "done":
      return message.video.url;
    case "failed":
      return message.error.code;
  }
}

const watch = createVideoWatch<Env>({ watcher: (env) => env.WATCHER, authorize: (_, { kind }) => kind === "auto" });
createVideoWatch<Env>({ watcher: (env) => env.WATCHER, webhookToken: (env) => env.KEY });
// @ts-expect-error a secret that may be missing would let nobody in
createVideoWatch<Env>({ watcher: (env) => env.WATCHER, webhookToken: (env: { TOKEN?: string }) => env.TOKEN });
// @ts-expect-error there is no watcher
createVideoWatch({});

export default { fetch: (request: Request, env: Env): Promise<Response> => watch(request, env) };
