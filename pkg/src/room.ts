/**
 * What many requests hold at once in one isolate, with a bound on all of it together. Each counts no longer than it can
 * take, for hosts let a request vanish without a word.
 */

/** What is held, by its holders. */
export type Held = Map<object, { readonly bytes: number; readonly untilMs: number }>;

/** Counts so many bytes for a holder; false where that is too much with all others, and then it must hold none. */
export function hasRoomFor(held: Held, holder: object, bytes: number, mostBytes: number, forMs: number): boolean {
  const nowMs = Date.now();
  held.delete(holder);
  let sum = bytes;
  for (const [one, { bytes, untilMs }] of held) {
    if (nowMs > untilMs) held.delete(one);
    else sum += bytes;
  }
  if (sum > mostBytes) return false;
  if (bytes > 0) held.set(holder, { bytes, untilMs: nowMs + forMs });
  return true;
}
