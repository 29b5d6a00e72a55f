/** Warnings on the console about what ends nothing and would be noticed late: each is printed once in a process. */

const printed = new Set<string>();
/** Names of options may come from outside, and a console is for people. */
const MOST = 50;

/** @internal */
export function warn(text: string): void {
  if (printed.has(text) || printed.size >= MOST) return;
  printed.add(text);
  try {
    console.warn(`iacrea-video: ${text}`);
  } catch {
    // A host without a console.
  }
}

/**
 * Warns of each option that `what` does not have, with the nearest name that it `has`: JavaScript ignores a misspelt one.
 * `elsewhere` has options of its own, which are easily given here. @internal
 */
export function warnOfUnknown(what: string, options: object, has: object, elsewhere?: readonly [place: string, has: object]): void {
  const known = Object.keys(has);
  let names: string[] = [];
  try {
    names = Object.keys(options).filter((name) => !known.includes(name));
  } catch {
    // A Proxy that does not say.
  }
  for (const name of names.slice(0, MOST)) {
    const shown = name.slice(0, 40);
    const near = nearest(shown, known);
    let cure = near ? `Did you mean "${near}"?` : `It has: ${known.join(", ")}.`;
    if (elsewhere && Object.keys(elsewhere[1]).includes(name)) cure = `It is an option of ${elsewhere[0]}.`;
    warn(`${what} has no option "${shown}", and ignores it. ${cure}`);
  }
}

/** The known name that a misspelt one most likely stands for; undefined where none is near. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const given = plain(name);
  const edits = (other: string) => {
    const wanted = plain(other);
    // "interval" stands for "minIntervalMs", and "key" for "apiKey".
    const isPart = given.length > 2 && (wanted.includes(given) || given.includes(wanted));
    return isPart ? Number(given !== wanted) : distance(given, wanted);
  };
  const [best] = [...known].sort((one, other) => edits(one) - edits(other));
  // Of short names two letters may be wrong, of long ones a third.
  return best !== undefined && edits(best) <= Math.max(2, given.length / 3) ? best : undefined;
}

/** "api_key", "apikey" and "API-Key" are one. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, "");
}

/** The Levenshtein distance: how many letters must be added, left out or changed. */
function distance(from: string, to: string): number {
  let above = Array.from(`-${to}`, (_, at) => at);
  for (const [at, letter] of [...from].entries()) {
    let left = at + 1;
    above = above.map((up, place) => {
      if (place > 0) left = Math.min(left + 1, up + 1, above[place - 1]! + Number(to[place - 1] !== letter));
      return left;
    });
  }
  return above[to.length]!;
}
