/**
 * The route between a page without a key and the API: which requests it takes, who may send them, and which
 * headers the answer has. Of what the caller sends, the id alone goes upstream; the key never comes back.
 */

import { checkedBase, endpointOf } from "./address.js";
import { invalidArgument, readable } from "./error.js";
import { checkedOrigins, GUARDS, isResponse, log, logOnce, refused, responseOf, resultOf, shown, videoAt } from "./route.js";
import { keyFrom } from "./secret.js";
import { Sharing, type KeepAlive } from "./sharing.js";
import { ask, refusal, type Answer } from "./upstream.js";
import { warnOfUnknown } from "./warn.js";

export interface ProxyOptions {
  /** Sent upstream as x-api-key; a function chooses it for each request, within 10 s. Never logged, never in an answer. */
  apiKey: string | ((request: Request) => string | Promise<string>);
  /** Default "https://iacrea.com". Plain http to localhost, 127.0.0.0/8 or [::1] only. */
  baseUrl?: string | URL | undefined;
  /** Exact origins that may read the answers from a browser, cookies and all; none by default (same origin needs none). */
  allowedOrigins?: readonly string[] | undefined;
  /** Who may see which video. A Response is returned as it is; false is 403. Without a result after 10 s it is 503. */
  authorize?: ((
    request: Request,
    video: { id: string; kind: "video" | "auto" },
  ) => boolean | Response | Promise<boolean | Response>) | undefined;
  /**
   * Answers to the same video within this time are shared between callers, in milliseconds, and a request to the API
   * begins no sooner than this (10_000 at most) after the last one for the same video, also where that failed or its
   * callers have left: who comes meanwhile waits. Default 1_500; 0 shares nothing. Either way a request to the API is
   * aborted when the last caller who waits for it has left, as the signal of their Request says.
   */
  shareMs?: number | undefined;
  /** Used instead of the global fetch. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** Also for what is worse than forgotten: a misspelt `authorize` lets everybody in. */
const OPTIONS: Readonly<Record<keyof ProxyOptions, 1>> = { apiKey: 1, baseUrl: 1, allowedOrigins: 1, authorize: 1, shareMs: 1, fetch: 1 };
const READING = "GET, HEAD";
const METHODS = `${READING}, OPTIONS`;

/**
 * The handler. `keepAlive` is for hosts where work ends with the request that began it.
 * @internal
 */
export function videoProxy(options: ProxyOptions, keepAlive: KeepAlive = () => {}): (request: Request) => Promise<Response> {
  const { apiKey, endpoints, origins, authorize, shareMs, fetch } = readable(() => checked(options));
  const sharing = new Sharing(shareMs, keepAlive);

  const handle = async (request: Request): Promise<Answer | Response> => {
    const video = videoAt(new URL(request.url).pathname);
    if (!video) return refusal(404, "there is nothing at this path");
    if (request.method === "OPTIONS") return { status: 204, headers: { allow: METHODS }, body: null };
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refusal(405, `only ${METHODS} are answered here`, { allow: METHODS });
    }
    const refusedTo = await refused(authorize, request, video, "the proxy");
    if (refusedTo) return refusedTo;
    const secret = typeof apiKey === "string" ? apiKey : await keyOf(apiKey, request);
    if (typeof secret !== "string") return secret;
    // What one caller may see is not what another may, but whoever came so far asks the API the same.
    const name = JSON.stringify([secret, video.kind, video.id]);
    const url = endpoints[video.kind] + encodeURIComponent(video.id);
    return sharing.get(name, (reading) => ask(url, secret, fetch, reading, logOnce), request.signal);
  };

  return async (request) => {
    let answer: Answer | Response;
    try {
      answer = await handle(request);
      if (isResponse(answer)) return answer;
      return responseOf(answer, request, origins, READING);
    } catch (error) {
      // Nothing that has to do with the key comes by here: what is called with it does not throw.
      log("the proxy failed; is it called with a Request?", error);
      return new Response('{"error":"the proxy failed"}', { status: 500, headers: { ...GUARDS, "content-type": "application/json" } });
    }
  };
}

/** The key that the hook gives for this request, or why there is none. */
async function keyOf(apiKey: Exclude<ProxyOptions["apiKey"], string>, request: Request): Promise<string | Answer> {
  const given = await resultOf("apiKey", "the proxy", () => apiKey(request));
  if ("refusal" in given) return given.refusal;
  const key = keyFrom(given.result);
  if (key !== undefined) return key;
  const isText = typeof given.result === "string" && given.result !== "";
  logOnce(
    `the apiKey hook of the proxy gave ${isText ? "a text that no header can hold" : shown(given.result)} for a key. ` +
      "The environment variable that it reads is probably not set where this server runs: set it, and start the server anew.",
  );
  return refusal(500, "the apiKey hook gave no key that a header can hold: this server is not set up, which does not pass by itself; see its log");
}

function checked(options: ProxyOptions) {
  if (typeof options !== "object" || options === null) throw invalidArgument("options must be an object");
  warnOfUnknown("createVideoProxy()", options, OPTIONS);
  const { apiKey: given, baseUrl, allowedOrigins, authorize = () => true, shareMs = 1_500, fetch } = options;
  const apiKey = typeof given === "function" ? given : keyFrom(given);
  if (apiKey === undefined) {
    throw invalidArgument("apiKey must be a text that a header can hold and that is not empty, or a function that gives one");
  }
  if (typeof authorize !== "function") throw invalidArgument("authorize must be a function");
  if (fetch !== undefined && typeof fetch !== "function") throw invalidArgument("fetch must be a function");
  if (typeof shareMs !== "number" || !(shareMs >= 0 && shareMs < Infinity)) {
    throw invalidArgument("shareMs must be a number, 0 or more");
  }
  const origins = checkedOrigins(allowedOrigins);
  const base = checkedBase(baseUrl, { withKey: true });
  const endpoints = { video: endpointOf(base, "video"), auto: endpointOf(base, "auto") };
  return { apiKey, endpoints, origins, authorize, shareMs, fetch };
}
