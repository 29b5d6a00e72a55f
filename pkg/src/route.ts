/**
 * What the handlers of requests have in common: which video a path names, who may see it, and the headers that
 * every answer has. A hook of the user's is called here, and what it throws reaches the server's log alone.
 */

import { invalidArgument } from "./error.js";
import { inTime, refusal, type Answer } from "./upstream.js";
import { isVideoId } from "./video-id.js";

/** A video as requests name it. */
export interface Video {
  readonly id: string;
  readonly kind: "video" | "auto";
}

/** What a caller is told, at once or bit by bit. */
export interface Reply extends Omit<Answer, "body"> {
  readonly body: Answer["body"] | ReadableStream<Uint8Array>;
}

/** Who may see which video. A Response is returned as it is; false is 403. Without a result after 10 s it is 503. @internal */
export type Authorize = (
  request: Request,
  video: { id: string; kind: "video" | "auto" },
) => boolean | Response | Promise<boolean | Response>;

/** What every request would say again is said so often. */
const LOG_AGAIN_MS = 600_000;
/** Of so many texts it is known when they were said. */
const MOST_LOGGED = 100;
/** A caller waits for a hook no longer: one that hangs must not hold all who come meanwhile. */
const HOOK_LIMIT_MS = 10_000;
/** What looks like the id of a video of the first kind is the folder of the other, also where capitals are not told apart. */
const FOLDER = /^auto$/i;
/** Hosts that end every path with a slash (Next's `trailingSlash`, say) add one here. */
const ROUTE = /\/api\/video-editor\/generate\/video\/(auto\/)?([^/]*)\/?$/;
/** A longer body is sent in pieces of this length. */
const PIECE_BYTES = 65_536;
/** The names of headers, as a browser lists them before it sends them. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:, ?[\w!#$%&'*+.^`|~-]+)*$/;

/** The video that a path names, if it can be one. */
export function videoAt(pathname: string): Video | undefined {
  const route = ROUTE.exec(pathname);
  if (!route) return undefined;
  const [, auto, segment = ""] = route;
  let id: string;
  try {
    id = decodeURIComponent(segment);
  } catch {
    return undefined;
  }
  if (!isVideoId(id) || (!auto && FOLDER.test(id))) return undefined;
  return { id, kind: auto ? "auto" : "video" };
}

/** What a hook of the user's gives, or how its caller is refused where it throws, which is for the server's log alone, or takes too long. */
export async function resultOf<T>(
  hook: string,
  whose: string,
  act: () => T | Promise<T>,
): Promise<{ readonly result: T } | { readonly refusal: Answer }> {
  try {
    const given = await inTime(HOOK_LIMIT_MS, undefined, async () => ({ result: await act() }));
    if (given) return given;
    log(`the ${hook} hook of ${whose} gave nothing within ${HOOK_LIMIT_MS / 1_000} s`);
    return { refusal: refusal(503, `the ${hook} hook took too long; try again in a second`, { "retry-after": "1" }) };
  } catch (error) {
    log(`the ${hook} hook of ${whose} threw`, error);
    return { refusal: refusal(500, `the ${hook} hook failed`) };
  }
}

/** Why this caller is not told of this video; undefined if it is. `whose` is the handler, for the log. */
export async function refused(
  authorize: Authorize,
  request: Request,
  video: Video,
  whose: string,
): Promise<Answer | Response | undefined> {
  const permission = await resultOf("authorize", whose, () => authorize(request, { ...video }));
  if ("refusal" in permission) return permission.refusal;
  if (isResponse(permission.result)) return permission.result;
  if (typeof permission.result !== "boolean") {
    logOnce(`the authorize hook of ${whose} returned ${shown(permission.result)}, which is refused: return true, false or a Response`);
  }
  return permission.result === true ? undefined : refusal(403, "this video is not for you");
}

/** On the server's own console. */
export function log(what: string, ...error: readonly unknown[]): void {
  try {
    console.error(`iacrea-video: ${what}`, ...error);
  } catch {
    // What was thrown throws when it is looked at.
  }
}

const logged = new Map<string, number>();

/** The same, of what every request finds again: each text once in ten minutes, so that a log shows it and is not full of it. */
export function logOnce(what: string): void {
  const now = Date.now();
  if (now - (logged.get(what) ?? -Infinity) < LOG_AGAIN_MS) return;
  if (logged.size >= MOST_LOGGED) logged.clear();
  logged.set(what, now);
  log(what);
}

/** What a hook gave, without its value: that may be secret. */
export function shown(value: unknown): string {
  if (value === "") return "an empty text";
  return value === null || value === undefined ? String(value) : `a value of the type ${typeof value}`;
}

/** Headers of every response. */
export const GUARDS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // No page of another site can load it into itself, as an image say. A request with CORS does not look at this.
  "cross-origin-resource-policy": "same-origin",
} as const;

/** A Response for one caller; `methods` are those that a browser of an allowed origin may use. */
export function responseOf(answer: Reply, request: Request, origins: ReadonlySet<string>, methods: string): Response {
  const headers = new Headers({ ...answer.headers, ...GUARDS });
  if (origins.size > 0) headers.set("vary", "origin");
  const origin = request.headers.get("origin");
  if (origin !== null && origins.has(origin)) {
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-allow-credentials", "true");
    if (request.method === "OPTIONS") {
      headers.set("access-control-allow-methods", methods);
      const names = request.headers.get("access-control-request-headers");
      if (names !== null && HEADER_NAMES.test(names)) headers.set("access-control-allow-headers", names);
      headers.set("access-control-max-age", "600");
    } else {
      headers.set("access-control-expose-headers", "retry-after");
    }
  }
  const { body } = answer;
  const sent = body instanceof Uint8Array && body.length > PIECE_BYTES ? piecemeal(body) : body;
  return new Response(request.method === "HEAD" ? null : sent, { status: answer.status, headers });
}

/** A long body in pieces of one copy, for hosts that ask for a piece when the one before was read. (workerd takes all of them at once.) */
function piecemeal(body: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        controller.enqueue(body.slice(at, at + PIECE_BYTES));
        at += PIECE_BYTES;
        if (at >= body.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Also one of another realm. */
export function isResponse(value: unknown): value is Response {
  return value instanceof Response || Object.prototype.toString.call(value) === "[object Response]";
}

/** Exact origins, copied, so that they cannot change after the look at them. */
export function checkedOrigins(allowedOrigins: readonly string[] | undefined = []): ReadonlySet<string> {
  const origins = Array.isArray(allowedOrigins) ? new Set<string>(allowedOrigins) : undefined;
  if (!origins || ![...origins].every(isOrigin)) {
    throw invalidArgument('allowedOrigins must be a list of exact origins, like "https://example.com"');
  }
  return origins;
}

/** "null" is the origin of whoever hides theirs. */
function isOrigin(value: unknown): boolean {
  try {
    return typeof value === "string" && value !== "null" && new URL(value).origin === value;
  } catch {
    return false;
  }
}
