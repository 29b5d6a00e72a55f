/** Where a client asks, and how. */
export interface Place {
  baseUrl: string;
  fetch: typeof globalThis.fetch;
  /** The pause between two questions, where it can be set. */
  intervalMs: number;
  /** For the slim entry. */
  wasm?: string | Promise<Uint8Array> | WebAssembly.Module;
}

/** Waits for one job. */
export type Wait = (id: string) => Promise<unknown>;
