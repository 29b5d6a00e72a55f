/**
 * Answers shared between callers who ask for the same within a short time, and the requests that are underway for them.
 * What is kept and what is underway is bounded, a request ends with the last caller who waits for it, and there is no
 * timer but those of callers who wait. Whatever becomes of a request, the next one for the same begins no sooner than
 * that short time after it began: neither callers who leave nor an API that fails multiply requests. Who may have an
 * answer is not decided here.
 *
 * On Cloudflare, requests share an isolate's memory but no I/O: a promise is settled by the request that made it.
 * Once that request is gone it rejects or, before the compatibility date of October 2024, stays pending for ever.
 * So the host is told to keep alive what others may wait for, each caller waits with a timer of its own, and asks
 * itself if the one it waits for is lost. The Cache API would need none of that, but it cannot join a request that
 * is underway, does nothing on workers.dev, and would keep in a whole data centre what one caller was allowed to see.
 */

import { refusal, TIME_LIMIT_MS, type Answer, type Outcome, type Reading } from "./upstream.js";

/** Tells the host that others wait for this work, so that it goes on when the caller who began it leaves. */
export type KeepAlive = (work: Promise<unknown>) => void;

/** Longer than a request can take: who waits so long waits for one whose owner the host has ended. */
const PATIENCE_MS = TIME_LIMIT_MS + 1_000;
/** All bodies that are kept, and their names, roughly. */
const KEPT_BYTES = 8 * 1_048_576;
const KEPT_ANSWERS = 1_000;
/** A caller waits no longer for the turn of a request, however long answers are shared. */
const LONGEST_HOLD_MS = 10_000;
/** Requests that are underway at once; each may take as long as the API lets it. */
const MOST_UNDERWAY = 256;
/** The buffers of all bodies that are underway. */
const UNDERWAY_BYTES = 32 * 1_048_576;

/** A request to the API that is underway. */
interface Flight {
  readonly name: string;
  readonly sinceMs: number;
  readonly controller: AbortController;
  readonly answer: Promise<Answer>;
  /** How many callers wait for it. */
  waiting: number;
  /** The buffer of its body. */
  bytes: number;
}

/** Of one name: what callers are given without a request, or that a request has begun and none may follow yet. */
interface Kept {
  readonly answer: Answer | undefined;
  readonly atMs: number;
  readonly forMs: number;
}

/** Shares what is underway, what was heard less than `shareMs` ago, and what failed that began less than that ago; nothing for 0. */
export class Sharing {
  readonly #shareMs: number;
  readonly #keepAlive: KeepAlive;
  /** All that is underway, the oldest first. */
  readonly #underway = new Set<Flight>();
  /** Those of them that a caller may join. */
  readonly #shared = new Map<string, Flight>();
  /** What was kept first comes first. */
  readonly #kept = new Map<string, Kept>();
  #keptBytes = 0;

  constructor(shareMs: number, keepAlive: KeepAlive) {
    this.#shareMs = shareMs;
    this.#keepAlive = keepAlive;
  }

  /**
   * What `ask` gives, or gave another caller by the same name; `ask` is told when to stop reading. A caller whose
   * signal is aborted has left, and what it is told nobody hears.
   */
  async get(name: string, ask: (reading: Reading) => Promise<Outcome>, signal?: AbortSignal | null): Promise<Answer> {
    for (;;) {
      if (signal?.aborted) return goneAnswer();
      const nowMs = performance.now();
      this.#sweep(nowMs);
      const kept = this.#kept.get(name);
      if (kept?.answer) return kept.answer;
      const joined = this.#shared.get(name);
      if (kept && !joined) {
        // The callers of a request that began a moment ago have left.
        await pause(kept.atMs + kept.forMs - nowMs, signal);
        continue;
      }
      if (!joined && (this.#underway.size >= MOST_UNDERWAY || this.#bytes() >= UNDERWAY_BYTES)) return busyAnswer();
      const flight = joined ?? this.#begin(name, nowMs, ask);
      try {
        return await this.#wait(flight, flight.sinceMs + PATIENCE_MS - nowMs, signal);
      } catch (lost) {
        // Asking never rejects, so whoever asked is gone.
        if (!joined) throw lost;
        this.#end(joined);
      }
    }
  }

  #begin(name: string, nowMs: number, ask: (reading: Reading) => Promise<Outcome>): Flight {
    const controller = new AbortController();
    let hasRoom = true;
    const reserve = (bytes: number) => {
      // What nobody waits for takes no more memory, also where it could not be aborted.
      hasRoom = flight.waiting > 0 && this.#bytes() - flight.bytes + bytes <= UNDERWAY_BYTES;
      if (hasRoom) flight.bytes = bytes;
      return hasRoom;
    };
    const answer = ask({ signal: controller.signal, reserve }).then((outcome) => {
      this.#end(flight);
      const given = hasRoom ? outcome.answer : busyAnswer();
      if (hasRoom && outcome.heard) this.#keep(name, given, performance.now());
      // What was abandoned says nothing of the API.
      else if (flight.waiting > 0) this.#keep(name, given, nowMs);
      return given;
    });
    const flight: Flight = { name, sinceMs: nowMs, controller, answer, waiting: 0, bytes: 0 };
    this.#underway.add(flight);
    if (this.#shareMs > 0) this.#shared.set(name, flight);
    this.#keep(name, undefined, nowMs);
    this.#keepAlive(answer);
    return flight;
  }

  /** The answer, or that there is none in time, or that this caller has left. */
  async #wait(flight: Flight, ms: number, signal?: AbortSignal | null): Promise<Answer> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let leave = () => {};
    const none = new Promise<Answer>((resolve) => {
      timer = setTimeout(() => resolve(refusal(504, "the video API did not answer in time")), ms);
      leave = () => resolve(goneAnswer());
    });
    signal?.addEventListener("abort", leave);
    flight.waiting += 1;
    try {
      return await Promise.race([flight.answer, none]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
      flight.waiting -= 1;
      if (flight.waiting === 0 && this.#underway.has(flight)) this.#abandon(flight);
    }
  }

  /** Nobody waits for it any more. Where it cannot be aborted, it counts until it has ended. */
  #abandon(flight: Flight): void {
    this.#unshare(flight);
    try {
      flight.controller.abort();
    } catch {
      // On Cloudflare only the request that began it may; then it ends at its limits.
    }
  }

  #end(flight: Flight): void {
    this.#unshare(flight);
    this.#underway.delete(flight);
  }

  /** Nobody joins it any more. */
  #unshare(flight: Flight): void {
    if (this.#shared.get(flight.name) === flight) this.#shared.delete(flight.name);
  }

  /** Of all that is underway; counted anew, since on Cloudflare a request may vanish without a word. */
  #bytes(): number {
    let bytes = 0;
    for (const flight of this.#underway) bytes += flight.bytes;
    return bytes;
  }

  #keep(name: string, answer: Answer | undefined, atMs: number): void {
    if (this.#shareMs === 0) return;
    this.#forget(name);
    this.#kept.set(name, { answer, atMs, forMs: answer ? this.#shareMs : Math.min(this.#shareMs, LONGEST_HOLD_MS) });
    this.#keptBytes += sizeOf(name, answer);
    this.#sweep(performance.now());
  }

  /** Forgets what is too old, the oldest of what is too much, and what is lost. */
  #sweep(nowMs: number): void {
    for (const [name, { atMs, forMs }] of this.#kept) {
      if (!isWithin(nowMs - atMs, forMs) || this.#keptBytes > KEPT_BYTES || this.#kept.size > KEPT_ANSWERS) this.#forget(name);
    }
    for (const flight of this.#underway) {
      if (isWithin(nowMs - flight.sinceMs, PATIENCE_MS)) break;
      this.#end(flight);
    }
  }

  #forget(name: string): void {
    const kept = this.#kept.get(name);
    if (!kept) return;
    this.#kept.delete(name);
    this.#keptBytes -= sizeOf(name, kept.answer);
  }
}

/** Until it is over, or the caller has left. */
async function pause(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let leave = () => {};
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.ceil(ms));
    leave = resolve;
  });
  signal?.addEventListener("abort", leave);
  await over;
  clearTimeout(timer);
  signal?.removeEventListener("abort", leave);
}

/** Workers have no other clock than the wall's, which may be set back. */
function isWithin(ageMs: number, limitMs: number): boolean {
  return ageMs >= 0 && ageMs < limitMs;
}

function sizeOf(name: string, answer: Answer | undefined): number {
  return 2 * name.length + (answer?.body?.length ?? 0);
}

/** Too much is underway for one more. */
function busyAnswer(): Answer {
  const error = "the proxy has too many requests to the video API in flight, which is probably slow to respond; try again in a second";
  return refusal(503, error, { "retry-after": "1" });
}

/** For a caller who is not there any more; proxies write this status into their logs. */
function goneAnswer(): Answer {
  return refusal(499, "the caller has left");
}
