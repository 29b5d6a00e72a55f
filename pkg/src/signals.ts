/** Listens once to each abort signal, however many wait on it: hosts warn of a leak from the eleventh listener on. */
export class Signals {
  readonly #heard = new Map<AbortSignal, { readonly acts: Set<() => void>; readonly listener: () => void }>();

  /** Calls `act` when the signal aborts; returns how to take that back. */
  onAbort(signal: AbortSignal, act: () => void): () => void {
    let entry = this.#heard.get(signal);
    if (!entry) {
      const acts = new Set<() => void>();
      const listener = () => {
        for (const each of [...acts]) each();
      };
      entry = { acts, listener };
      this.#heard.set(signal, entry);
      signal.addEventListener("abort", listener);
    }
    const { acts, listener } = entry;
    acts.add(act);
    return () => {
      acts.delete(act);
      if (acts.size > 0 || this.#heard.get(signal)?.acts !== acts) return;
      this.#heard.delete(signal);
      signal.removeEventListener("abort", listener);
    };
  }
}
