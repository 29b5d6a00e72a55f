/** What the READMEs' examples take for granted: things of the reader's own, and what an earlier example has imported. */

declare const id: string;
declare const user: { id: string };
declare const bar: HTMLProgressElement;
declare const label: HTMLElement;
declare const player: HTMLVideoElement;
declare function mayWatch(request: Request, id: string): Promise<boolean>;
declare function save(id: string, end: string): Promise<void>;
declare function publish(url: string): Promise<void>;
interface Env { WATCHER: { idFromName(name: string): object; get(id: object): { fetch(url: string): Promise<Response> } } }
/** What the page on testing takes of Vitest. */
declare module "vitest" {
  export const vi: { useFakeTimers(how: { toFake: string[] }): void; advanceTimersByTimeAsync(ms: number): Promise<void>; useRealTimers(): void };
}
declare const VideoClient: typeof import("iacrea-video").VideoClient;
declare const VideoWorkflow: typeof import("iacrea-video/cloudflare").VideoWorkflow;
