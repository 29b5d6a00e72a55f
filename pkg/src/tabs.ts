/**
 * Pages of one origin that wait for the same video ask once between them. There is no leader: whoever's time comes
 * first asks, under a lock that the browser gives to one of them, and tells the others, whose own time is put off by
 * it. So nothing has to be handed over when a page is closed or frozen. Where a browser lacks what this takes, each
 * page asks for itself.
 */

/**
 * What pages tell each other. The names of channels and locks tell nothing of who uses them, and a page that sends other
 * requests has others. But scripts of one origin are one party: one that means to can listen and talk here, and what is
 * heard is checked as a response of the API is.
 */
type Message =
  /** Somebody is asking, and still there. */
  | { readonly type: "asking"; readonly id: string; readonly by: number }
  /** Does anybody know? */
  | { readonly type: "who"; readonly id: string; readonly by: number }
  /** What the API said; an answer to one who wanted to know has its number. */
  | ({ readonly type: "answer"; readonly id: string; readonly to?: number; readonly order: number } & Answer);

/** One answer of the API, without the key. */
interface Answer {
  readonly httpStatus: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** A response that a page of this origin had. */
interface Known {
  readonly answer: Answer;
  /**
   * Higher than that of all responses that were known here when its request was sent, as a Lamport clock counts: what is
   * known is never replaced by the response to an earlier request. (Clocks of pages differ once the system's is set.)
   */
  readonly order: number;
  /** When it came here, by this page's own clock. */
  readonly atMs: number;
}

/** Passes on what another page was told; true if a poll takes it. */
export type Tell = (id: string, httpStatus: number, retryAfter: string | undefined, body: string) => boolean | undefined;

const HEARTBEAT_MS = 400;
/** After so long without a heartbeat, whoever asks is frozen. Pages in the background have timers of a second. */
const LONGEST_SILENCE_MS = 1_200;
/** What is known for so long is worth another question. */
const FRESH_MS = 2_000;
/** Whoever has not heard of a video for so long asks the others first what they know. */
const UNAWARE_MS = 10_000;
/** So long the others have to say what they know, or to be heard of before it is one's own turn. */
const LISTEN_MS = 50;
/** After so long a browser that has not replied about a digest or a lock counts as one that lacks it. */
const REPLY_MS = 1_000;
/** Longer ids are polled by each page for itself, in characters. */
const LONGEST_ID = 2_048;
/** A longer `Retry-After` is none of the forms that there are. */
const LONGEST_RETRY_AFTER = 100;

/** The lock manager, as far as it is used; TypeScript's own types of it are a browser's alone. */
interface Locks {
  request(name: string, options: object, act: (lock: unknown) => unknown): Promise<unknown>;
}
type Hold = (lock: unknown) => Promise<void> | undefined;

/** Who waits for the same videos with the same requests. */
export class Tabs {
  readonly #identity: readonly unknown[];
  readonly #tell: Tell;
  /** Of a body, in characters. */
  readonly #longest: number;
  /** A number of this page's own among the others. */
  readonly #by = Math.random();
  /** Nothing where the browser does not say in time. */
  #names: Promise<Names | undefined> | undefined;
  /** Resolves when the channel is open, or will not be. */
  #opened: Promise<void> | undefined;
  /** Requests for locks that are left without a reply. As long as there are any, no lock is requested. */
  #unanswered = 0;
  #channel: (Names & { readonly port: BroadcastChannel }) | undefined;
  /** What is polled here, by how many, and when it was last heard of; by the id. */
  readonly #polled = new Map<string, { polls: number; heardAt: number }>();
  /** The newest response, by the id; of videos that are not polled here, for a while. */
  readonly #known = new Map<string, Known>();
  /** The order of the request that this page sent last, by the id. */
  readonly #sent = new Map<string, number>();
  /** Of the turns that wait here: by the id, what a heartbeat puts off. */
  readonly #silences = new Map<string, () => void>();
  readonly #held = new Set<() => void>();

  /** `identity` is all that makes a request what it is; only its digests leave this object. Nobody hears of a body over `longest`. */
  constructor(identity: readonly unknown[], longest: number, tell: Tell) {
    this.#identity = identity;
    this.#longest = longest;
    this.#tell = tell;
  }

  /** A poll of this video begins: from now on others are heard, until all have left. */
  enter(id: string): void {
    const polled = this.#polled.get(id) ?? { polls: 0, heardAt: -Infinity };
    polled.polls += 1;
    this.#polled.set(id, polled);
    this.#opened = this.#open();
  }

  /** A poll of this video is over. */
  leave(id: string): void {
    const polled = this.#polled.get(id);
    if (polled && (polled.polls -= 1) === 0) this.#polled.delete(id);
    if (this.#polled.size > 0) return;
    // Nothing is asked any more, also where the module could not hand its turn on.
    for (const release of [...this.#held]) release();
    this.#channel?.port.close();
    this.#channel = undefined;
    this.#known.clear();
    this.#sent.clear();
  }

  /** Resolves when this page may ask, with how to hand that on. It never rejects. */
  async turn(id: string, signal: AbortSignal): Promise<() => void> {
    await this.#opened;
    const channel = this.#channel;
    if (!channel || id.length > LONGEST_ID) return () => {};
    if (performance.now() - (this.#polled.get(id)?.heardAt ?? 0) > UNAWARE_MS) {
      await new Promise<void>((resolve) => this.#afterEcho({ type: "who", id, by: this.#by }, resolve));
      await pause(LISTEN_MS, signal);
    }
    const name = `${channel.lock}:${id}`;
    let release: (() => void) | undefined;
    let isInTurn = true;
    const hold = (lock: unknown) => {
      if (!lock || signal.aborted) return undefined;
      return new Promise<void>((resolve) => {
        release = this.#hold(id, signal, resolve);
      });
    };
    const isAnswered = this.#unanswered === 0 && (await this.#request(name, { ifAvailable: true }, hold));
    // A browser that does not say whose turn it is does not know.
    if (isAnswered && !release && !signal.aborted) {
      for (const isAlone of [false, true]) {
        await this.#queue(name, id, signal, hold);
        if (release || signal.aborted) break;
        isInTurn = false;
        await this.#steal(name, hold, signal, isAlone);
        if (release) break;
      }
      // Whoever had it before has told us by now, or will never.
      await pause(LISTEN_MS, signal);
    }
    // The request of one that was silent may still be in flight: this one comes after it.
    this.#sent.set(id, this.#order(id) + (isInTurn ? 1 : 2));
    return release ?? (() => {});
  }

  /**
   * To the other pages: what the API said to this one. If another page has the response to a later request by now, as
   * where this one was silent for so long that it lost its turn, gives that: status, Retry-After and body.
   */
  tell(id: string, httpStatus: number, retryAfter: string | undefined, body: string): readonly [number, string | undefined, string] | undefined {
    if (!this.#channel) return undefined;
    const answer = { httpStatus, retryAfter, body };
    const order = this.#sent.get(id) ?? this.#order(id);
    const known = this.#known.get(id);
    if (known && known.order > order) return [known.answer.httpStatus, known.answer.retryAfter, known.answer.body];
    this.#remember(id, answer, order, true);
    this.#post({ type: "answer", id, order, ...answer });
    return undefined;
  }

  async #open(): Promise<void> {
    try {
      const names = await (this.#names ??= inTime(namesOf(this.#identity)));
      if (!names || this.#channel || this.#polled.size === 0 || !locks()) return;
      const port = new BroadcastChannel(names.channel);
      port.onmessage = ({ data }: MessageEvent) => {
        if (isMessage(data, this.#longest)) this.#hear(data);
      };
      this.#channel = { ...names, port };
    } catch {
      // A host without a digest, or one that allows no channel here.
    }
  }

  #hear(message: Message): void {
    const { type, id } = message;
    if (type === "asking") this.#silences.get(id)?.();
    if (type === "who") {
      const known = this.#fresh(id);
      if (known) this.#post({ type: "answer", id, to: message.by, order: known.order, ...known.answer });
    }
    // A page that is busy may say late what it knows.
    if (type === "answer" && (message.to ?? this.#by) === this.#by && message.order >= this.#order(id)) {
      const { order, httpStatus, retryAfter, body } = message;
      // A poll that is only about to begin takes nothing: it will want to know all the same.
      const isTaken = this.#tell(id, httpStatus, retryAfter, body);
      this.#remember(id, { httpStatus, retryAfter, body }, order, isTaken);
    }
  }

  #remember(id: string, answer: Answer, order: number, isTaken: boolean | undefined): void {
    const atMs = performance.now();
    const polled = this.#polled.get(id);
    if (polled && isTaken) polled.heardAt = atMs;
    this.#known.set(id, { answer, order, atMs });
    for (const [id, known] of this.#known) if (atMs - known.atMs > FRESH_MS && !this.#polled.has(id)) this.#known.delete(id);
  }

  #fresh(id: string): Known | undefined {
    const known = this.#known.get(id);
    // A clock that was set back tells nothing of its age.
    return known && Math.abs(performance.now() - known.atMs) <= FRESH_MS ? known : undefined;
  }

  /** Of the newest response. */
  #order(id: string): number {
    return this.#known.get(id)?.order ?? 0;
  }

  #post(message: Message): void {
    try {
      this.#channel?.port.postMessage(message);
    } catch {
      // It is closed, or too much: then they ask for themselves.
    }
  }

  /** Has the turn until it is handed on, and says so as long as it does. */
  #hold(id: string, signal: AbortSignal, resolve: () => void): () => void {
    const asking = { type: "asking", id, by: this.#by } as const;
    const beat = () => this.#post(asking);
    beat();
    const heart = setInterval(beat, HEARTBEAT_MS);
    const release = () => {
      clearInterval(heart);
      signal.removeEventListener("abort", release);
      this.#held.delete(release);
      this.#afterEcho(asking, resolve);
    };
    this.#held.add(release);
    signal.addEventListener("abort", release);
    return release;
  }

  /**
   * Says something and acts when it is on its way to the others, with all that was said before: a busy browser may
   * give them the turn before the answer. Whoever listens as they do hears it as they do.
   */
  #afterEcho(message: Extract<Message, { by: number }>, act: () => void): void {
    if (!this.#channel) return act();
    let echo: BroadcastChannel | undefined;
    const end = () => {
      clearTimeout(timer);
      echo?.close();
      act();
    };
    const timer = setTimeout(end, LONGEST_SILENCE_MS);
    try {
      echo = new BroadcastChannel(this.#channel.channel);
      echo.onmessage = ({ data }: MessageEvent) => {
        const isEcho = isMessage(data, this.#longest) && data.type === message.type && data.id === message.id && data.by === message.by;
        if (isEcho) end();
      };
    } catch {
      // No more of them are to be had: then it takes its time.
    }
    this.#post(message);
  }

  /** Waits for the turn of another to end, as long as that one is heard of. */
  async #queue(name: string, id: string, signal: AbortSignal, hold: Hold): Promise<void> {
    const waiting = new AbortController();
    const leave = () => waiting.abort();
    let timer = setTimeout(leave, LONGEST_SILENCE_MS);
    this.#silences.set(id, () => {
      clearTimeout(timer);
      timer = setTimeout(leave, LONGEST_SILENCE_MS);
    });
    signal.addEventListener("abort", leave);
    await this.#request(name, { signal: waiting.signal }, hold, waiting.signal);
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
    this.#silences.delete(id);
  }

  /**
   * Whether the lock manager replies before `late`, which is after a second where it has nothing to wait for. The lock is
   * had for as long as what `hold` gives is pending.
   */
  #request(name: string, options: object, hold: Hold, late?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      let isLate = false;
      // Not `AbortSignal.timeout`, which the clocks of tests do not know.
      const timer = late ? undefined : setTimeout(() => leave(1), REPLY_MS);
      const leave = (unanswered: number) => {
        clearTimeout(timer);
        if (isLate) this.#unanswered -= 1;
        isLate = unanswered > 0;
        this.#unanswered += unanswered;
        resolve(false);
      };
      const act = (lock: unknown) => {
        // Nobody waits for it any more and would hand it on: without a promise it is given back at once.
        const held = isLate || late?.aborted || hold(lock);
        resolve(true);
        leave(0);
        return held;
      };
      late?.addEventListener("abort", () => leave(0));
      const settled = () => leave(0);
      // Also where it is refused, which may throw.
      new Promise((done) => done(locks()?.request(name, options, act))).then(settled, settled);
    });
  }

  /**
   * Takes the turn of a page that is silent. Of all that wait for it one does so, and until that one has been heard of the
   * others go on waiting; unless `isAlone`, when that one has been silent too.
   */
  async #steal(name: string, hold: Hold, signal: AbortSignal, isAlone: boolean): Promise<void> {
    let taken: Promise<unknown> | undefined;
    const take = () => (taken = this.#request(name, { steal: true }, hold));
    if (isAlone) void take();
    else await this.#request(`${name}:steal`, { ifAvailable: true }, (lock) => (lock ? take().then(() => pause(LISTEN_MS, signal)) : undefined));
    await taken;
  }
}

/** What `work` comes to; nothing if it takes longer than a second. */
function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, REPLY_MS);
    work.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}

function locks(): Locks | undefined {
  const { navigator, BroadcastChannel } = globalThis as { navigator?: { locks?: Locks }; BroadcastChannel?: unknown };
  return typeof BroadcastChannel === "function" ? navigator?.locks : undefined;
}

/** What the browser knows of those who send the same requests. */
interface Names {
  readonly channel: string;
  /** All scripts of the origin can list locks, so this tells nothing of the channel. */
  readonly lock: string;
}

async function namesOf(identity: readonly unknown[]): Promise<Names> {
  return { channel: await nameOf(identity), lock: await nameOf(["lock", ...identity]) };
}

/** With the version of what pages say to each other: those of another do not understand it. */
async function nameOf(what: readonly unknown[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(what));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `iacrea-video/2:${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Whether a page of ours could have sent this over the channel: any script of the origin may send anything. */
function isMessage(data: unknown, longest: number): data is Message {
  const { type, id, by, to = 0, order, httpStatus, retryAfter = "", body } = (data ?? {}) as Record<string, unknown>;
  if (!isText(id, LONGEST_ID)) return false;
  if (type !== "answer") return (type === "asking" || type === "who") && Number.isFinite(by);
  const areWhole = isWhole(order, 0, Infinity) && isWhole(httpStatus, 200, 599);
  return areWhole && Number.isFinite(to) && isText(retryAfter, LONGEST_RETRY_AFTER) && isText(body, longest);
}

function isText(value: unknown, longest: number): boolean {
  return typeof value === "string" && value.length <= longest;
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

/** Waits, but not beyond the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", go);
      resolve();
    };
    const timer = setTimeout(go, ms);
    signal.addEventListener("abort", go);
    if (signal.aborted) go();
  });
}
