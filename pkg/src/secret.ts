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
/**
 * So many characters of its beginning count as the key, for servers shorten what they repeat. Marks in a row are compared as
 * one, so these characters are fewer in what is compared; but never below `LEAST`.
 */
const PREFIX = 12;
/** So many count in a web address, or a video would be lost where its address holds what the key begins with. */
const WHOLE = 256;
/**
 * A web address and nothing else: the characters that RFC 3986 has for them, but for the apostrophe, which ends one in too
 * many places. In all else there is room for more than an address.
 */
const ADDRESS = /^https?:\/\/[\w.~:/?#[\]@!$&()*+,;=%-]*$/;
/** A string of JSON, and the colon behind the name of a property. */
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"(?=\s*(:)?)/g;
/** How many layers of codes are undone. Each takes one pass, so the work is linear in the text. */
const DEEPEST = 8;

/**
 * A letter in a code of URLs, of JSON and other strings in quotes, or of HTML, in capitals or not. What repeats in it
 * never holds the letter that a code begins with, so no part of a text is looked at more than twice. The first way reads a
 * code that is not finished, as `&#x7` without its semicolon, as browsers do; the second leaves it alone until another layer
 * has brought the rest. Both are tried.
 */
const WAYS = [
  /[%\\][ux]\{([\da-f]+)[;}]?|[%\\]u([\da-f]{1,4})|(?:%|\\x)([\da-f]{1,2})|&#x([\da-f]+)[;}]?|&#(\d+)[;}]?|&([a-z\d]+)[;}]|\\([0-7]{1,3})|\\([^])/gi,
  /[%\\][ux]\{([\da-f]+)[;}]|[%\\]u([\da-f]{4})|(?:%|\\x)([\da-f]{2})|&#x([\da-f]+)[;}]|&#(\d+)[;}]|&([a-z\d]+)[;}]|\\([0-7]{3})|\\([^0-7ux%&\\])/gi,
];
/** What a letter behind a backslash stands for, if not for itself. */
const CONTROLS: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
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
  try {
    JSON.parse(text);
  } catch {
    return holdsKey(text) ? REDACTED : text;
  }
  return replaced(text, STRING, ([string, colon]) => {
    const said = JSON.parse(string) as string;
    // Its quotation marks belong to a string, for a key may begin with a mark. The name of a property is no address of a
    // video, whatever it looks like.
    return holdsKey(`"${said}"`, colon === undefined && ADDRESS.test(said)) ? `"${REDACTED}"` : string;
  });
}

/**
 * What `replace` with a function gives. That one lists all matches with their groups before it calls the function, which
 * for a megabyte of codes takes 60 MB of an isolate's 128, and a gigabyte where some such bodies come at once.
 */
function replaced(text: string, pattern: RegExp, by: (match: RegExpExecArray) => string): string {
  let result = "";
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    const [code] = match;
    const instead = by(match);
    if (instead === code) continue;
    result += text.slice(from, match.index) + instead;
    from = match.index + code.length;
  }
  return result + text.slice(from);
}

/** Looks for the key in texts. No more than so many letters are compared at each place, so this is linear, too. */
function finder(key: string): (text: string, isAddress?: boolean) => boolean {
  const ways = WAYS.map((code) => ({ code, forms: key.length < SHORTEST ? [] : formsOf(key, code) }));
  // A key that is not looked for costs nothing, whatever the text.
  if (ways.every(({ forms }) => forms.length === 0)) return () => false;
  return (text, isAddress = false) => {
    for (const { code, forms } of ways) {
      const parts = forms.map(({ whole, prefix }) => whole.slice(0, isAddress ? WHOLE : prefix));
      let depth = 0;
      for (const layer of layers(text, code)) {
        if (parts.some((part) => layer.includes(part))) return true;
        depth += 1;
      }
      // A text without codes reads the same in both ways.
      if (depth < 2) return false;
    }
    return false;
  };
}

/**
 * What is looked for of a key, and how much of it its first characters make up. Where a text has its own codes undone,
 * those within the key are too.
 */
function formsOf(key: string, code: RegExp): { readonly whole: string; readonly prefix: number }[] {
  const beginnings = [...layers(key.slice(0, PREFIX), code)];
  const forms = [...layers(key, code)].map((whole, depth) => {
    const beginning = beginnings[depth] ?? beginnings.at(-1) ?? "";
    // A code that was cut in two reads differently from there on.
    let same = 0;
    while (same < beginning.length && beginning[same] === whole[same]) same += 1;
    return { whole, prefix: Math.max(same, LEAST) };
  });
  return forms.filter(({ whole }) => whole.length >= LEAST);
}

/**
 * What can be compared of a text as it came, and with one more layer of codes undone each time, until there is none. All
 * charsets of the web but UTF-16 write ASCII as it is, so none needs to be decoded. One layer is held at a time, since each
 * is nearly as long as the text.
 */
function* layers(text: string, code: RegExp): Generator<string, void> {
  let layer = text.replace(BETWEEN, "");
  yield layer.replace(MARKS, "-");
  for (let depth = 1; depth <= DEEPEST; depth += 1) {
    const inner = replaced(layer, code, decoded).replace(BETWEEN, "");
    // Each code is longer than what it stands for.
    if (inner.length === layer.length) return;
    layer = inner;
    yield layer.replace(MARKS, "-");
  }
}

/** The letter that a code stands for. */
function decoded([, braced, four, two, hex, decimal, name, octal, letter]: RegExpExecArray): string {
  if (letter) return CONTROLS[letter] ?? letter;
  if (name) return NAMES.get(name.toLowerCase()) ?? "-";
  const number = Number(decimal ?? (octal ? `0o${octal}` : `0x${braced ?? four ?? two ?? hex}`));
  return String.fromCharCode(Math.min(number, 128));
}
