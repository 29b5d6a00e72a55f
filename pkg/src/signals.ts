import { invalidArgument } from "./error.js";

/** Why a signal is aborted; undefined while it is not. What only looks like a signal may throw, which is no abort. */
export function abortionOf(signal: AbortSignal): { readonly reason: unknown } | undefined {
  try {
    return signal.aborted ? { reason: reasonOf(signal) } : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (thrown) {
    return thrown;
  }
}

/** Listens once to each abort signal, however many wait on it: hosts warn of a leak from the eleventh listener on. */
export class Signals {
  readonly #heard = new Map<AbortSignal, { readonly acts: Set<(reason: unknown) => void>; readonly listener: () => void }>();

  /** Calls `act` with the reason when the signal aborts; returns how to take that back. */
  onAbort(signal: AbortSignal, act: (reason: unknown) => void): () => void {
    let entry = this.#heard.get(signal);
    if (!entry) {
      const acts = new Set<(reason: unknown) => void>();
      const listener = () => {
        for (const each of [...acts]) each(reasonOf(signal));
      };
      try {
        signal.addEventListener("abort", listener);
      } catch {
        throw invalidArgument("signal must be an AbortSignal");
      }
      entry = { acts, listener };
      this.#heard.set(signal, entry);
    }
    const { acts, listener } = entry;
    acts.add(act);
    return () => {
      acts.delete(act);
      if (acts.size > 0 || this.#heard.get(signal)?.acts !== acts) return;
      this.#heard.delete(signal);
      try {
        signal.removeEventListener("abort", listener);
      } catch {
        // Whoever made it does not want to be rid of us; the poll must end all the same.
      }
    };
  }
}
