/**
 * Those who look on at one video, each over a WebSocket that the host keeps while the object sleeps. Nobody can see
 * how much of what was sent still waits for a viewer that does not read, so each connection is closed after a certain
 * number of bytes, and after ten minutes: whoever reads comes back with the id of the last change, which costs one
 * request and asks `authorize` anew; whoever does not read holds no more memory than that.
 */

/** What is used of the object's state. */
export interface ViewersHost {
  acceptWebSocket(socket: WorkerSocket): void;
  getWebSockets(): WorkerSocket[];
}

/** A change as it is sent. */
export interface SentChange {
  readonly seq: number;
  readonly text: string;
  /** In UTF-8. */
  readonly bytes: number;
  readonly isLast: boolean;
}

/** What the host keeps with a socket. */
interface Place {
  /** The number of the last change that was sent. */
  readonly sent: number;
  /** How much was sent over this connection. */
  readonly bytes: number;
  readonly sinceMs: number;
}

/** Of one video, at once. Those whose closing is not confirmed count: what was sent to them may still wait. */
const MOST_VIEWERS = 100;
/** The change that passes this is still sent, so that each connection gets on by one at least. */
export const MOST_BYTES = 262_144;
/** The same of all connections together, which a few long changes for many viewers would pass. An isolate has 128 MB. */
const MOST_BYTES_IN_ALL = 33_554_432;
/**
 * What all are sent in a minute, those included who have left: a host forgets a viewer that says Close, while what was
 * sent to it may wait for as long as it keeps its connection and does not read.
 */
const MOST_BYTES_A_MINUTE = 67_108_864;
const MINUTE_MS = 60_000;
/** So long the permission counts that a viewer came with. */
const LONGEST_MS = 600_000;
const OVER = [1_000, "the watch is over"] as const;
/** "Try again later", by https://www.iana.org/assignments/websocket: the viewer is to come back, and not to give up. */
const COME_AGAIN = [1_013, "come again with the last event id"] as const;
/** "Policy violation", by RFC 6455, section 7.4.1. */
const NOT_HEARD = [1_008, "viewers have nothing to say"] as const;

export class Viewers {
  readonly #host: ViewersHost;
  /** What was sent since then. */
  readonly #sent = { bytes: 0, sinceMs: -Infinity };

  constructor(host: ViewersHost) {
    this.#host = host;
  }

  /** Takes a viewer in that has seen the change `sent`; false where there are too many. */
  accept(socket: WorkerSocket, sent: number): boolean {
    this.expire();
    if (this.#host.getWebSockets().length >= MOST_VIEWERS || this.#sum() > MOST_BYTES_IN_ALL || this.#sentLately() > MOST_BYTES_A_MINUTE) return false;
    try {
      this.#host.acceptWebSocket(socket);
    } catch {
      return false; // The host has a limit too.
    }
    socket.serializeAttachment({ sent, bytes: 0, sinceMs: Date.now() } satisfies Place);
    return true;
  }

  /** Sends a change to all who have seen the one before it. Who is further behind is being caught up, and will get here. */
  publish(change: SentChange): void {
    let sum = this.#sum();
    for (const socket of this.#host.getWebSockets()) {
      if (placeOf(socket)?.sent !== change.seq - 1) continue;
      sum += change.bytes;
      if (sum > MOST_BYTES_IN_ALL || this.#sentLately() > MOST_BYTES_A_MINUTE) close(socket, COME_AGAIN);
      else this.send(socket, change);
    }
  }

  /** Sends a change to one viewer; false where that one gets no more over this connection. */
  send(socket: WorkerSocket, { seq, text, bytes, isLast }: SentChange): boolean {
    const place = placeOf(socket);
    if (!place) return false;
    const sum = place.bytes + bytes;
    try {
      socket.send(text);
      this.#sentLately(bytes);
      socket.serializeAttachment({ ...place, sent: seq, bytes: sum } satisfies Place);
    } catch {
      return false; // It may be gone, or closed, at any time.
    }
    if (isLast) close(socket, OVER);
    else if (sum > MOST_BYTES) close(socket, COME_AGAIN);
    return !isLast && sum <= MOST_BYTES;
  }

  /** How much was sent over all connections. */
  #sum(): number {
    return this.#host.getWebSockets().reduce((sum, socket) => sum + (placeOf(socket)?.bytes ?? 0), 0);
  }

  /** How much was sent in this minute, with so many bytes more. */
  #sentLately(more = 0): number {
    const nowMs = Date.now();
    const ageMs = nowMs - this.#sent.sinceMs;
    if (!(ageMs >= 0 && ageMs < MINUTE_MS)) Object.assign(this.#sent, { bytes: 0, sinceMs: nowMs });
    this.#sent.bytes += more;
    return this.#sent.bytes;
  }

  /** Sends those away whose permission is too old. They are looked for whenever the object is awake, and before anything is sent. */
  expire(): void {
    const oldestMs = Date.now() - LONGEST_MS;
    for (const socket of this.#host.getWebSockets()) {
      // One without a place is of a version that kept less.
      if ((placeOf(socket)?.sinceMs ?? -Infinity) <= oldestMs) close(socket, COME_AGAIN);
    }
  }

  /** The watch is over: for one who comes too late, or for all who are still there. */
  dismiss(sockets = this.#host.getWebSockets()): void {
    for (const socket of sockets) close(socket, OVER);
  }

  /** A viewer has sent a message, which is one too many. If it sends more and does not close, the host reads on, and nothing here can stop it. */
  refuse(socket: WorkerSocket): void {
    close(socket, NOT_HEARD);
  }

  /** A viewer has closed. Older hosts leave it to us to confirm that; codes of their own cannot be sent back. */
  confirm(socket: WorkerSocket, code: number): void {
    close(socket, [code === 1_000 || code >= 3_000 ? code : 1_000, ""]);
  }
}

function close(socket: WorkerSocket, [code, reason]: readonly [number, string]): void {
  try {
    socket.close(code, reason);
  } catch {
    // It is gone.
  }
}

function placeOf(socket: WorkerSocket): Place | undefined {
  const place = socket.deserializeAttachment() as Partial<Place> | null;
  return [place?.sent, place?.bytes, place?.sinceMs].every(Number.isFinite) ? (place as Place) : undefined;
}
