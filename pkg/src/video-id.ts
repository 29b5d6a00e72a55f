/** Which texts are taken for a video's id where strangers may send them: what could be read as more than one segment of a path is not. */

/**
 * What no id holds: what separates the parts of a path, or a path from what follows it, for a server that decodes it once
 * more; blanks at its ends; controls; and what stands for a broken character.
 */
const REFUSED = /[/\\?#;\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufffd]|^\s|\s$/u;
/** Whoever decodes an id once more than they should would read something else in it: of `%2e%2e%2f` a way up, and so of `%u002e%u002e%u002f` in IIS. */
const ESCAPE = /%(?:[0-9a-f]{2}|u[0-9a-f]{4})/i;

/** Whether this can be an id. `u` in the pattern makes it see surrogates only where they stand alone. */
export function isVideoId(text: string): boolean {
  return text !== "" && text !== "." && text !== ".." && text.length <= 512 && !REFUSED.test(text) && !ESCAPE.test(text);
}
