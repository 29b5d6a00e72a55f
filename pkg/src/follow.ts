/**
 * Live streams, where a server watches by itself and says when there is news of a video. What the news are is asked
 * for as ever, so nothing is believed of a stream but that it speaks; the core decides what that is worth. A client
 * that finds none, or loses one, polls as if it had never looked for one.
 */

/** A poll, which passes what it hears on to all polls of its video. */
export interface Follower {
  /** Whether the stream is heard. */
  followed(isFollowed: boolean): void;
  news(): void;
}

/** A poll's place at a stream. */
export interface Following {
  /** The poll cannot ask: the stream may be what takes its connection, of which browsers have six for a server. */
  yield(): void;
  leave(): void;
}

/** Opens the stream of this id. */
export type Connect = (id: string, signal: AbortSignal) => Promise<Response>;

/** So many at once for one client, for the same six. The others' polls go on by themselves. */
const MOST_STREAMS = 3;
/** A stream that says nothing for so long is broken: two of our heartbeats and more. */
const LONGEST_SILENCE_MS = 50_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** What became of a stream: try again, no more for this video, or none at this server. */
type Outcome = "broken" | "over" | "absent";

/** All streams of one client, one for a video, however many polls it has. */
export class Streams {
  readonly #connect: Connect;
  /** In the order in which they get their turn. */
  readonly #streams = new Map<string, Stream>();
  #isAbsent = false;

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  follow(id: string, follower: Follower): Following {
    let stream = this.#streams.get(id);
    if (!stream) {
      stream = new Stream((signal) => this.#connect(id, signal));
      this.#streams.set(id, stream);
    }
    const { followers } = stream;
    followers.add(follower);
    if (stream.isLive) follower.followed(true);
    this.#next();
    return {
      yield: () => stream.yield(),
      leave: () => {
        if (!followers.delete(follower) || followers.size > 0) return;
        stream.end();
        this.#streams.delete(id);
        this.#next();
      },
    };
  }

  #next(): void {
    if (this.#isAbsent) return;
    const open = [...this.#streams.values()].filter((stream) => !stream.isOver);
    for (const stream of open.slice(0, MOST_STREAMS)) {
      stream.start((outcome) => {
        this.#isAbsent ||= outcome === "absent";
        this.#next();
      });
    }
  }
}

/** The stream of one video: opened, and opened again, until it is over or nobody listens. */
class Stream {
  readonly followers = new Set<Follower>();
  isLive = false;
  isOver = false;
  readonly #connect: (signal: AbortSignal) => Promise<Response>;
  #isStarted = false;
  #yields = false;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Breaks off what is open. */
  #break = () => {};

  constructor(connect: (signal: AbortSignal) => Promise<Response>) {
    this.#connect = connect;
  }

  start(onOver: (outcome: Outcome) => void): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#open(onOver);
  }

  yield(): void {
    this.#yields = true;
    this.#break();
  }

  end(): void {
    this.isOver = true;
    this.#break();
    clearTimeout(this.#timer);
  }

  async #open(onOver: (outcome: Outcome) => void): Promise<void> {
    const began = performance.now();
    const controller = new AbortController();
    const broken = new Promise<never>((_, reject) => {
      this.#break = () => {
        reject(new Error("broken"));
        controller.abort();
      };
    });
    const outcome = await this.#listen(controller.signal, broken).catch((): Outcome => "broken");
    this.#break();
    clearTimeout(this.#timer);
    this.#tell(false);
    if (this.isOver) return;
    if (outcome !== "broken") {
      this.end();
      return onOver(outcome);
    }
    if (performance.now() - began > this.#pauseMs) this.#pauseMs = FIRST_PAUSE_MS;
    if (this.#yields) this.#pauseMs = LONGEST_PAUSE_MS;
    this.#yields = false;
    this.#wait(this.#pauseMs, () => void this.#open(onOver));
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  async #listen(signal: AbortSignal, broken: Promise<never>): Promise<Outcome> {
    const silence = () => this.#wait(LONGEST_SILENCE_MS, this.#break);
    silence();
    // A fetch of the user's own may not listen to the signal.
    const { status, headers, body } = await Promise.race([this.#connect(signal), broken]);
    if (status === 204 || status === 401 || status === 403) return "over";
    if (status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501)) return "broken";
    if (status !== 200 || !body || !/^text\/event-stream\b/i.test(headers.get("content-type") ?? "")) return "absent";
    const reader = body.getReader();
    broken.catch(() => reader.cancel()).catch(() => {});
    const decoder = new TextDecoder();
    let line = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "broken";
      silence();
      // Only now: whatever lies between may keep back what it was sent.
      this.#tell(true);
      const lines = (line + decoder.decode(value, { stream: true })).split(/[\r\n]/);
      // Of a line that is not complete its beginning is enough.
      line = (lines.pop() ?? "").slice(0, 5);
      if (lines.some((line) => line.startsWith("data:"))) this.#someone?.news();
    }
  }

  #tell(isLive: boolean): void {
    if (this.isLive === isLive) return;
    this.isLive = isLive;
    this.#someone?.followed(isLive);
  }

  get #someone(): Follower | undefined {
    const [first] = this.followers;
    return first;
  }

  #wait(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }
}
