/**
 * Resume tokens of another version of this package, as a page finds them in its storage after a deployment. They say
 * nothing to this version, and if they were refused like damaged ones, so would every load of that page be. The crate has
 * the same rule (`Machine::is_of_another_version`), and both are held to tests/vectors/tokens.json.
 */

import { checksum } from "./poller.js";

/** The word that tokens of a version begin with; the first version's was `iv1`. Of a poll that had not begun, with its suffix. */
const VERSION = /^i[tv]\d{1,9}(-new)?(?=,)/;
const OWN = "it1";
/** No longer one is read; its checksum would take long. */
const LONGEST = 16_384;

/** Whether another version has written this. Of a damaged token nothing is guessed, not even where that word is damaged. */
export function isOfAnotherVersion(token: string): boolean {
  const [word, suffix = ""] = token.length <= LONGEST ? (VERSION.exec(token) ?? []) : [];
  if (word === undefined || word === OWN + suffix) return false;
  // Where all but that word is right, it is one of this version.
  const end = token.lastIndexOf(",");
  return String(checksum(OWN + suffix + token.slice(word.length, end))) !== token.slice(end + 1);
}
