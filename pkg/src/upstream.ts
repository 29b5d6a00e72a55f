/**
 * One request to the API: with the key, within limits of time and size, never behind a redirect. What comes of
 * it is plain data, since many callers may be told the same, and a Worker's visitors can share nothing else.
 * It never rejects, and says nothing that holds the key.
 */

import { passedOn } from "./date.js";
import { safely, wordsOf } from "./error.js";
import { containsKey, redact } from "./secret.js";

/** What a caller is told. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/** What came of a request. */
export interface Outcome {
  readonly answer: Answer;
  /** The API said something; if not, this is shared for as long as a request may not follow the last one, and no longer. */
  readonly heard: boolean;
}

/** Headers and body of one request together. */
export const TIME_LIMIT_MS = 30_000;
/** A longer body is not read on. */
export const SIZE_LIMIT = 1_048_576;

/** Wherever among the parameters it stands. */
const CHARSET = /;\s*charset\s*=\s*"?([\w:.-]+)/i;
/** The types that are sent on as such. Browsers run none of them, and a page of the same origin shows them as text. */
const DATA_TYPE = /^(?:application\/(?:[\w!#$&^.+-]+\+)?json|text\/plain)$/i;
/** The charsets that are sent on: in these every byte of ASCII stands for itself, so that no reader finds another text. */
const PLAIN_CHARSET = /^(?:utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d)$/i;
/** Networks bring a megabyte in some hundred. */
const MOST_CHUNKS = 16_384;

/** In our own words: small JSON. */
export function refusal(status: number, error: string, headers?: Readonly<Record<string, string>>): Answer {
  const body = new TextEncoder().encode(JSON.stringify({ error }));
  return { status, headers: { "content-type": "application/json", ...headers }, body };
}

/** How a body is read, beside its length. */
export interface Reading {
  /** Once it is aborted, nothing more is read. */
  readonly signal?: AbortSignal | undefined;
  /** Called before a buffer of so many bytes takes the place of the last one; false where that is too much, which ends the reading. */
  readonly reserve?: ((bytes: number) => boolean) | undefined;
}

/** Limits of one request. */
export interface Limits extends Reading {
  /** Headers and body together. */
  readonly timeMs: number;
  /** A longer body is not read on. */
  readonly bytes: number;
  /** What was thrown where nothing came back. Whatever it says, it may quote the request. */
  readonly onLost?: ((thrown: unknown) => void) | undefined;
}

/** What came back, as it is: it may hold the key. */
export interface Said {
  readonly status: number;
  /** It leads elsewhere, and was not followed; nothing was read. */
  readonly redirects: boolean;
  readonly headers: Pick<Headers, "get">;
  /** Undefined where there is more than the limit. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** Asks once. What the server's operator should know goes to `note`, without the key and whichever video it is. */
export async function ask(
  url: string,
  key: string,
  given: typeof globalThis.fetch | undefined,
  reading: Reading = {},
  note: (what: string) => void = () => {},
): Promise<Outcome> {
  const id = url.slice(url.lastIndexOf("/"));
  const withoutId = (address: string) => {
    const at = address.lastIndexOf(id);
    return at < 0 ? address : `${address.slice(0, at)}/{id}${address.slice(at + id.length)}`;
  };
  const lost: Outcome = { answer: refusal(502, "the video API could not be reached"), heard: false };
  const onLost = (thrown: unknown) => {
    // Node says of whatever failed that fetch failed, and what it was beneath.
    const cause = safely(() => (thrown as Error).cause);
    note(`the video API could not be reached at ${withoutId(url)}: ${redact(wordsOf(cause ?? thrown), key).slice(0, 300)}. Check baseUrl and the network of this server.`);
  };
  const said = await exchange(url, key, given, { timeMs: TIME_LIMIT_MS, bytes: SIZE_LIMIT, onLost, ...reading });
  if (said === "late") {
    note(`no whole response came from ${withoutId(url)} within ${TIME_LIMIT_MS / 1_000} s. The video API probably hangs: check baseUrl and the network of this server.`);
    return { answer: refusal(504, "the video API did not answer in time"), heard: false };
  }
  if (said === "lost") return lost;
  try {
    if (said.redirects) {
      const location = said.headers.get("location");
      // Without what may be secret in it.
      const target = location && safely(() => new URL(location, url).href.replace(/[?#].*|(?<=\/\/)[^/]*@/g, ""));
      const where = target ? ` to ${withoutId(redact(target, key))}` : "";
      note(`${withoutId(url)} redirects${where}, which is not followed, so that the key goes nowhere else: set baseUrl to where the API is.`);
    }
    return { answer: answerOf(said, key), heard: true };
  } catch {
    return lost;
  }
}

/** What a caller is told of it. */
function answerOf({ status, redirects, headers: said, bytes }: Said, key: string): Answer {
  if (redirects) return refusal(502, "the video API redirects");
  if (!isPossible(status)) return refusal(502, "the video API answered with an impossible status");
  if (!bytes) return refusal(502, "the video API answered more than a status");

  // A page that a failing server or its gateway shows must not run on this origin.
  const headers: Record<string, string> = { "content-security-policy": "default-src 'none'; sandbox" };
  const keep = (name: string, value: string | null | undefined, read: (value: string) => string | undefined) => {
    const kept = value == null || containsKey(value, key) ? undefined : read(value);
    if (kept !== undefined) headers[name] = kept;
  };
  keep("retry-after", said.get("retry-after"), (value) => passedOn(value, said.get("date"), Date.now()));
  if (status === 204 || status === 205 || status === 304) return { status, headers, body: null };
  const declared = said.get("content-type") ?? "";
  keep("content-type", declared.split(";", 1)[0], (value) => DATA_TYPE.exec(value.trim())?.[0]);
  // Anything else could be run by a page of this origin, as a script say.
  headers["content-type"] ??= "text/plain";
  // Of texts in most charsets all bytes of ASCII come through a decoder for UTF-8, so the key is found.
  const text = textOf(bytes, declared, key);
  const clean = redact(text, key);
  const charset = CHARSET.exec(declared)?.[1];
  // What is in another charset than those is sent as UTF-8.
  const isKept = clean === text && (charset === undefined || PLAIN_CHARSET.test(charset));
  if (charset !== undefined) headers["content-type"] += `; charset=${isKept ? charset : "utf-8"}`;
  return { status, headers, body: isKept ? bytes : new TextEncoder().encode(clean) };
}

/**
 * The text of a body. What is UTF-8 is read as that, as JSON is (RFC 8259, section 8.1) whatever a header says of it; any
 * other body in the charset that its mark or its header names, if the host knows it, and otherwise with gaps. The module
 * does the same (`src/web/fetch.rs`).
 */
export function textOf(bytes: Uint8Array<ArrayBuffer>, type: string | null, key: string): string {
  const plain = new TextDecoder().decode(bytes);
  // No text holds zeros or escapes: UTF-16 does between its letters, and ISO-2022-JP at each change of its tables. A gap
  // that the body has itself is read once more, to the same.
  if (!/[\0\x1b\ufffd]/.test(plain)) return plain;
  // Where the key can be seen between the gaps, no decoder may hide it.
  if (redact(plain, key) !== plain) return plain;
  const mark = bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : undefined;
  try {
    return new TextDecoder(mark ?? CHARSET.exec(type ?? "")?.[1]).decode(bytes);
  } catch {
    return plain; // nobody knows that charset
  }
}

/** One request within its limits: what came back, or that nothing did (in time). It never rejects. */
export async function exchange(
  url: string,
  key: string,
  given: typeof globalThis.fetch | undefined,
  limits: Limits,
): Promise<Said | "late" | "lost"> {
  try {
    return await inTime<Said | "lost", "late">(limits.timeMs, "late", (controller) => {
      // A fetch of the user's own may not listen to the signal.
      const abandoned = new Promise<"lost">((resolve) => {
        const abandon = () => {
          resolve("lost");
          controller.abort();
        };
        limits.signal?.addEventListener("abort", abandon, { once: true });
        if (limits.signal?.aborted) abandon();
      });
      return Promise.race([send(url, key, given, limits, controller), abandoned]);
    });
  } catch (thrown) {
    limits.onLost?.(thrown);
    return "lost";
  }
}

/** What `act` comes to, or `late` after `ms`; then its controller aborts, and what becomes of it is nobody's concern. */
export async function inTime<T, Late>(ms: number, late: Late, act: (controller: AbortController) => Promise<T>): Promise<T | Late> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<Late>((resolve) => {
    timer = setTimeout(() => {
      resolve(late);
      controller.abort();
    }, ms);
  });
  try {
    return await Promise.race([act(controller), end]);
  } finally {
    clearTimeout(timer);
  }
}

async function send(
  url: string,
  key: string,
  given: typeof globalThis.fetch | undefined,
  limits: Limits,
  controller: AbortController,
): Promise<Said> {
  // Called unbound, as hosts demand, and looked up at each call, so that a replaced global is used.
  const fetch = given ?? globalThis.fetch;
  const response = await fetch(url, {
    headers: { accept: "application/json", "x-api-key": key },
    // No fallback: a host that cannot do this would carry the key on to wherever it is sent.
    redirect: "manual",
    // Without it Next.js freezes the first answer.
    ...(takesCache(url) ? { cache: "no-store" } : {}),
    signal: controller.signal,
  });
  const { status = response.ok ? 200 : NaN, headers = new Headers() } = response;
  const redirects = (status >= 300 && status < 400 && status !== 304) || response.redirected || response.type === "opaqueredirect";
  if (redirects || !isPossible(status)) {
    controller.abort();
    return { status, redirects, headers, bytes: new Uint8Array() };
  }
  const bytes = await read(response, limits.bytes, { ...limits, signal: controller.signal });
  if (!bytes) controller.abort();
  return { status, redirects, headers, bytes };
}

function isPossible(status: number): boolean {
  return status >= 200 && status <= 599;
}

/** Whether this host knows the word; Workers with a compatibility date before November 2024 throw on it. */
function takesCache(url: string): boolean {
  try {
    new Request(url, { cache: "no-store" });
    return true;
  } catch {
    return false;
  }
}

/** The body, up to the limit and no further; undefined if it is longer. */
async function read(response: Response, limit: number, reading: Reading): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (typeof response.body?.getReader !== "function") {
    // A response of some other make, as a test's mock with no more than `json()`, or one without a body.
    let whole: Uint8Array<ArrayBuffer>;
    if (typeof response.arrayBuffer === "function") whole = new Uint8Array(await response.arrayBuffer());
    else whole = new TextEncoder().encode(typeof response.text === "function" ? await response.text() : JSON.stringify(await response.json()));
    return whole.length > limit ? undefined : whole;
  }
  return readStream(response.body, limit, reading);
}

/**
 * A stream's bytes, up to the limit and no further; undefined if there are more. They are copied into one buffer as they
 * come, and there are so many chunks at most, empty ones too: each costs the host some 4 KB until it is collected, however
 * short it is, and whoever sends decides how short.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  { signal, reserve }: Reading = {},
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reader = stream.getReader();
  // Whatever comes of it is nobody's unhandled rejection, also where a stream of some other make throws.
  const cancel = () => {
    new Promise((resolve) => resolve(reader.cancel())).catch(() => {});
  };
  signal?.addEventListener("abort", cancel);
  let isWhole = false;
  try {
    let buffer = new Uint8Array();
    let length = 0;
    for (let chunks = 1; ; chunks += 1) {
      const { done, value } = await reader.read();
      // A stream that is cancelled ends as if that were all of it.
      if (signal?.aborted) throw new Error("aborted");
      if (done) {
        isWhole = true;
        if (length === buffer.length) return buffer;
        const whole = buffer.slice(0, length);
        free(buffer);
        return whole;
      }
      if (!ArrayBuffer.isView(value)) throw new TypeError("a body is made of bytes");
      const chunk = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      const needed = length + chunk.length;
      if (needed > limit || chunks > MOST_CHUNKS) return undefined;
      if (needed > buffer.length) {
        const size = Math.min(Math.max(needed, 2 * buffer.length), limit);
        if (reserve?.(size) === false) throw new Error("there is no room for the body");
        const grown = new Uint8Array(size);
        grown.set(buffer);
        free(buffer);
        buffer = grown;
      }
      buffer.set(chunk, length);
      length = needed;
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
    if (!isWhole) cancel();
  }
}

/** Gives a buffer's memory back at once, where the host can do so: until garbage is collected, those of a hundred bodies add up. */
function free({ buffer }: Uint8Array): void {
  (buffer as { transfer?: (bytes: number) => unknown }).transfer?.(0);
}
