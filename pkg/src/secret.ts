/**
 * How the key is kept out of what the API says: an answer that repeats it must not carry it to a caller.
 * The rule is the client's own (src/web/secret.rs): JSON can write any letter of the key as an escape,
 * so JSON is searched in the one spelling that `JSON.stringify` has.
 */

/** What stands in the place of the key. */
const BLOT = "***";
/** A shorter key would be found in innocent words and numbers. */
const SHORTEST = 8;

/** Whether the key can be told from innocent words, and is in this text. */
export function holdsKey(text: string, key: string): boolean {
  return key.length >= SHORTEST && text.includes(key);
}

/** A body without the key; the same text if it is not there. */
export function withoutKey(text: string, key: string): string {
  if (key.length < SHORTEST) return text;
  const escaped = JSON.stringify(key).slice(1, -1);
  let written: string;
  try {
    const json: unknown = JSON.parse(text);
    if (!text.includes("\\") && !text.includes(key)) return text;
    written = JSON.stringify(json);
  } catch {
    return text.replaceAll(key, BLOT).replaceAll(escaped, BLOT);
  }
  return written.includes(escaped) ? written.replaceAll(escaped, BLOT) : text;
}
