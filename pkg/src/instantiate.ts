/**
 * From inlined bytes to a running module: lazily, once, and again after a failure. Each instance has
 * glue of its own, and a trap in it is caught at its border: whoever waits on the instance is told,
 * and the next caller gets a fresh one.
 */

/** What the build makes of wasm-bindgen's glue. */
export interface Glue<T> {
  readonly imports: WebAssembly.Imports;
  readonly exports: T;
  setWasm(exports: WebAssembly.Exports): void;
}

/** A running instance. */
export interface Instance<T> {
  readonly exports: T;
  readonly crash: Crash;
}

/** The end of an instance: a trap in it, after which nothing of it can be used. */
export interface Crash {
  readonly happened: boolean;
  /** Throws the trap, once there was one. */
  check(): void;
  /** Calls `act` with the trap when it comes; returns how to take that back. */
  listen(act: (trap: unknown) => void): () => void;
}

/** The instance, made at the first call. Calls that come together share one; a failure is forgotten, so that the next call tries again. */
export function lazy<T>(createGlue: () => Glue<T>, inlined: string): () => Promise<Instance<T>> {
  let loading: Promise<Instance<T>> | undefined;
  return () => {
    const forget = () => {
      loading = undefined;
    };
    loading ??= inflate(inlined)
      .then((bytes) => instantiate(createGlue(), bytes, forget))
      .catch((error: unknown) => {
        forget();
        throw error;
      });
    return loading;
  };
}

async function inflate(inlined: string): Promise<ArrayBuffer> {
  const deflated = Uint8Array.from(atob(inlined), (letter) => letter.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function instantiate<T>(glue: Glue<T>, bytes: ArrayBuffer, forget: () => void): Promise<Instance<T>> {
  const { instance } = await WebAssembly.instantiate(bytes, glue.imports);
  let trapped: { readonly trap: unknown } | undefined;
  const acts = new Set<(trap: unknown) => void>();
  glue.setWasm(
    guarded(instance.exports, (trap) => {
      trapped = { trap };
      forget();
      for (const act of [...acts]) act(trap);
    }),
  );
  (instance.exports as { __wbindgen_start?: () => void }).__wbindgen_start?.();
  const crash: Crash = {
    get happened() {
      return trapped !== undefined;
    },
    check() {
      if (trapped) throw trapped.trap;
    },
    listen(act) {
      acts.add(act);
      return () => void acts.delete(act);
    },
  };
  return { exports: glue.exports, crash };
}

/**
 * The exports, with each function watched. Whatever escapes one is a trap, or has skipped Rust's
 * cleaning up: the instance is lost. Timers and promises call in too, with nobody to catch what they
 * throw, so the trap is handed to `onTrap`, and calls into the lost instance do nothing.
 */
function guarded(exports: WebAssembly.Exports, onTrap: (trap: unknown) => void): WebAssembly.Exports {
  const nothing = [0, 0, 0, 0]; // glue reads up to four results from an array
  let lost = false;
  const watched: WebAssembly.Exports = {};
  for (const [name, value] of Object.entries(exports)) {
    watched[name] =
      typeof value !== "function"
        ? value
        : (...parameters: unknown[]) => {
            if (lost) return nothing;
            try {
              return value(...parameters) as unknown;
            } catch (trap) {
              lost = true;
              onTrap(trap);
              return nothing;
            }
          };
  }
  return watched;
}
