/**
 * Where the API is: the check of a base URL, and the path under it. A key never leaves over plain
 * http, except to this machine.
 */

import { invalidArgument } from "./error.js";

/** The base URL, if it can work. `page` is what a relative one starts from. */
export function checkedBase(
  baseUrl: string | URL | undefined,
  { page, withKey }: { readonly page?: string | undefined; readonly withKey: boolean },
): URL {
  // An environment variable that is not set, mostly; as a relative URL it would be the page itself.
  if (baseUrl === "") throw invalidArgument('baseUrl is empty: leave it out, or in a page set it to "/" for its own origin');
  let base: URL;
  try {
    base = new URL(baseUrl ?? "https://iacrea.com", page);
  } catch {
    throw invalidArgument("baseUrl must be a URL; only in a browser may it be relative");
  }
  if (base.protocol !== "https:" && base.protocol !== "http:") throw invalidArgument("baseUrl must be http or https");
  if (base.username || base.password) throw invalidArgument("baseUrl must not hold a user name or password");
  if (base.search || base.hash) throw invalidArgument("baseUrl must have no query and no fragment");
  if (withKey && base.protocol === "http:" && !isLoopback(base.hostname)) {
    throw invalidArgument("a key is sent over plain http to localhost, 127.0.0.0/8 and [::1] only; use https for baseUrl");
  }
  return base;
}

/** All of a request's URL but the id. */
export function endpointOf(base: URL, kind: "video" | "auto"): string {
  const folder = kind === "auto" ? "video/auto" : "video";
  return `${base.origin}${base.pathname.replace(/\/+$/, "")}/api/video-editor/generate/${folder}/`;
}

/** Names under `.localhost` are not among them: where the system does not know them, it asks a name server on the network. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
}
