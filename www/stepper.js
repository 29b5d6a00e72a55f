// @ts-check
// The five phases as a row of steps. A PENDING that follows the first clips stays on its step as a regeneration: it
// must not look like going back to the start.

import { icon, setText } from "./element.js";
import { isRegenerating } from "./journal.js";

/** @import { Session } from "./session.js" */
/** @import { Stage } from "./app.js" */

const SPOKEN = {
  complete: "completed",
  current: "current",
  redoing: "current, a clip is being made again",
  failed: "failed here",
  upcoming: "not reached",
};
const SIGNS = { complete: "check", redoing: "redo", failed: "cross" };

const GENERATING = 1;

/** @param {HTMLOListElement} list */
export function createStepper(list) {
  const steps = [...list.querySelectorAll("li")].map((item, index) => ({
    item,
    number: String(index + 1),
    status: item.dataset.status ?? "",
    mark: /** @type {Element} */ (item.querySelector(".step-mark")),
    name: /** @type {Element} */ (item.querySelector(".step-name")),
    code: /** @type {Element} */ (item.querySelector(".step-status")),
    spoken: /** @type {Element} */ (item.querySelector(".step-state")),
    words: item.querySelector(".step-name")?.textContent ?? "",
  }));
  let reached = -1;

  /** @param {Session | undefined} session @param {Stage} stage */
  return (session, stage) => {
    const status = session?.last?.status;
    const redoing = session !== undefined && isRegenerating(session);
    const own = steps.findIndex((step) => step.status === status);
    if (status === undefined) reached = -1;
    else if (redoing) reached = Math.max(reached, GENERATING);
    // ERROR and an unknown status are no steps of their own: the mark stays where it was.
    else reached = own >= 0 ? own : Math.max(reached, 0);

    steps.forEach((step, index) => {
      /** @type {keyof typeof SPOKEN} */
      let state = "upcoming";
      if (index < reached || (index === reached && stage === "done")) state = "complete";
      else if (index === reached) state = stage === "failed" ? "failed" : redoing ? "redoing" : "current";
      if (step.item.dataset.state !== state) {
        step.item.dataset.state = state;
        step.mark.replaceChildren(state === "current" || state === "upcoming" ? step.number : icon(SIGNS[state]));
        setText(step.name, state === "redoing" ? "Making a clip again" : step.words);
        setText(step.code, state === "redoing" ? "PENDING" : step.status);
        setText(step.spoken, SPOKEN[state]);
      }
      if (index === reached) step.item.setAttribute("aria-current", "step");
      else step.item.removeAttribute("aria-current");
    });
  };
}
