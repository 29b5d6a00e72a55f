// @ts-check
// How the page says things to a person: phases, durations, errors. It decides nothing about a video.

/** @import { VideoErrorCode, VideoUpdate } from "./iacrea-video/index.js" */

/**
 * What is going on. PENDING after clips were begun is a clip being made again, and said so.
 * @param {VideoUpdate} update
 * @param {boolean} regenerating
 */
export function phaseWords(update, regenerating) {
  switch (update.status) {
    case "PENDING": return regenerating ? "Making a failed clip again" : "Waiting for the server to begin";
    case "GENERATING_VIDEO": return "Generating the clips";
    case "START_RENDERING_VIDEO": return "Starting the final render";
    case "RENDERING_VIDEO": return "Rendering the video";
    case "DONE": return "The video is ready";
    case "ERROR": return "The video failed";
    case "UNRECOGNIZED": return `The server says “${brief(update.rawStatus, 60)}”`;
  }
}

/** The beginning of what may be of any length. @param {string} text @param {number} most characters */
export function brief(text, most) {
  const [start = ""] = new RegExp(`^.{0,${most}}`, "su").exec(text) ?? [];
  return start.length < text.length ? `${start}…` : text;
}

/** @param {number} fraction 0 to 1. Rounded down: 100 is DONE alone. */
export const percent = (fraction) => Math.floor(fraction * 100 + 1e-9);

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A place in time, for lists: 0:05. @param {number} ms */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** @param {number | undefined} ms @param {number} overall */
export function timeLeft(ms, overall) {
  // An estimate that has run out is none.
  if (ms === undefined) return overall < 0.95 ? "Estimating the time left" : "Nearly done";
  if (ms < 2_500) return "A few seconds left";
  if (ms < 90_000) return `About ${Math.ceil(ms / 1000)} s left`;
  return `About ${Math.round(ms / 60_000)} min left`;
}

export const UNANSWERED = "No request has succeeded yet: asking again by itself";

/**
 * What happened, and what the person can do about it.
 * @type {Record<VideoErrorCode, { title: string, advice: string }>}
 */
const errorWords = {
  invalid_argument: {
    title: "This cannot be asked for",
    advice: "The id or an option makes no sense to the client, so no request was sent. Check the id.",
  },
  unauthorized: {
    title: "The server refused the key",
    advice: "Asking again would not help: check the key that the server uses. The video itself is still there.",
  },
  not_found: {
    title: "There is no such video",
    advice: "Check the id, and that the key belongs to the account that made the video.",
  },
  video_failed: {
    title: "The server gave the video up",
    advice: "It is over for this one. The words of the server say why, if it gave any; start another.",
  },
  timeout: {
    title: "It took too long",
    advice: "The time set for it is over, the video may still be made: resume to go on waiting.",
  },
  network: {
    title: "The server cannot be reached",
    advice: "Check the connection, then resume: the video and its progress are still there.",
  },
  rate_limited: {
    title: "The server asks for fewer requests",
    advice: "Wait a moment, then resume where it stopped.",
  },
  http: {
    title: "The server has trouble",
    advice: "It kept answering with errors. Resume in a while where it stopped.",
  },
  bad_response: {
    title: "The answers make no sense",
    advice: "Something else than the API seems to answer, or it is having trouble. Resume in a while where it stopped.",
  },
  redirected: {
    title: "The server points elsewhere",
    advice: "A redirect is refused, so that the key is never sent to another place. Check the address of the server.",
  },
  internal: {
    title: "The module could not run",
    advice: "Its WebAssembly could not be loaded, or it broke down. Reload the page; what was reached is kept.",
  },
};

/**
 * What comes of it that a person stopped the page.
 * @param {boolean} watched whether a Worker watches the video
 */
export function stoppedWords(watched) {
  return watched
    ? {
        title: "Only this page has stopped",
        advice: "The Worker goes on watching. Resume whenever you like: the video will be further on.",
      }
    : {
        title: "Nobody asks now, so the video stands still",
        advice: "The token is all it takes to go on: here, after a reload, or in another process.",
      };
}

/**
 * Words for any failure; those outside the list of codes are the page's own (a simulator that is not there).
 * @param {VideoErrorCode | undefined} code
 */
export function problemWords(code) {
  return code === undefined
    ? {
        title: "The demo could not start",
        advice: "The simulator did not answer. Is the demo server still running? Then start again.",
      }
    : errorWords[code];
}

/**
 * @param {number} count
 * @param {string} one
 */
export const counted = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;
