// @ts-check
/**
 * The Worker under test, as a user would write it: a watcher with settings out of the environment, and the routes
 * to it, once for everybody and once for tenants. The first segment of a path chooses between them.
 */

// @ts-ignore -- beside it once it runs
import { createVideoWatch, VideoWatcher } from "./cloudflare.js";

/**
 * @typedef {object} Environment
 * @property {string} KEY
 * @property {string} UPSTREAM
 * @property {string} [POLL] JSON
 * @property {string} [CALLBACK]
 * @property {string} [RETENTION_MS]
 * @property {string} [REQUEST_TIMEOUT_MS]
 */

/** The one origin other than its own whose pages may use it. */
const ALLOWED = "https://app.example";

export class Watcher extends VideoWatcher {
  async alarm() {
    const began = Date.now();
    await super.alarm();
    // Time stands still here but for what is waited for.
    steps.push(Date.now() - began);
  }

  settings() {
    const { KEY, UPSTREAM, POLL, CALLBACK, RETENTION_MS, REQUEST_TIMEOUT_MS } = /** @type {{ env: Environment }} */ (/** @type {unknown} */ (this)).env;
    return {
      apiKey: KEY,
      baseUrl: UPSTREAM,
      poll: POLL ? JSON.parse(POLL) : undefined,
      callbackUrl: CALLBACK,
      retentionMs: RETENTION_MS === undefined ? undefined : Number(RETENTION_MS),
      requestTimeoutMs: REQUEST_TIMEOUT_MS === undefined ? undefined : Number(REQUEST_TIMEOUT_MS),
    };
  }
}

/** How long each alarm took, in ms. @type {number[]} */
const steps = [];

const watcher = (/** @type {any} */ env) => env.WATCHER;
const open = createVideoWatch({ watcher, allowedOrigins: [ALLOWED] });
const tenants = createVideoWatch({
  watcher,
  authorize: (/** @type {Request} */ request, /** @type {{ id: string }} */ { id }) => {
    const tenant = request.headers.get("x-tenant");
    if (tenant === null) return new Response("Who are you?", { status: 401 });
    if (tenant === "throwing") throw new Error("the words of the hook");
    return id.startsWith(`${tenant}-`);
  },
});

export default {
  /** @param {Request} request @param {unknown} env @param {any} ctx */
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/steps") return Response.json(steps);
    return (new URL(request.url).pathname.startsWith("/tenants/") ? tenants : open)(request, env, ctx);
  },
};
