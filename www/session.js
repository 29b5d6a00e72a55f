// @ts-check
// One video being watched, as plain data, and its keeping over a reload of the tab, or for later tabs too where a
// Worker goes on meanwhile. What is kept holds the resume token and what the page has drawn so far; it must never hold
// a key.

import { hasWatcher, isWatched } from "./source.js";

/** @import { VideoUpdate } from "./iacrea-video/index.js" */
/** @import { SavedVideo } from "./iacrea-video/simulator.js" */

/**
 * @typedef {object} RequestMark One request, for the chart.
 * @property {number} at when it was sent, on the session's stopwatch
 * @property {"open" | "answered" | "failed" | "abandoned"} outcome
 */

/**
 * @typedef {object} LogEntry
 * @property {number} at
 * @property {"phase" | "clip" | "setback" | "failure" | "person" | "done"} kind
 * @property {string} text
 */

/**
 * @typedef {object} Session
 * @property {string} id
 * @property {"video" | "auto"} kind
 * @property {"simulator" | "live"} source
 * @property {string} scenario the simulator's; empty for a live video
 * @property {number} speed 1 for a live video
 * @property {boolean} stopped a person stopped it, or it failed and can be resumed
 * @property {string | undefined} token what the poll goes on from
 * @property {SavedVideo | undefined} simulated what the in-page simulator needs to know the video again
 * @property {VideoUpdate | undefined} last
 * @property {string[]} setbacks keys of the clips that have failed at least once
 * @property {boolean} generated whether clips have been begun: from then on PENDING is a regeneration
 * @property {number} elapsed
 * @property {number} keptAt when that was so, in Unix time
 * @property {RequestMark[]} requests
 * @property {{ at: number, overall: number }[]} samples
 * @property {LogEntry[]} log
 */

// The number changes with the shape of Session: an older page's leavings are then not read.
const KEY = "iacrea-video-demo/2";
// A page left alone for days must not outgrow the storage.
const MOST_ENTRIES = 2_000;

/**
 * @param {Pick<Session, "id" | "kind" | "source" | "scenario" | "speed">} about
 * @returns {Session}
 */
export function newSession(about) {
  return {
    ...about,
    stopped: false,
    token: undefined,
    simulated: undefined,
    last: undefined,
    setbacks: [],
    generated: false,
    elapsed: 0,
    keptAt: Date.now(),
    requests: [],
    samples: [],
    log: [],
  };
}

/** @param {Session} session */
export function keep(session) {
  // The raw body may be long, and nothing here shows it.
  const last = session.last && { ...session.last, raw: undefined };
  const requests = session.requests.slice(-MOST_ENTRIES);
  const samples = session.samples.slice(-MOST_ENTRIES);
  const log = session.log.slice(-MOST_ENTRIES);
  try {
    const storage = isWatched(session.source) ? localStorage : sessionStorage;
    storage.setItem(KEY, JSON.stringify({ ...session, last, requests, samples, log, keptAt: Date.now() }));
  } catch {
    // Storage may be full or forbidden. The demo then works all the same, only a reload starts anew.
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  } catch {
    // As above: where nothing can be kept, nothing is there to forget.
  }
}

/** @returns {Session | undefined} */
export function kept() {
  try {
    const text = sessionStorage.getItem(KEY) ?? (hasWatcher ? localStorage.getItem(KEY) : null);
    const session = JSON.parse(text ?? "null");
    // Another page of this origin may have left anything under the same name.
    return Array.isArray(session?.log) ? session : undefined;
  } catch {
    return undefined;
  }
}
