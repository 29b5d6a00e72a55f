// @ts-check
/**
 * A small site of proxies, the same for each host: the first segment of a path chooses the proxy,
 * since a proxy may be mounted anywhere.
 */

/**
 * @typedef {object} Environment
 * @property {string} UPSTREAM
 * @property {string} KEY
 */

/** The one origin that may read answers under /origins. */
export const ALLOWED = "https://app.example";

/**
 * @param {import("./package.mjs").Edge} edge
 * @param {Environment} environment
 * @returns {(request: Request) => Promise<Response>}
 */
export function createSite({ createVideoProxy, readWebhook }, { UPSTREAM, KEY }) {
  /** @type {Map<string, number>} */
  const arrived = new Map();
  const own = { apiKey: KEY, baseUrl: UPSTREAM };
  /** @type {Record<string, (request: Request) => Promise<Response>>} */
  const routes = {
    origins: createVideoProxy({ ...own, allowedOrigins: [ALLOWED, "http://localhost:5173"], authorize: permission }),
    private: createVideoProxy({ ...own, authorize: permission }),
    tenants: createVideoProxy({ ...own, apiKey: keyOf }),
    brief: createVideoProxy({ ...own, shareMs: 40 }),
    lasting: createVideoProxy({ ...own, shareMs: 600_000 }),
    "lasting-private": createVideoProxy({ ...own, shareMs: 600_000, authorize: permission }),
    unshared: createVideoProxy({ ...own, shareMs: 0 }),
    // How many requests for a path have come so far.
    arrived: async (request) => Response.json(arrived.get(new URL(request.url).searchParams.get("path") ?? "") ?? 0),
    webhook: async (request) => Response.json(await readWebhook(request)),
  };
  const plain = createVideoProxy(own);
  return (request) => {
    const { pathname } = new URL(request.url);
    arrived.set(pathname, (arrived.get(pathname) ?? 0) + 1);
    const [, first = ""] = pathname.split("/");
    const route = Object.hasOwn(routes, first) ? routes[first] : undefined;
    return (route ?? plain)(request);
  };
}

/**
 * What the header x-visitor asks for.
 * @param {Request} request
 * @param {{ id: string, kind: string }} video
 * @returns {any}
 */
function permission(request, video) {
  const visitor = request.headers.get("x-visitor") ?? "owner";
  /** @type {Record<string, () => unknown>} */
  const answers = {
    owner: () => true,
    "owner, later": async () => true,
    stranger: () => false,
    "stranger, later": async () => false,
    truthy: () => "yes",
    nothing: () => undefined,
    "owner of that": () => request.headers.get("x-owns") === `${video.kind} ${video.id}`,
    unknown: () => new Response("Who are you?", { status: 401, headers: { "www-authenticate": "Basic", "x-from": "hook" } }),
    throwing: () => {
      throw new Error("the words of the hook");
    },
    rejecting: () => Promise.reject(new Error("the words of the hook")),
  };
  return answers[visitor]?.();
}

/** The key of a tenant. @param {Request} request @returns {any} */
function keyOf(request) {
  const tenant = request.headers.get("x-tenant");
  if (tenant === "throwing") throw new Error("the words of the hook");
  if (tenant === "rejecting") return Promise.reject(new Error("the words of the hook"));
  if (tenant === "without a key") return undefined;
  if (tenant === "of an empty key") return "";
  if (tenant === "of a broken key") return "secret-of-the-broken\r\nx-other: 1";
  if (tenant === "with a line break") return "secret-of-the-line\n";
  if (tenant === "of digits") return "1234567890";
  if (tenant === "later") return Promise.resolve("secret-of-later");
  return `secret-of-${tenant}`;
}
