/**
 * What is used of the module that Workers have built in, and of their globals. Written by hand, so that neither
 * this package nor its users need Cloudflare's types; none of it may show in a declaration that users read.
 */

declare module "cloudflare:workers" {
  /** Runtimes before August 2025 lack it. */
  export const waitUntil: ((work: Promise<unknown>) => void) | undefined;
  export const DurableObject: new (ctx: unknown, env: unknown) => object;
  export const WorkflowEntrypoint: new (ctx: unknown, env: unknown) => object;
}

/** One end of a WebSocket, as Workers have it. */
interface WorkerSocket {
  send(text: string): void;
  close(code: number, reason: string): void;
  accept(): void;
  serializeAttachment(value: unknown): void;
  deserializeAttachment(): unknown;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
}

declare const WebSocketPair: new () => { readonly 0: WorkerSocket; readonly 1: WorkerSocket };
declare const WebSocketRequestResponsePair: new (request: string, response: string) => object;
