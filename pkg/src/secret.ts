/**
 * How the key is kept out of what the API sends: a response that repeats it must not carry it to a caller. The
 * rule is the client's own (src/core/secret.rs says why): decode, then look, then drop the whole string. Both are
 * held to tests/vectors/redaction.json.
 */

/** What a header can hold. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]+$/;
/** What stands in the place of a string that held the key. */
const REDACTED = "***";
/** A shorter key would be found in ordinary text. */
export const SHORTEST = 8;
/** So would one that is nearly all punctuation, of which less can be compared. */
const LEAST = 6;
/** So many letters of its beginning count as the key, for servers shorten what they repeat. */
const PREFIX = 12;
/** So many count in a web address, or a video would be lost where its address holds what the key begins with. */
const WHOLE = 256;
/** A string of JSON that is a web address and nothing else, also where its slashes are escaped. */
const ADDRESS = /^"https?:(?:\\?\/){2}(?:[^ \\]|\\\/)*$/;
/** How many layers of codes are undone. Each takes one pass, so the work is linear in the text. */
const DEEPEST = 8;

/**
 * A letter in a code of URLs, of JSON and other strings in quotes, or of HTML, in capitals or not. What repeats in it
 * never holds the letter that a code begins with, so no part of a text is looked at more than twice.
 */
const CODE = /[%\\]u\{([\da-f]+)[;}]?|[%\\]u([\da-f]{1,4})|(?:%|\\x)([\da-f]{1,2})|&#x([\da-f]+)[;}]?|&#(\d+)[;}]?|&([a-z\d]+)[;}]|\\([0-7]{1,3})|\\([^])/gi;
/** What a letter behind a backslash stands for, if not for itself. */
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
/** What begins a code by its name in HTML. What has another name is punctuation, or beyond ASCII. */
const NAMES = new Map([["amp", "&"], ["percnt", "%"]]);
/** What is between letters in UTF-16 and UTF-32, declared or not, and where lines are wrapped. */
const BETWEEN = /[\0\r\n]+/g;
/**
 * What is neither letter nor digit of ASCII is not told apart: a plus is a space in a form, HTML has a name for each of
 * these marks, and a letter beyond ASCII is one to three of them, as its charset has it or a decoder lost it.
 */
const MARKS = /[\W_]+/g;

/** The key as it is sent; undefined if it cannot be. */
export function keyFrom(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  // As fetch does: a key that was read from a file often ends with a line break.
  const key = value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  return HEADER_VALUE.test(key) ? key : undefined;
}

/** Whether the key can be told from ordinary text, and it or its beginning is in this text. */
export function containsKey(text: string, key: string): boolean {
  return finder(key)(text);
}

/**
 * A text without the key. Of JSON, each string (the names of properties too) that holds the key or its beginning
 * becomes `***`, and numbers stay; any other text becomes `***` as a whole.
 */
export function redact(text: string, key: string): string {
  const holdsKey = finder(key);
  // What is in a string of JSON is in all of it.
  if (!holdsKey(text)) return text;
  try {
    JSON.parse(text);
  } catch {
    return REDACTED;
  }
  // Its quotation marks belong to a string, for a key may begin with a mark.
  return text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"/g, (string) => (holdsKey(string) ? `"${REDACTED}"` : string));
}

/** Looks for the key in texts. No more than so many letters are compared at each place, so this is linear, too. */
function finder(key: string): (text: string) => boolean {
  // Where a text has its own codes undone, those within the key are too.
  const forms = key.length < SHORTEST ? [] : [...layers(key)].filter((form) => form.length >= LEAST);
  // A key that is not looked for costs nothing, whatever the text.
  if (forms.length === 0) return () => false;
  return (text) => {
    const isAddress = ADDRESS.test(text);
    const parts = forms.map((form) => form.slice(0, isAddress ? WHOLE : PREFIX));
    for (const layer of layers(text)) if (parts.some((part) => layer.includes(part))) return true;
    return false;
  };
}

/**
 * A text as it came, and with one more layer of codes undone each time, until there is none. All charsets of the web but
 * UTF-16 write ASCII as it is, so none needs to be decoded.
 */
function* layers(text: string): Generator<string> {
  let layer = text.replace(BETWEEN, "");
  for (let depth = 0; depth <= DEEPEST; depth += 1) {
    yield layer.replace(MARKS, "-");
    const inner = layer.replace(CODE, decoded).replace(BETWEEN, "");
    // Each code is longer than what it stands for.
    if (inner.length === layer.length) return;
    layer = inner;
  }
}

/** The letter that a code stands for. */
function decoded(
  _code: string,
  braced?: string,
  four?: string,
  two?: string,
  hex?: string,
  decimal?: string,
  name?: string,
  octal?: string,
  letter?: string,
): string {
  if (letter) return CONTROLS[letter] ?? letter;
  if (name) return NAMES.get(name.toLowerCase()) ?? "-";
  const number = Number(decimal ?? (octal ? `0o${octal}` : `0x${braced ?? four ?? two ?? hex}`));
  return String.fromCharCode(Math.min(number, 128));
}
