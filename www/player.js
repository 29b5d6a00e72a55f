// @ts-check
// The stage: the latest ready clip while the video is being made, then the video itself. It plays by itself only
// without sound, and not at all for people who asked for less motion.

import { fileLink, setText } from "./element.js";

/** @import { Stage } from "./app.js" */
/** @import { Session } from "./session.js" */

const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {{ video: HTMLVideoElement, preview: HTMLImageElement, note: HTMLElement, caption: HTMLElement }} stage */
export function createPlayer({ video, preview, note, caption }) {
  let playing = "";
  /** @type {string | undefined} */
  let previewed;

  /** @param {string} words @param {string} [url] */
  function say(words, url) {
    setText(caption, words);
    if (url === undefined) return;
    caption.append(" ", fileLink(url, "Open the file"));
  }

  video.addEventListener("error", () => {
    if (playing !== "") say("This page cannot play the video from where it lies.", playing);
  });
  preview.addEventListener("error", () => { preview.hidden = true; });

  /** @param {string} url @param {Session} session */
  function play(url, session) {
    playing = url;
    if (session.source === "simulator") video.poster = "media/tour-poster.jpg";
    else video.removeAttribute("poster");
    video.src = url;
    video.hidden = false;
    preview.hidden = true;
    note.hidden = true;
    say("The finished video.", url);
    // A browser may still refuse to begin by itself: then the controls are there.
    if (!lessMotion.matches) video.play().catch(() => {});
  }

  function clear() {
    playing = "";
    video.pause();
    video.removeAttribute("src");
    video.load();
    video.hidden = true;
    // The preview is drawn anew.
    previewed = undefined;
  }

  /** @param {Session | undefined} session @param {Stage} stage */
  return (session, stage) => {
    const last = session?.last;
    if (session !== undefined && last?.status === "DONE") {
      if (playing !== last.url) play(last.url, session);
      return;
    }
    if (playing !== "") clear();
    const ready = last?.generatedContent.filter((clip) => clip.status === "success");
    const latest = ready?.at(-1)?.url;
    note.hidden = stage === "failed";
    if (stage !== "failed") say("Until then you see the latest clip.");
    else say(latest === undefined ? "No clip yet." : "The latest clip.");
    if (latest === previewed) return;
    previewed = latest;
    preview.hidden = latest === undefined;
    if (latest !== undefined) preview.src = latest;
  };
}
