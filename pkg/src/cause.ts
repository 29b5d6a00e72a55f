/**
 * What the host threw, for the `cause` of an error. It may quote the request, and the key with it: Node's own errors
 * do not, but those of a `fetch` of the user's may hold its options whole. So it is passed on as it is only if all of
 * it can be looked through and holds no key; else a copy says the same in texts, without the key.
 */

import { safely } from "./error.js";

/** So many causes of causes. */
const DEEPEST = 4;
/** An error that holds more values than this is not looked through. */
const MOST = 200;
/** Objects that are nothing but their own properties. */
const OPEN = ["[object Object]", "[object Array]", "[object Error]", "[object DOMException]"];

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
    if (values > MOST || !OPEN.includes(Object.prototype.toString.call(value))) return false;
    seen.add(value);
    const { name, message, stack, cause } = value as Partial<Error>;
    return [name, message, stack, cause].every(isClean) &&
      Reflect.ownKeys(value).every((key) => isClean(String(key)) && isClean(Reflect.get(value, key)));
  };
  return isClean(thrown);
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
