// @ts-check
// The clips as a grid: one tile each, changed in place, so that a picture that is there never flickers. A tile says
// its state in words and by a sign, never by colour alone.

import { element, fileLink, icon, setText } from "./element.js";
import { tileState } from "./journal.js";

/** @import { GeneratedContent } from "./iacrea-video/index.js" */
/** @import { TileState } from "./journal.js" */
/** @import { Stage } from "./app.js" */
/** @import { Session } from "./session.js" */

/** @type {Record<TileState, { words: string, sign: string }>} */
const SHOWN = {
  waiting: { words: "", sign: "dots" },
  pending: { words: "Making", sign: "dots" },
  success: { words: "Ready", sign: "check" },
  error: { words: "Failed", sign: "cross" },
  redoing: { words: "Redoing", sign: "redo" },
  redone: { words: "Redone", sign: "check" },
  unrecognized: { words: "Unknown state", sign: "question" },
};

/** @type {TileState[]} */
const SETBACKS = ["error", "redoing"];
// From here on tiles are small.
const MANY = 12;

function createTile() {
  const picture = element("div", { class: "clip-picture" });
  const name = element("span", { class: "clip-name" });
  const sign = element("span", { class: "clip-sign" });
  const words = element("span", { class: "clip-state" });
  const item = element("li", { class: "clip" }, picture, element("p", { class: "clip-words" }, name, sign, words));
  let shownUrl = "";

  /** @param {string} url @param {string} label */
  function showPicture(url, label) {
    const image = element("img", { src: url, alt: label, width: "640", height: "360", decoding: "async" });
    // The clip itself may be a film, or may lie where this page's policy lets nothing in: then a link leads to it.
    image.addEventListener("error", () => {
      if (shownUrl === url) picture.replaceChildren(fileLink(url, "Open the clip"));
    });
    picture.replaceChildren(image);
  }

  return {
    item,
    /** @param {GeneratedContent} clip @param {number} index @param {TileState} state */
    show(clip, index, state) {
      const url = clip.status === "success" ? clip.url ?? "" : "";
      if (item.dataset.state === state && url === shownUrl) return;
      item.dataset.state = state;
      setText(name, `Clip ${index + 1}`);
      setText(words, SHOWN[state].words);
      sign.replaceChildren(icon(SHOWN[state].sign));
      if (url === "") picture.replaceChildren(...(SETBACKS.includes(state) ? [icon(SHOWN[state].sign)] : []));
      else if (url !== shownUrl) showPicture(url, clip.text ?? clip.category ?? clip.effect ?? `Clip ${index + 1}`);
      shownUrl = url;
    },
  };
}

/** @param {HTMLUListElement} grid @param {Element} count */
export function createClips(grid, count) {
  const skeleton = [...grid.children];
  /** @type {ReturnType<typeof createTile>[]} */
  let tiles = [];

  /** @param {Session | undefined} session @param {Stage} stage */
  return (session, stage) => {
    const clips = session?.last?.generatedContent ?? [];
    if (clips.length === 0 && tiles.length > 0) {
      tiles = [];
      grid.replaceChildren(...skeleton);
    } else if (clips.length !== tiles.length) {
      tiles = clips.map((_, index) => tiles[index] ?? createTile());
      grid.replaceChildren(...tiles.map((tile) => tile.item));
    }
    grid.toggleAttribute("data-many", clips.length > MANY);
    const over = stage === "done" || stage === "failed";
    grid.setAttribute("aria-busy", String(clips.length === 0 && !over));
    if (session === undefined || clips.length === 0) {
      setText(count, over ? "No clip was listed" : "");
      return;
    }
    clips.forEach((clip, index) => tiles[index]?.show(clip, index, tileState(session, clip, index)));
    const ready = clips.filter((clip) => clip.status === "success").length;
    setText(count, `${ready} of ${clips.length} ready`);
  };
}
