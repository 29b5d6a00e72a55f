// @ts-check
// Tells from two updates that follow each other what happened in between, in words. Pure: it holds no state but the
// session it is given, and touches no element.

import { phaseWords } from "./words.js";

/** @import { GeneratedContent, VideoUpdate } from "./iacrea-video/index.js" */
/** @import { LogEntry, Session } from "./session.js" */

/** @typedef {Pick<LogEntry, "kind" | "text"> & { aloud: boolean }} Happening `aloud`: worth telling a screen reader */
/** @typedef {"waiting" | "pending" | "success" | "error" | "redoing" | "redone" | "unrecognized"} TileState */

/** @param {GeneratedContent} clip @param {number} index */
const keyOf = (clip, index) => clip.id ?? String(index);

/**
 * What a tile shows: the clip's own status, and beyond it whether it has failed before or is being made again now.
 * @param {Session} session
 * @param {GeneratedContent} clip
 * @param {number} index
 * @returns {TileState}
 */
export function tileState(session, clip, index) {
  const failedBefore = session.setbacks.includes(keyOf(clip, index));
  switch (clip.status) {
    case "pending": return failedBefore ? "redoing" : "pending";
    case "success": return failedBefore ? "redone" : "success";
    // PENDING lists no clips, so the last known status is still the failure while the server mends it.
    case "error": return session.last?.status === "PENDING" ? "redoing" : "error";
    case "unrecognized": return "unrecognized";
  }
}

/** @param {Session} session */
export const isRegenerating = (session) => session.generated && session.last?.status === "PENDING";

/** @param {VideoUpdate} update @param {boolean} regenerating @returns {LogEntry["kind"]} */
function kindOf(update, regenerating) {
  if (regenerating) return "setback";
  if (update.status === "ERROR") return "failure";
  return update.status === "DONE" ? "done" : "phase";
}

/**
 * Takes `update` into the session and says what is new in it.
 * @param {Session} session
 * @param {VideoUpdate} update
 * @returns {Happening[]}
 */
export function takeIn(session, update) {
  const before = session.last;
  /** @type {Happening[]} */
  const happenings = [];

  if (update.status === "GENERATING_VIDEO") session.generated = true;
  session.last = update;

  update.generatedContent.forEach((clip, index) => {
    const known = before?.generatedContent[index]?.status;
    if (known === clip.status) return;
    const key = keyOf(clip, index);
    const name = `Clip ${index + 1}`;
    if (clip.status === "error") {
      if (!session.setbacks.includes(key)) session.setbacks.push(key);
      happenings.push({ kind: "setback", text: `${name} failed, the server will make it again`, aloud: true });
    } else if (clip.status === "success") {
      const again = session.setbacks.includes(key);
      happenings.push({ kind: "clip", text: `${name} is ready${again ? ", redone" : ""}`, aloud: again });
    } else if (clip.status === "pending" && known !== undefined) {
      happenings.push({ kind: "setback", text: `${name} is being made again`, aloud: false });
    }
  });

  if (update.retrying !== undefined && before?.retrying !== update.retrying) {
    const text = `A request failed (${update.retrying}), asking again by itself`;
    happenings.push({ kind: "failure", text, aloud: true });
  } else if (update.retrying === undefined && before?.retrying !== undefined) {
    happenings.push({ kind: "phase", text: "The server answers again", aloud: true });
  }

  if (before?.status !== update.status) {
    const regenerating = isRegenerating(session);
    const words = phaseWords(update, regenerating);
    const said = "message" in update && update.message ? `: “${update.message}”` : "";
    happenings.push({ kind: kindOf(update, regenerating), text: `${words}${said} (${update.status})`, aloud: true });
  }
  return happenings;
}
