/**
 * The routes of a Worker to its watchers: what a page asks, who may ask it, and a stream for browsers out of the
 * watcher's WebSocket. Nothing is known or decided about a video here, and nothing is kept between two requests.
 */

import { invalidArgument, readable } from "./error.js";
import { hasRoomFor, type Held } from "./room.js";
import { checkedOrigins, GUARDS, isResponse, log, refused, responseOf, videoAt, type Reply, type Video } from "./route.js";
import { refusal, type Answer } from "./upstream.js";
import { warnOfUnknown } from "./warn.js";
import { readNotification } from "./webhook.js";

/** The binding of a watcher, as far as it is used; Cloudflare's `DurableObjectNamespace` is one. */
export interface WatcherNamespace {
  idFromName(name: string): unknown;
  // Whatever type the host gives its ids.
  get(id: any): { fetch(url: string, init?: { method?: string; headers?: Record<string, string> }): Promise<Response> };
}

/** What a Worker is given to keep work alive after its answer. */
export interface WatchContext {
  waitUntil(work: Promise<unknown>): void;
}

export interface VideoWatchOptions<Env> {
  /** The binding of the Durable Object that watches: `(env) => env.WATCHER`. */
  watcher: (env: Env) => WatcherNamespace;
  /** Who may see which video. A Response is returned as it is; false is 403. Not asked about notifications. */
  authorize?: ((
    request: Request,
    video: { id: string; kind: "video" | "auto" },
  ) => boolean | Response | Promise<boolean | Response>) | undefined;
  /**
   * What a notification must have in its address, as `?token=`: `(env) => env.WEBHOOK_TOKEN`, at least 16 characters,
   * which are part of the `webhookUrl` that a video is created with. Who does not know it is refused before anything
   * is read, and wakes no object. Where the function gives none, a secret that is not deployed say, all are refused with
   * 500, and the log says why. Without the function anybody's notification is a hint.
   */
  webhookToken?: ((env: Env) => string) | undefined;
  /** Exact origins whose pages may use the routes, cookies and all; none by default (same origin needs none). */
  allowedOrigins?: readonly string[] | undefined;
}

const OPTIONS: Readonly<Record<keyof VideoWatchOptions<unknown>, 1>> = { watcher: 1, authorize: 1, webhookToken: 1, allowedOrigins: 1 };

type Action = "status" | "watch" | "update" | "events";

const METHODS: Readonly<Record<Action, string>> = { status: "GET, HEAD", watch: "POST", update: "GET", events: "GET" };
const SUFFIX = /\/(watch|update|events)$/;
const WEBHOOK = /\/api\/video-editor\/webhook$/;
/** A longer notification is none. */
const LONGEST_NOTIFICATION = 1_048_576;
/** The buffers of all that are under way. */
const NOTIFICATIONS_BYTES = 32 * 1_048_576;
/** The parts of a path in the object are known to it alone. */
const INSIDE = "https://watcher";
const HEARTBEAT_MS = 20_000;
/** A shorter one could be guessed. */
const SHORTEST_TOKEN = 16;
/** How long a viewer may take to read what it was sent before its stream was ended. How much that is the object bounds. */
const DRAIN_MS = 30_000;
/** So much may wait in a stream for a viewer that reads slowly, before it counts as unread. */
const HIGH_WATER = 65_536;
/** What waits unread in all streams of one handler. An isolate has 128 MB. */
const UNREAD_BYTES = 32 * 1_048_576;
/** So long the permission counts that a viewer came with. */
const LONGEST_MS = 600_000;

/**
 * A handler for the routes of watched videos, under any mount path; it answers 404 or 405 to all else, and never
 * rejects:
 *
 * - `GET` and `HEAD` on `/api/video-editor/generate/video/{id}` and `.../video/auto/{id}`: the API's last answer, for
 *   any `VideoClient`. `GET` begins to watch, unless a browser says that a page of another site sends it; whoever does
 *   not begin to watch gets 404 for a video that is not watched.
 * - `POST .../{id}/watch` begins to watch, and nothing else begins a watch that is over anew: ask it for a video that
 *   is generated again. `watching` is false in its answer where the end of the last watch is still to be told; then
 *   it begins after that. `GET .../{id}/update` tells the latest change.
 * - `GET .../{id}/events` tells each change once and in order, as server-sent events or over a WebSocket: the latest,
 *   or all after a `Last-Event-ID` that are kept, of the last 1,000 and of 1 MiB; the number at the end of an event's
 *   id counts them, so that a gap shows. It does not begin to watch: 503 until somebody does. Each connection is
 *   closed after 256 KiB, or ten minutes (a WebSocket with 1013, and when its object is next awake; nothing is sent
 *   before), so that its viewer comes back and is authorized anew; a WebSocket also by the first message but "ping".
 *   With `?brief` the data of a server-sent event is `{"id","type"}` and nothing of the video, for who asks the first
 *   route upon news; a WebSocket tells all the same.
 * - `POST /api/video-editor/webhook` takes the API's notifications as hints, or with `webhookToken` those that know it.
 *
 * Throws a `VideoError` "invalid_argument" for options that cannot work.
 */
export function createVideoWatch<Env = any>(
  options: VideoWatchOptions<Env>,
): (request: Request, env: Env, ctx?: WatchContext) => Promise<Response> {
  const { watcher, authorize, webhookToken, origins } = readable(() => checked(options));
  const room: Room = { bytes: 0 };
  const unread: Held = new Map();

  const handle = async (request: Request, env: Env, ctx: WatchContext | undefined): Promise<Reply | Response> => {
    const url = new URL(request.url);
    if (WEBHOOK.test(url.pathname)) {
      const refusedTo = webhookToken && unknownSender(url.searchParams.get("token") ?? "", webhookToken(env));
      return refusedTo ?? notified(request, watcher(env), ctx, room);
    }
    const route = routeOf(url.pathname);
    if (!route) return refusal(404, "there is nothing at this path");
    const { video, action } = route;
    const allow = `${METHODS[action]}, OPTIONS`;
    if (request.method === "OPTIONS") return { status: 204, headers: { allow }, body: null };
    if (!METHODS[action].split(", ").includes(request.method)) return refusal(405, `only ${allow} are answered here`, { allow });
    const upgrades = request.headers.has("upgrade");
    const isSocket = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    if (upgrades && !(isSocket && action === "events")) return refusal(426, "only the events speak WebSocket", { upgrade: "websocket" });
    const foreign = isForeign(request, url, origins);
    // Browsers ask no leave for these, and send cookies along.
    if ((isSocket || action === "watch") && foreign) return refusal(403, "not from this origin");
    const refusedTo = await refused(authorize, request, video, "the watch");
    if (refusedTo) return refusedTo;

    const ask = (query: string, headers: Record<string, string> = {}) =>
      stubOf(watcher(env), video).fetch(`${INSIDE}/${action}?${new URLSearchParams({ ...video })}${query}`, { headers });
    // A link or an image on any site brings about a GET, cookies and all, and must not spend requests of the account's.
    if (action !== "events") return relayed(await ask(action === "status" && request.method === "GET" && !foreign ? "&begin" : ""));
    const after = request.headers.get("last-event-id") ?? url.searchParams.get("lastEventId");
    const query = (after === null ? "" : `&after=${encodeURIComponent(after)}`) + (isSocket ? "" : "&stream");
    const response = await ask(query, { upgrade: "websocket" });
    if (isSocket && response.status === 101) return response;
    const { webSocket } = response as Response & { webSocket?: WorkerSocket | null };
    if (!webSocket) return relayed(response);
    const headers = { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" };
    return { status: 200, headers, body: streamOf(webSocket, url.searchParams.has("brief"), unread) };
  };

  return async (request, env, ctx) => {
    try {
      const answer = await handle(request, env, ctx);
      if (isResponse(answer)) return answer;
      const methods = METHODS[routeOf(new URL(request.url).pathname)?.action ?? "status"];
      return responseOf(answer, request, origins, methods);
    } catch (error) {
      log("the watch failed", error);
      // The object may be moving to another machine.
      return new Response('{"error":"the watcher cannot be reached"}', {
        status: 503,
        headers: { ...GUARDS, "content-type": "application/json", "retry-after": "1" },
      });
    }
  };
}

/** What a path asks of which video. One that the proxy would read as a video's is a video's. */
function routeOf(pathname: string): { readonly video: Video; readonly action: Action } | undefined {
  const whole = videoAt(pathname);
  if (whole) return { video: whole, action: "status" };
  const suffix = SUFFIX.exec(pathname);
  const video = suffix && videoAt(pathname.slice(0, suffix.index));
  return video ? { video, action: suffix[1] as Action } : undefined;
}

/** Why a notification with this token is not looked at. */
function unknownSender(given: string, token: unknown): Answer | undefined {
  if (typeof token !== "string" || token.length < SHORTEST_TOKEN) {
    log("no notification is taken", new Error(`webhookToken must give a string of at least ${SHORTEST_TOKEN} characters`));
    return refusal(500, "the token of notifications cannot work");
  }
  // How long this takes says nothing of where the first difference is.
  let difference = given.length ^ token.length;
  for (let at = 0; at < token.length; at += 1) difference |= given.charCodeAt(at) ^ token.charCodeAt(at);
  return difference === 0 ? undefined : refusal(403, "the address lacks the right token: create videos with a webhookUrl that has it");
}

/** What the bodies of all notifications that are under way take. */
interface Room {
  bytes: number;
}

/** A notification: a hint to the watcher of that id, of whichever kind. Who sent it learns nothing. */
async function notified(request: Request, namespace: WatcherNamespace, ctx: WatchContext | undefined, room: Room): Promise<Answer> {
  if (request.method !== "POST") return refusal(405, "only POST is answered here", { allow: "POST" });
  if (Number(request.headers.get("content-length")) > LONGEST_NOTIFICATION) return refusal(413, "this is too long for a notification");
  let held = 0;
  let isRefused = false;
  const reserve = (bytes: number) => {
    isRefused ||= room.bytes - held + bytes > NOTIFICATIONS_BYTES;
    if (isRefused) return false;
    room.bytes += bytes - held;
    held = bytes;
    return true;
  };
  let notification: { videoId: string } | null;
  try {
    notification = await readNotification(request, reserve);
  } finally {
    room.bytes -= held;
  }
  if (!notification && isRefused) return refusal(503, "too many notifications are under way; send this one again", { "retry-after": "1" });
  if (!notification) return refusal(400, "this names no video");
  const hints = (["video", "auto"] as const).map(async (kind) => {
    try {
      await stubOf(namespace, { id: notification.videoId, kind }).fetch(`${INSIDE}/hint`);
    } catch (error) {
      log("a hint did not reach its watcher", error);
    }
  });
  const hinted = Promise.all(hints);
  // How long it takes would say whether there is such a video.
  if (ctx) ctx.waitUntil(hinted);
  else await hinted;
  return { status: 202, headers: { "content-type": "application/json" }, body: new TextEncoder().encode("{}") };
}

function stubOf(namespace: WatcherNamespace, { kind, id }: Video) {
  return namespace.get(namespace.idFromName(`${kind}/${id}`));
}

/** What the object answered, as it is told: its body as it comes, since a caller who does not read would have it held here. */
function relayed(response: Response): Reply {
  const headers: Record<string, string> = { "content-security-policy": "default-src 'none'; sandbox" };
  for (const name of ["content-type", "retry-after"]) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return { status: response.status, headers, body: response.status === 204 ? null : response.body };
}

/**
 * Whether a page that is none of ours sends this. What is no browser says nothing of it. Of pages of the same site,
 * which may be anybody's where a domain is shared, those count whose origin is allowed: their scripts' requests name it.
 */
function isForeign(request: Request, url: URL, origins: ReadonlySet<string>): boolean {
  const origin = request.headers.get("origin");
  if (origin !== null) return origin !== url.origin && !origins.has(origin);
  const site = request.headers.get("sec-fetch-site");
  return site !== null && site !== "same-origin" && site !== "none";
}

/** Server-sent events, for as long as the socket and the reader are there, and the permission counts. */
function streamOf(socket: WorkerSocket, isBrief: boolean, unread: Held): ReadableStream<Uint8Array> {
  const own = {};
  const untilMs = Date.now() + LONGEST_MS;
  let heartbeat: ReturnType<typeof setInterval> | undefined;
  let drain: ReturnType<typeof setTimeout> | undefined;
  let isOpen = true;
  const leave = () => {
    isOpen = false;
    clearInterval(heartbeat);
    try {
      socket.close(1_000, "");
    } catch {
      // It is closed.
    }
  };
  const free = (controller: ReadableStreamDefaultController<Uint8Array>, why: string) => {
    unread.delete(own);
    controller.error(new Error(why));
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const encoder = new TextEncoder();
        const end = () => {
          if (!isOpen) return;
          leave();
          if ((controller.desiredSize ?? 0) > 0) return controller.close();
          // Much still waits for the reader. An error frees it, but not any more once a stream is closed.
          drain = setTimeout(() => free(controller, "the viewer does not read"), DRAIN_MS);
        };
        const say = (text: string) => {
          if (!isOpen) return;
          controller.enqueue(encoder.encode(text));
          // A stream has a heartbeat, or an end, before it counts no longer.
          const excess = -(controller.desiredSize ?? 0);
          if (hasRoomFor(unread, own, excess > 0 ? excess + HIGH_WATER : 0, UNREAD_BYTES, HEARTBEAT_MS + DRAIN_MS)) return;
          leave();
          free(controller, "too much waits for viewers that do not read");
        };
        socket.addEventListener("message", ({ data }) => {
          const { id, type } = JSON.parse(String(data)) as { id: string; type: string };
          say(`id: ${id}\nevent: ${type}\ndata: ${isBrief ? JSON.stringify({ id, type }) : String(data)}\n\n`);
        });
        socket.addEventListener("close", end);
        socket.addEventListener("error", end);
        socket.accept();
        // The headers go out with the first byte. Browsers would take some seconds to come back.
        say(":\nretry: 1000\n\n");
        heartbeat = setInterval(() => {
          if (Date.now() >= untilMs) end();
          else say(":\n\n");
        }, HEARTBEAT_MS);
      },
      pull(controller) {
        unread.delete(own);
        if (drain === undefined) return;
        clearTimeout(drain);
        controller.close();
      },
      cancel() {
        unread.delete(own);
        clearTimeout(drain);
        leave();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER }),
  );
}

function checked<Env>(options: VideoWatchOptions<Env>) {
  if (typeof options !== "object" || options === null) throw invalidArgument("options must be an object");
  warnOfUnknown("createVideoWatch()", options, OPTIONS);
  const { watcher, authorize = () => true, webhookToken, allowedOrigins } = options;
  if (typeof watcher !== "function") throw invalidArgument("watcher must be a function that gives the binding of the Durable Object");
  if (typeof authorize !== "function") throw invalidArgument("authorize must be a function");
  if (webhookToken !== undefined && typeof webhookToken !== "function") throw invalidArgument("webhookToken must be a function that gives a string");
  return { watcher, authorize, webhookToken, origins: checkedOrigins(allowedOrigins) };
}
