/**
 * How the key is kept out of what the API says: an answer that repeats it must not carry it to a caller.
 * The rule is the client's own (src/core/secret.rs), and what else a page undoes: the key is found in every
 * spelling that some layer between two programs undoes without being asked. What was JSON stays JSON.
 */

/** What a header can hold. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]+$/;
/** What stands in the place of the key. */
const BLOT = "***";
/** A shorter key would be found in innocent words and numbers. */
export const SHORTEST = 8;

/** The key as it is sent; undefined if it cannot be. */
export function keyFrom(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  // As fetch does: a key that was read from a file often ends with a line break.
  const key = value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  return HEADER_VALUE.test(key) ? key : undefined;
}

/** Whether the key can be told from innocent words, and is in this text. */
export function holdsKey(text: string, key: string): boolean {
  return withoutKey(text, key) !== text;
}

/** A text without the key; the same if it is not there. */
export function withoutKey(text: string, key: string): string {
  if (key.length < SHORTEST) return text;
  const [begin, ...rest] = pieces(key).map((piece, at) => new RegExp([...piece].map(spellings).join(""), at ? "y" : "g")) as [RegExp, ...RegExp[]];
  let out = "";
  let kept = 0;
  for (let found = begin.exec(text); found; found = begin.exec(text)) {
    let end = begin.lastIndex;
    const isWhole = rest.every((piece) => {
      piece.lastIndex = end;
      const goesOn = piece.test(text);
      end = piece.lastIndex;
      return goesOn;
    });
    if (isWhole) {
      out += text.slice(kept, found.index) + BLOT;
      kept = end;
    }
    begin.lastIndex = isWhole ? end : found.index + 1;
  }
  return out + text.slice(kept);
}

/** Keys may be as long as a header; a regular expression for all of such a one would be refused. */
function pieces(key: string): string[] {
  return key.match(/.{1,64}/gs) ?? [];
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "amp",
  "<": "lt",
  ">": "gt",
  '"': "quot",
  "'": "apos",
  _: "lowbar",
  "/": "sol",
  "+": "plus",
  "=": "equals",
};

/**
 * One letter, as it is or in the escapes of JSON (within any quotes), percent encoding or HTML. The repetitions
 * are bounded, or a body of backslashes would be looked through in the square of its length.
 */
function spellings(letter: string): string {
  const code = letter.charCodeAt(0);
  const hex = (digits: number) => code.toString(16).padStart(digits, "0").replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
  const plain = letter.replace(/[^\w\s]/, "\\$&");
  const bytes = [...new TextEncoder().encode(letter)].map((byte) => `%(?:25){0,7}(?:${byte.toString(16)}|${byte.toString(16).toUpperCase()})`);
  return (
    `(?:\\\\{1,8}(?:u${hex(4)}|u\\{0{0,7}${hex(1)}\\}|x${hex(2)}|${plain})|${bytes.join("")}|` +
    `&(?:amp;){0,7}(?:#0{0,7}${code}|#[xX]0{0,7}${hex(1)}|${ENTITIES[letter] ?? "(?!)"});?|` +
    `${plain}${letter === " " ? "|\\+" : code > 127 ? "|\ufffd" : ""})`
  );
}
