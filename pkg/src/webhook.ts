/**
 * Reads a notification. Its payload is not documented and it has no signature, so this finds a video's id in any
 * likely shape and nothing else: it is a hint to ask now, never the truth. It never throws.
 */

import { inTime, readStream, TIME_LIMIT_MS, type Reading } from "./upstream.js";
import { isVideoId } from "./video-id.js";

const SIZE_LIMIT = 1_048_576;
/** How many envelopes may lie in one another. */
const DEPTH = 3;
/** What notifications are wrapped in: an `id` in one of these may be the video's. */
const ENVELOPES = ["data", "payload", "body", "result", "object", "event", "events", "records", "items", "notification", "notifications", "detail"];
/** In these an `id` is that of a job or a message, so a video counts only under a name that says so. */
const OTHERS = ["message", "messages", "content", "resource", "attributes", "job", "task", "params"];
/** Names that say of which video it is, and the same of a list. */
const IDS = ["videoId", "video_id", "videoID", "VideoId", "video-id", "videoUuid", "video_uuid", "generatedVideoId", "generated_video_id"];
const ID_LISTS = ["videoIds", "video_ids"];
/** Names of a video, or of a list of them: an object with its id, or the id as a text. */
const VIDEOS = ["video", "Video", "generatedVideo", "generated_video", "videos"];
/** The text under such a name may also be that of a file. */
const FILE = /\.(?:mp4|webm|mov|m4v|mkv|avi|gif|m3u8)$/i;
/** The API's own words, compared without separators: with another one an `id` may be that of the event. */
const STATUS = /^(?:generatingvideo|startrenderingvideo|renderingvideo|startgeneration|done|pending|error)$/i;

/**
 * The video that a notification of any documented or likely shape is about: JSON or a form in the body, else the
 * query; null when it names no video. A name that says video (`videoId`, `video: { id }`) wins over a bare `id`, however
 * deep it stands in an envelope. Of a batch, which is a list of events, it is the first event's video: read the others
 * yourself, or poll for them. Only a hint: confirm with `getStatus`. It uses the request's body up, of which it reads at
 * most 1 MiB, for at most 30 s.
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

/** The id that a value names. A name that says video, however deep, comes before an `id` that may be an event's own. */
function found(value: unknown): string | undefined {
  return search(value, 0, namedVideo) ?? search(value, 0, textOfVideo) ?? bareId(value, 0);
}

type Get = (name: string) => unknown;

/** What `look` finds in a value, or else in an envelope in it. */
function search(value: unknown, depth: number, look: (get: Get) => string | undefined): string | undefined {
  const get = reader(value);
  return get && (look(get) ?? inside(get, depth, [...ENVELOPES, ...OTHERS], (content) => search(content, depth + 1, look)));
}

/** What `look` finds in the first envelope that has it. */
function inside(get: Get, depth: number, names: readonly string[], look: (content: unknown) => string | undefined): string | undefined {
  if (depth === DEPTH) return undefined;
  // Forms and queues put JSON into a text.
  return first(names, get, (content) => look(typeof content === "string" ? parsed(content) : content));
}

/** An id under a name that says of what it is, the most telling names first. */
function namedVideo(get: Get): string | undefined {
  return (
    first(IDS, get, idOf) ??
    first(ID_LISTS, get, (list) => (Array.isArray(list) ? idOf(list[0]) : undefined)) ??
    first(VIDEOS, get, (video) => {
      const own = reader(video);
      return own && (first(IDS, own, idOf) ?? idOf(own("id")));
    })
  );
}

/** A video that is a text: its id, unless the body is that of a status call, where it would be a title or a file. */
function textOfVideo(get: Get): string | undefined {
  if (isStatus(get) && idOf(get("id")) !== undefined) return undefined;
  return first(VIDEOS, get, (video) => {
    const id = idOf(Array.isArray(video) ? video[0] : video);
    return id === undefined || FILE.test(id) ? undefined : id;
  });
}

/** An `id` by itself: in the body of a status call the video's, else that of an envelope before the event's own. */
function bareId(value: unknown, depth: number): string | undefined {
  const get = reader(value);
  if (!get) return undefined;
  const own = idOf(get("id"));
  if (own !== undefined && isStatus(get)) return own;
  return inside(get, depth, ENVELOPES, (content) => bareId(content, depth + 1)) ?? own;
}

/** Whether this is the body of the status call, which other services of this API send. */
function isStatus(get: Get): boolean {
  const status = get("status");
  return (typeof status === "string" && STATUS.test(status.replace(/[^a-z]/gi, ""))) || Array.isArray(get("generatedContent"));
}

/** What `look` makes of the first of these names that has it. */
function first(names: readonly string[], get: Get, look: (content: unknown) => string | undefined): string | undefined {
  for (const name of names) {
    const id = look(get(name));
    if (id !== undefined) return id;
  }
  return undefined;
}

/** How to look into a value, if it has names at all: its own, never inherited ones. A list stands for its first entry. */
function reader(value: unknown): Get | undefined {
  if (value instanceof Map) return (name) => value.get(name) as unknown;
  const one: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof one !== "object" || one === null) return undefined;
  return (name) => (Object.hasOwn(one, name) ? (one as Record<string, unknown>)[name] : undefined);
}

function idOf(value: unknown): string | undefined {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === "string" && isVideoId(text) ? text : undefined;
}
