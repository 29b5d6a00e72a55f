/**
 * Answers shared between callers who ask for the same within a short time. What is kept is bounded, and there
 * is no timer but those of callers who wait. Who may have an answer is not decided here.
 *
 * On Cloudflare, requests share an isolate's memory but no I/O: a promise is settled by the request that made it.
 * Once that request is gone it rejects or, before the compatibility date of October 2024, stays pending for ever.
 * So the host is told to keep alive what others may wait for, each caller waits with a timer of its own, and asks
 * itself if the one it waits for is lost. The Cache API would need none of that, but it cannot join a request that
 * is underway, does nothing on workers.dev, and would keep in a whole data centre what one caller was allowed to see.
 */

import { refusal, TIME_LIMIT_MS, type Answer, type Outcome } from "./upstream.js";

/** Tells the host that others wait for this work, so that it goes on when the caller who began it leaves. */
export type KeepAlive = (work: Promise<unknown>) => void;

/** Longer than a request can take: who waits so long waits for one whose owner the host has ended. */
const PATIENCE_MS = TIME_LIMIT_MS + 1_000;
/** All bodies that are kept, and their names, roughly. */
const KEPT_BYTES = 8 * 1_048_576;
const KEPT_ANSWERS = 1_000;

interface Flight {
  readonly answer: Promise<Answer>;
  readonly sinceMs: number;
}

interface Kept {
  readonly answer: Answer;
  readonly atMs: number;
}

/** Shares what is underway, and what was heard less than `shareMs` ago; nothing for 0. */
export class Sharing {
  readonly #shareMs: number;
  readonly #keepAlive: KeepAlive;
  readonly #underway = new Map<string, Flight>();
  /** The oldest first. */
  readonly #kept = new Map<string, Kept>();
  #keptBytes = 0;

  constructor(shareMs: number, keepAlive: KeepAlive) {
    this.#shareMs = shareMs;
    this.#keepAlive = keepAlive;
  }

  /** What `ask` gives, or gave another caller by the same name. */
  async get(name: string, ask: () => Promise<Outcome>): Promise<Answer> {
    if (this.#shareMs === 0) return (await ask()).answer;
    for (;;) {
      const nowMs = performance.now();
      this.#sweep(nowMs);
      const kept = this.#kept.get(name);
      if (kept) return kept.answer;
      const underway = this.#underway.get(name);
      const flight = underway ?? this.#begin(name, nowMs, ask);
      try {
        return await within(flight.answer, flight.sinceMs + PATIENCE_MS - nowMs);
      } catch (lost) {
        // Asking never rejects, so whoever asked is gone.
        if (!underway) throw lost;
        if (this.#underway.get(name) === underway) this.#underway.delete(name);
      }
    }
  }

  #begin(name: string, nowMs: number, ask: () => Promise<Outcome>): Flight {
    const answer = ask().then((outcome) => {
      if (this.#underway.get(name) === flight) this.#underway.delete(name);
      if (outcome.heard) this.#keep(name, outcome.answer);
      return outcome.answer;
    });
    const flight: Flight = { answer, sinceMs: nowMs };
    this.#underway.set(name, flight);
    this.#keepAlive(answer);
    return flight;
  }

  #keep(name: string, answer: Answer): void {
    this.#forget(name);
    const atMs = performance.now();
    this.#kept.set(name, { answer, atMs });
    this.#keptBytes += sizeOf(name, answer);
    this.#sweep(atMs);
  }

  /** Forgets what is too old, the oldest of what is too much, and what is lost. */
  #sweep(nowMs: number): void {
    for (const [name, { atMs }] of this.#kept) {
      if (isWithin(nowMs - atMs, this.#shareMs) && this.#keptBytes <= KEPT_BYTES && this.#kept.size <= KEPT_ANSWERS) break;
      this.#forget(name);
    }
    for (const [name, { sinceMs }] of this.#underway) {
      if (isWithin(nowMs - sinceMs, PATIENCE_MS)) break;
      this.#underway.delete(name);
    }
  }

  #forget(name: string): void {
    const kept = this.#kept.get(name);
    if (!kept) return;
    this.#kept.delete(name);
    this.#keptBytes -= sizeOf(name, kept.answer);
  }
}

/** Workers have no other clock than the wall's, which may be set back. */
function isWithin(ageMs: number, limitMs: number): boolean {
  return ageMs >= 0 && ageMs < limitMs;
}

function sizeOf(name: string, answer: Answer): number {
  return 2 * name.length + (answer.body?.length ?? 0);
}

/** The answer, or that there is none. */
async function within(answer: Promise<Answer>, ms: number): Promise<Answer> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => resolve(refusal(504, "the video API did not answer in time")), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
