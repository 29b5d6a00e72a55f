// @ts-check
// The event log, newest first. Entries are only ever added at the top; a session that is taken up again brings its
// own along.

import { element } from "./element.js";
import { clock } from "./words.js";

/** @import { LogEntry, Session } from "./session.js" */

/** @param {HTMLElement} box */
export function createLog(box) {
  const list = /** @type {HTMLOListElement} */ (box.querySelector("ol"));
  /** @type {LogEntry[] | undefined} */
  let shown;
  let count = 0;

  /** @param {LogEntry} entry */
  function line({ kind, at, text }) {
    const time = element("span", { class: "log-time" }, clock(at));
    return element("li", { "data-kind": kind }, time, element("span", {}, text));
  }

  /** @param {Session | undefined} session */
  return (session) => {
    const entries = session?.log ?? [];
    if (entries !== shown) {
      list.replaceChildren();
      shown = entries;
      count = 0;
    }
    for (const entry of entries.slice(count)) list.prepend(line(entry));
    count = entries.length;
  };
}
