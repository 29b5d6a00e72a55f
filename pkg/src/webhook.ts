/**
 * Reads a notification. Its payload is not documented and it has no signature, so this finds a video's id in any
 * likely shape and nothing else: it is a hint to ask now, never the truth. It never throws.
 */

import { inTime, readStream, TIME_LIMIT_MS, type Reading } from "./upstream.js";
import { isVideoId } from "./video-id.js";

const SIZE_LIMIT = 1_048_576;
/** How many envelopes may lie in one another. */
const DEPTH = 3;
const ENVELOPES = ["data", "payload", "body", "result", "object", "event"];

/**
 * The video that a notification of any documented or likely shape is about: JSON or a form in the body, else the
 * query; null when it names no video. Only a hint: confirm with `getStatus`. It uses the request's body up, of which it
 * reads at most 1 MiB, for at most 30 s.
 */
export function readWebhook(request: Request): Promise<{ videoId: string } | null> {
  return readNotification(request);
}

/** The same, where a body is not read on once `reserve` refuses it a buffer. @internal */
export async function readNotification(request: Request, reserve?: Reading["reserve"]): Promise<{ videoId: string } | null> {
  try {
    const id = found(await bodyOf(request, reserve)) ?? found(fields(new URL(request.url).search));
    return id === undefined ? null : { videoId: id };
  } catch {
    return null; // a body that broke off, or a request that is none
  }
}

/** The body as a value; undefined if it is neither JSON nor a form, or too long, or not there in time. */
async function bodyOf({ body, headers }: Request, reserve: Reading["reserve"]): Promise<unknown> {
  if (!body) return undefined;
  let text: string;
  try {
    const bytes = await inTime(TIME_LIMIT_MS, undefined, ({ signal }) => readStream(body, SIZE_LIMIT, { signal, reserve }));
    if (!bytes) return undefined;
    text = new TextDecoder().decode(bytes);
  } catch {
    return undefined; // it broke off, or somebody else has read it; the query may still say it
  }
  const json = parsed(text);
  if (json !== undefined) return json;
  const type = headers.get("content-type") ?? "";
  return /^\s*application\/x-www-form-urlencoded\b/i.test(type) ? fields(text) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The first value of each field. */
function fields(text: string): Map<string, unknown> {
  const first = new Map<string, unknown>();
  for (const [name, value] of new URLSearchParams(text)) if (!first.has(name)) first.set(name, value);
  return first;
}

/** The id that a value names: what is said of a video, however deep, before what may be an event's own. */
function found(value: unknown): string | undefined {
  return find(value, 0, true) ?? find(value, 0, false);
}

/** The id by the most telling names first; the `plain` ones alone say of what it is. */
function find(value: unknown, depth: number, plain: boolean): string | undefined {
  const get = reader(value);
  if (!get) return undefined;
  const video = get("video");
  const inVideo = reader(video);
  const named = nameIn(get) ?? (inVideo && (nameIn(inVideo) ?? idOf(inVideo("id"))));
  if (named !== undefined) return named;
  // The body of the status call, which other services of this API send.
  const isStatus = typeof get("status") === "string" || Array.isArray(get("generatedContent"));
  const own = plain ? undefined : idOf(get("id"));
  if (isStatus && own !== undefined) return own;
  const text = plain ? undefined : idOf(video);
  if (text !== undefined) return text;
  if (depth < DEPTH) {
    for (const name of ENVELOPES) {
      const content = get(name);
      // Forms and queues put JSON into a text.
      const inside = find(typeof content === "string" ? parsed(content) : content, depth + 1, plain);
      if (inside !== undefined) return inside;
    }
  }
  return own;
}

function nameIn(get: (name: string) => unknown): string | undefined {
  return idOf(get("videoId")) ?? idOf(get("video_id"));
}

/** How to look into a value, if it has names at all: its own, never inherited ones. A list stands for its first entry. */
function reader(value: unknown): ((name: string) => unknown) | undefined {
  if (value instanceof Map) return (name) => value.get(name) as unknown;
  const one: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof one !== "object" || one === null) return undefined;
  return (name) => (Object.hasOwn(one, name) ? (one as Record<string, unknown>)[name] : undefined);
}

function idOf(value: unknown): string | undefined {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === "string" && isVideoId(text) ? text : undefined;
}
