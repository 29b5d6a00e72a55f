/**
 * What the host threw where a request failed: which reason of the catalogue it is, and what of it may be the `cause` of
 * an error.
 *
 * It may quote the request, and the key with it: Node's own errors do not, but those of a `fetch` of the user's may hold
 * its options whole. So it is passed on as it is only if all of it can be looked through and holds no key; else a copy
 * says the same in texts, without the key.
 */

import { safely } from "./error.js";

/** Hosts have no common names: Node has `ECONNREFUSED`, Bun `ConnectionRefused`, Deno "Connection refused". */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/enotfound|eai_again|dns error/i, "unknown_host"],
  [/certificate|cert_|_cert|unable_to_verify/i, "certificate"],
  [/econnrefused|connection ?refused/i, "connection_refused"],
  [/econnreset|epipe|connection ?(?:reset|closed)|und_err_socket|socket hang up/i, "connection_broken"],
];
/** What all hosts of one kind say of whatever failed. */
const GENERAL = /etimedout|unreach|connect_?timeout|fetch failed|failed to fetch|load failed|networkerror/i;

/** The key of the message. `hasStatus` where a response had begun, `isOwn` where the `fetch` is the user's, `endpoint` what was asked. */
export function reasonFor(thrown: unknown, hasStatus: boolean, isOwn: boolean, endpoint: string): string {
  const words = wordsIn(thrown);
  const known = REASONS.find(([form]) => form.test(words));
  if (known) return known[1];
  if (hasStatus) return "connection_broken";
  if (isOwn && !GENERAL.test(words)) return "fetch_failed";
  const { location } = globalThis as { location?: Partial<Location> };
  // A browser has the same words for whatever went wrong. Between a page and its own server there is little that it could.
  return location && !endpoint.startsWith(`${location.origin}/`) ? "blocked_in_browser" : "no_response";
}

/** The codes and the messages of an error, and of what caused it: Node's own is one deep, and a user's fetch may wrap it. */
function wordsIn(thrown: unknown): string {
  const words: string[] = [];
  safely(() => {
    for (let error = thrown, depth = 0; typeof error === "object" && error !== null && depth < 4; depth += 1) {
      const { code, message, cause } = error as Partial<Record<string, unknown>>;
      for (const text of [code, message]) if (typeof text === "string") words.push(text);
      error = cause;
    }
  });
  return words.join(" ");
}

/** Where a redirect from `url` leads, without what may be secret in it. */
export function leadsTo(location: unknown, url: string): string | undefined {
  return safely(() => {
    if (typeof location !== "string" || location === "") return undefined;
    const { origin, pathname } = new URL(location, url);
    const leads = (origin + pathname).slice(0, 2_000);
    // A browser hides the target, and says the address that redirects.
    return origin === "null" || leads === url ? undefined : leads;
  });
}

/** So many causes of causes. */
const DEEPEST = 4;
/** An error that holds more values than this is not looked through. */
const MOST = 200;
const ERROR = /^\[object (?:Error|DOMException)\]$/;

/** `redact` gives a text without the key. */
export function withoutKey(thrown: unknown, redact: (text: string) => string): unknown {
  return safely(() => (holdsNoKey(thrown, redact) ? thrown : copied(thrown, redact, DEEPEST)));
}

function holdsNoKey(thrown: unknown, redact: (text: string) => string): boolean {
  const seen = new Set<unknown>();
  let values = 0;
  const isClean = (value: unknown): boolean => {
    if (typeof value === "string") return redact(value) === value;
    if (typeof value === "function") return true;
    if (typeof value !== "object" || value === null || seen.has(value)) return true;
    values += 1;
    if (values > MOST || !isOpen(value)) return false;
    seen.add(value);
    const { name, message, stack, cause } = value as Partial<Error>;
    return [name, message, stack, cause].every(isClean) &&
      Reflect.ownKeys(value).every((key) => isClean(String(key)) && isClean(Reflect.get(value, key)));
  };
  return isClean(thrown);
}

/** Whether it is nothing but its own properties: an object of a class may keep others, and print or write them. */
function isOpen(value: object): boolean {
  if (Array.isArray(value) || ERROR.test(Object.prototype.toString.call(value))) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  // As an object of another realm has, too.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function copied(thrown: unknown, redact: (text: string) => string, depth: number): unknown {
  if (typeof thrown === "string") return redact(thrown);
  if (typeof thrown !== "object" || thrown === null || depth === 0) return undefined;
  const { name, message, stack, code, cause } = thrown as Error & { code?: unknown };
  const copy = new Error(typeof message === "string" ? redact(message) : "");
  // As those of an error are: not among what is listed.
  const put = (key: string, text: unknown) => {
    if (typeof text === "string") Object.defineProperty(copy, key, { value: redact(text), configurable: true, writable: true });
  };
  put("name", name);
  put("stack", stack);
  if (typeof code === "string") Object.assign(copy, { code: redact(code) });
  if (cause !== undefined) Object.defineProperty(copy, "cause", { value: copied(cause, redact, depth - 1), configurable: true, writable: true });
  return copy;
}
