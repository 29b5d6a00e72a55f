/** What the samples take for granted: things of the reader's own, and what an earlier sample has imported. */

declare const id: string;
declare const user: { id: string };
declare const bar: HTMLProgressElement;
declare const label: HTMLElement;
declare const player: HTMLVideoElement;
declare const VideoClient: typeof import("iacrea-video").VideoClient;
declare function mayWatch(request: Request, id: string): Promise<boolean>;
declare function save(id: string, end: string): Promise<void>;
declare function publish(url: string): Promise<void>;
/** What the page on testing takes of Vitest. */
declare module "vitest" {
  export const vi: { useFakeTimers(how: { toFake: string[] }): void; advanceTimersByTimeAsync(ms: number): Promise<void>; useRealTimers(): void };
}
