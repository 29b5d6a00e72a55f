// @ts-check
// What stands in the way, said as a person wants to know it: what happened, what can be done, and only then the
// particulars. The words of a server are shown as text, never as markup.

import { element } from "./element.js";

/**
 * @typedef {object} Notice
 * @property {"stopped" | "problem"} kind
 * @property {string} title
 * @property {string} advice
 * @property {[term: string, value: string][]} particulars
 * @property {boolean} resumable
 */

// Characters that fit without scrolling on the narrowest screen.
const ONE_LINE = 60;

/** @param {HTMLElement} box @param {() => void} resume */
export function createNotice(box, resume) {
  let shown = "";

  /** @param {Notice | undefined} notice */
  return (notice) => {
    const now = JSON.stringify(notice ?? null);
    if (now === shown) return;
    shown = now;
    box.hidden = notice === undefined;
    if (notice === undefined) {
      box.replaceChildren();
      box.removeAttribute("role");
      return;
    }
    box.className = "notice";
    box.dataset.kind = notice.kind;
    // A problem interrupts; that it was stopped is known to whoever did it.
    if (notice.kind === "problem") box.setAttribute("role", "alert");
    else box.removeAttribute("role");
    const words = [element("p", { class: "notice-title" }, notice.title), element("p", {}, notice.advice)];
    box.replaceChildren(element("div", { class: "notice-words" }, ...words));
    if (notice.resumable) {
      const button = element("button", { type: "button", id: "notice-resume" }, "Resume");
      button.addEventListener("click", resume);
      box.append(button);
    }
    if (notice.particulars.length > 0) {
      box.append(element("dl", {}, ...notice.particulars.map(([term, value]) => {
        // What may be long scrolls, so it must be within reach of the keyboard.
        const description = element("dd", value.length > ONE_LINE ? { tabindex: "0" } : {}, value);
        return element("div", {}, element("dt", {}, term), description);
      })));
    }
  };
}
