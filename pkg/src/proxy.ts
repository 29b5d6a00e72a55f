/**
 * The route between a page without a key and the API: which requests it takes, who may send them, and which
 * headers the answer has. Of what the caller sends, the id alone goes upstream; the key never comes back.
 */

import { checkedBase, endpointOf } from "./address.js";
import { invalidArgument, readable } from "./error.js";
import { Sharing, type KeepAlive } from "./sharing.js";
import { ask, refusal, type Answer } from "./upstream.js";
import { isVideoId } from "./video-id.js";

export interface ProxyOptions {
  /** Sent upstream as x-api-key; a function chooses it for each request. Never logged, never in an answer. */
  apiKey: string | ((request: Request) => string | Promise<string>);
  /** Default "https://iacrea.com". Plain http to a loopback address only. */
  baseUrl?: string | URL;
  /** Exact origins that may read the answers from a browser, cookies and all; none by default (same origin needs none). */
  allowedOrigins?: readonly string[];
  /** Who may see which video. A Response is returned as it is; false is 403. */
  authorize?: (
    request: Request,
    video: { id: string; kind: "video" | "auto" },
  ) => boolean | Response | Promise<boolean | Response>;
  /** Answers to the same video within this time are shared between callers. Default 1_500; 0 shares nothing. */
  shareMs?: number;
  /** Used instead of the global fetch. */
  fetch?: typeof globalThis.fetch;
}

interface Video {
  readonly id: string;
  readonly kind: "video" | "auto";
}

const ROUTE = /\/api\/video-editor\/generate\/video\/(auto\/)?([^/]*)$/;
const METHODS = "GET, HEAD, OPTIONS";
/** The names of headers, as a browser lists them before it sends them. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:, ?[\w!#$%&'*+.^`|~-]+)*$/;
/** What a header can hold. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]+$/;

/**
 * The handler. `keepAlive` is for hosts where work ends with the request that began it.
 * @internal
 */
export function videoProxy(options: ProxyOptions, keepAlive: KeepAlive = () => {}): (request: Request) => Promise<Response> {
  const { apiKey, endpoints, origins, authorize, shareMs, fetch } = readable(() => checked(options));
  const sharing = new Sharing(shareMs, keepAlive);

  const handle = async (request: Request): Promise<Answer | Response> => {
    const video = videoOf(request.url);
    if (!video) return refusal(404, "there is nothing at this path");
    if (request.method === "OPTIONS") return { status: 204, headers: { allow: METHODS }, body: null };
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refusal(405, `only ${METHODS} are answered here`, { allow: METHODS });
    }
    const permission = await call("authorize", () => authorize(request, { ...video }));
    if (!permission) return refusal(500, "the authorize hook failed");
    if (isResponse(permission.result)) return permission.result;
    if (permission.result !== true) return refusal(403, "this video is not for you");
    const key = await call("apiKey", async () => keyFrom(typeof apiKey === "string" ? apiKey : await apiKey(request)));
    if (!key) return refusal(500, "the apiKey hook failed");
    if (key.result === undefined) return refusal(500, "the apiKey hook gave no key that a header can hold");
    const { result: secret } = key;
    // What one caller may see is not what another may, but whoever came so far asks the API the same.
    const name = JSON.stringify([secret, video.kind, video.id]);
    const url = endpoints[video.kind] + encodeURIComponent(video.id);
    return sharing.get(name, () => ask(url, secret, fetch));
  };

  return async (request) => {
    let answer: Answer | Response;
    try {
      answer = await handle(request);
      if (isResponse(answer)) return answer;
      return responseOf(answer, request, origins);
    } catch (error) {
      // Nothing that has to do with the key comes by here: what is called with it does not throw.
      log("the proxy failed; is it called with a Request?", error);
      return new Response('{"error":"the proxy failed"}', { status: 500, headers: { "content-type": "application/json" } });
    }
  };
}

/** The video that a path names, if it can be one; the rest of the URL means nothing. */
function videoOf(url: string): Video | undefined {
  const route = ROUTE.exec(new URL(url).pathname);
  if (!route) return undefined;
  const [, auto, segment = ""] = route;
  let id: string;
  try {
    id = decodeURIComponent(segment);
  } catch {
    return undefined;
  }
  return isVideoId(id) ? { id, kind: auto ? "auto" : "video" } : undefined;
}

/** What a hook of the user's gives; undefined if it threw, which is for the server's log alone. */
async function call<T>(name: string, hook: () => T | Promise<T>): Promise<{ readonly result: T } | undefined> {
  try {
    return { result: await hook() };
  } catch (error) {
    log(`the ${name} hook of the proxy threw`, error);
    return undefined;
  }
}

function log(what: string, error: unknown): void {
  try {
    console.error(`iacrea-video: ${what}`, error);
  } catch {
    // What was thrown throws when it is looked at.
  }
}

/** A Response for one caller. */
function responseOf(answer: Answer, request: Request, origins: ReadonlySet<string>): Response {
  const headers = new Headers(answer.headers);
  headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  if (origins.size > 0) headers.set("vary", "origin");
  const origin = request.headers.get("origin");
  if (origin !== null && origins.has(origin)) {
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-allow-credentials", "true");
    if (request.method === "OPTIONS") {
      headers.set("access-control-allow-methods", "GET, HEAD");
      const names = request.headers.get("access-control-request-headers");
      if (names !== null && HEADER_NAMES.test(names)) headers.set("access-control-allow-headers", names);
      headers.set("access-control-max-age", "600");
    } else {
      headers.set("access-control-expose-headers", "retry-after");
    }
  }
  return new Response(request.method === "HEAD" ? null : answer.body, { status: answer.status, headers });
}

/** Also one of another realm. */
function isResponse(value: unknown): value is Response {
  return value instanceof Response || Object.prototype.toString.call(value) === "[object Response]";
}

/** The key as it is sent; undefined if it cannot be. */
function keyFrom(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  // As fetch does: a key that was read from a file often ends with a line break.
  const key = value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  return HEADER_VALUE.test(key) ? key : undefined;
}

function checked(options: ProxyOptions) {
  if (typeof options !== "object" || options === null) throw invalidArgument("options must be an object");
  const { apiKey: given, baseUrl, allowedOrigins = [], authorize = () => true, shareMs = 1_500, fetch } = options;
  const apiKey = typeof given === "function" ? given : keyFrom(given);
  if (apiKey === undefined) {
    throw invalidArgument("apiKey must be a text that a header can hold and that is not empty, or a function that gives one");
  }
  if (typeof authorize !== "function") throw invalidArgument("authorize must be a function");
  if (fetch !== undefined && typeof fetch !== "function") throw invalidArgument("fetch must be a function");
  if (typeof shareMs !== "number" || !(shareMs >= 0 && shareMs < Infinity)) {
    throw invalidArgument("shareMs must be a number, 0 or more");
  }
  // A copy, so that it cannot change after the look at it.
  const origins = Array.isArray(allowedOrigins) ? new Set<string>(allowedOrigins) : undefined;
  if (!origins || ![...origins].every(isOrigin)) {
    throw invalidArgument('allowedOrigins must be a list of exact origins, like "https://example.com"');
  }
  const base = checkedBase(baseUrl, { withKey: true });
  const endpoints = { video: endpointOf(base, "video"), auto: endpointOf(base, "auto") };
  return { apiKey, endpoints, origins, authorize, shareMs, fetch };
}

/** "null" is the origin of whoever hides theirs. */
function isOrigin(value: unknown): boolean {
  try {
    return typeof value === "string" && value !== "null" && new URL(value).origin === value;
  } catch {
    return false;
  }
}
