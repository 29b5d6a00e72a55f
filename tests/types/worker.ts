/** A Worker that watches videos, as a user writes it who has no types of Cloudflare's. */

import { createVideoWatch, VideoWatcher, type WatchDelivery, type WatchedVideo, type WatcherSettings, type WatchMessage } from "iacrea-video/cloudflare";

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
// @ts-expect-error there is no watcher
createVideoWatch({});

export default { fetch: (request: Request, env: Env): Promise<Response> => watch(request, env) };
