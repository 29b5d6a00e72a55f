// @ts-check
// The demo's hub: holds the one session that is watched, starts, stops and resumes it, and has everything drawn. All
// knowledge of videos is in the package; all drawing is in the modules named after what they draw.

import { VideoError } from "./iacrea-video/index.js";
import { createChart } from "./chart.js";
import { createClips } from "./clips.js";
import { createControls } from "./controls.js";
import { createCopy } from "./copy.js";
import { byId, setText } from "./element.js";
import { isRegenerating, takeIn } from "./journal.js";
import { createLog } from "./log.js";
import { createNotice } from "./notice.js";
import { createPlayer } from "./player.js";
import { forget, keep, kept, newSession } from "./session.js";
import { connect, createVideo, hasLive, isWatched, overHttp, saved, scenarios } from "./source.js";
import { createStepper } from "./stepper.js";
import { Stopwatch } from "./stopwatch.js";
import { watch } from "./watch.js";
import { brief, duration, percent, phaseWords, problemWords, stoppedWords, timeLeft, UNANSWERED } from "./words.js";

/** @import { VideoUpdate } from "./iacrea-video/index.js" */
/** @import { Notice } from "./notice.js" */
/** @import { LogEntry, Session } from "./session.js" */
/** @import { Choice } from "./source.js" */
/** @import { Watch } from "./watch.js" */

/** @typedef {"starting" | "running" | "stopped" | "failed" | "done"} Stage */

const view = {
  status: byId("status", HTMLElement),
  phase: byId("phase", HTMLElement),
  percent: byId("percent", HTMLElement),
  timeLeft: byId("time-left", HTMLElement),
  progress: byId("progress", HTMLElement),
  fill: byId("progress-fill", HTMLElement),
  elapsed: byId("elapsed", HTMLElement),
  requests: byId("requests", HTMLElement),
  failedRequests: byId("failed-requests", HTMLElement),
  creditsUsed: byId("credits-used", HTMLElement),
  creditsTotal: byId("credits-total", HTMLElement),
  mode: byId("mode", HTMLElement),
  watched: byId("watched", HTMLElement),
  announcer: byId("announcer", HTMLElement),
};
const drawStepper = createStepper(byId("stepper", HTMLOListElement));
const drawClips = createClips(byId("clips", HTMLUListElement), byId("clips-count", HTMLElement));
const drawPlayer = createPlayer({
  video: byId("video", HTMLVideoElement),
  preview: byId("preview", HTMLImageElement),
  note: byId("stage-note", HTMLElement),
  caption: byId("video-caption", HTMLElement),
});
const drawChart = createChart(byId("chart", SVGSVGElement));
const drawLog = createLog(byId("log", HTMLElement));
const drawNotice = createNotice(byId("notice", HTMLElement), resume);
const controls = createControls({ start, stop, resume, watchLive });
createCopy(byId("copy", HTMLButtonElement), byId("code", HTMLElement), byId("copied", HTMLElement));

/** @type {Stage} */
let stage = "starting";
/** @type {Session | undefined} */
let session;
/** @type {Watch | undefined} */
let watching;
/** @type {unknown} */
let problem;
let stopwatch = new Stopwatch();
let updatedAt = 0;
// Whether an earlier page's session was taken up and has not been answered since.
let takenUp = false;
// Whether it was said that not one request has succeeded.
let unansweredSaid = false;
// Counts what was begun, so that an answer to an older wish is not taken for one to the latest.
let begun = 0;

// ---- the life of a session ----

/** @param {Choice} choice */
async function start({ scenario, speed }) {
  const mine = leave();
  draw();
  try {
    const id = await createVideo({ scenario, speed });
    if (mine !== begun) return;
    session = newSession({ id, scenario, speed, kind: "video", source: "simulator" });
    note("person", `Started: scenario “${scenario}” at ${speed}×`);
    await run();
  } catch (error) {
    if (mine === begun) fail(error);
  }
}

/** @param {{ id: string, kind: "video" | "auto" }} video */
async function watchLive({ id, kind }) {
  leave();
  session = newSession({ id, kind, source: "live", scenario: "", speed: 1 });
  note("person", `Watching ${id}`);
  await run();
}

/** Lets go of whatever is being watched. */
function leave() {
  takenUp = false;
  unansweredSaid = false;
  announce("");
  watching?.stop();
  watching = undefined;
  session = undefined;
  problem = undefined;
  stage = "starting";
  stopwatch = new Stopwatch();
  forget();
  return ++begun;
}

async function run() {
  if (session === undefined) return;
  const mine = ++begun;
  const watched = session;
  try {
    const options = await connect(watched);
    if (mine !== begun) return;
    watched.stopped = false;
    problem = undefined;
    stage = "running";
    stopwatch.start();
    updatedAt = performance.now();
    watching = watch(watched, options, () => stopwatch.elapsed, {
      updated,
      done: finish,
      failed: fail,
      asked,
    });
  } catch (error) {
    if (mine === begun) fail(error);
  }
  draw();
}

function asked() {
  // The package's first update waits for the first answer that is one. What ends with the first request is no matter
  // of asking again.
  if (!unansweredSaid && isUnanswered() && session?.requests.at(-1)?.outcome === "open") {
    unansweredSaid = true;
    note("failure", UNANSWERED);
    announce(UNANSWERED);
  }
  drawSoon();
}

const isUnanswered = () =>
  session !== undefined && session.last === undefined && session.requests.some((mark) => mark.outcome === "failed");

/** @param {VideoUpdate} update */
function updated(update) {
  if (session === undefined) return;
  updatedAt = performance.now();
  takenUp = false;
  const happenings = takeIn(session, update);
  for (const { kind, text } of happenings) note(kind, text);
  const aloud = happenings.filter((happening) => happening.aloud).map(({ text }) => brief(text, 120));
  if (aloud.length > 0) announce(aloud.join(". "));
  session.samples.push({ at: stopwatch.elapsed, overall: update.overall });
  remember();
  drawSoon();
}

/** @param {VideoUpdate} update */
function finish(update) {
  // The last update may have come through onUpdate already; taking it in again says nothing new.
  updated(update);
  stopwatch.stop();
  watching = undefined;
  stage = "done";
  // A real video is to be had again after a reload, a simulated one makes room for the next.
  if (session?.source === "live") remember();
  else forget();
  draw();
}

/** @param {unknown} error */
function fail(error) {
  if (takenUp && session?.source === "simulator" && error instanceof VideoError && error.code === "not_found") {
    // The demo server was started anew meanwhile, and its old videos are gone with it.
    start(session);
    return;
  }
  watching = undefined;
  if (session?.token !== undefined && error instanceof VideoError && error.code === "invalid_argument") {
    // What was kept is damaged. The video is still there, and is requested without it.
    session.token = undefined;
    note("setback", "The token could not be read: going on without it");
    run();
    return;
  }
  stopwatch.stop();
  problem = error;
  stage = "failed";
  if (session !== undefined) {
    const known = error instanceof VideoError ? error : undefined;
    note("failure", `${problemWords(known?.code).title} (${known?.code ?? "no code"})`);
    session.token = known?.resumeToken ?? session.token;
    session.stopped = isResumable();
    // The id of a real video is kept in any case: a later page asks once more.
    if (session.stopped || session.source === "live") remember();
    else forget();
  }
  draw();
}

function stop() {
  if (session === undefined || watching === undefined) return;
  pause();
  stage = "stopped";
  session.stopped = true;
  note("person", "Stopped");
  announce("Stopped");
  remember();
  draw();
}

/** Ends the asking, and keeps what it takes to go on. */
function pause() {
  if (session !== undefined) session.token = watching?.token();
  watching?.stop();
  watching = undefined;
  stopwatch.stop();
}

function resume() {
  if (session === undefined || !isResumable()) return;
  note("person", "Resumed from the token");
  announce("Resumed");
  controls.toggle.focus();
  run();
}

function isResumable() {
  if (stage === "stopped") return true;
  return stage === "failed" && problem instanceof VideoError && problem.retryable && session !== undefined;
}

// ---- what outlives the page ----

function remember() {
  if (session === undefined) return;
  session.token = watching?.token() ?? session.token;
  session.elapsed = stopwatch.elapsed;
  session.simulated = saved(session);
  keep(session);
}

/** @param {Session} earlier */
async function takeUp(earlier) {
  session = earlier;
  const watched = isWatched(earlier.source);
  const done = earlier.last?.status === "DONE";
  // A video that went on without the page took time without it.
  const away = watched && !done ? Math.max(0, Date.now() - earlier.keptAt) : 0;
  stopwatch = new Stopwatch(earlier.elapsed + away);
  controls.choose(earlier);
  if (done || earlier.stopped) {
    stage = done ? "done" : "stopped";
    draw();
    return;
  }
  takenUp = true;
  note("person", watched ? "Back again: the Worker went on meanwhile" : "The page was loaded again: resumed from the token");
  announce("Resumed");
  await run();
}

// A browser cuts off the requests of a page that goes. Stopping first, that is no failure of the server.
addEventListener("pagehide", () => {
  if (watching === undefined) return;
  pause();
  remember();
});
// Back from the browser's memory, the page goes on as if it had been loaded again.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted && session !== undefined && stage === "running") takeUp(session);
});

// ---- what is said ----

/** @param {LogEntry["kind"]} kind @param {string} text */
function note(kind, text) {
  session?.log.push({ at: stopwatch.elapsed, kind, text });
}

/** @param {string} text */
function announce(text) {
  setText(view.announcer, text);
}

/** @returns {Notice | undefined} */
function notice() {
  if (stage === "stopped" && session !== undefined) {
    return {
      kind: "stopped",
      ...stoppedWords(isWatched(session.source)),
      particulars: session.token ? [["Token", session.token]] : [],
      resumable: true,
    };
  }
  if (stage === "failed") {
    const error = problem instanceof VideoError ? problem : undefined;
    /** @type {[string, string][]} */
    const particulars = [["Message", problem instanceof Error ? problem.message : String(problem)]];
    if (error !== undefined) particulars.push(["Code", error.code], ["Retryable", error.retryable ? "yes" : "no"]);
    if (error?.httpStatus !== undefined) particulars.push(["HTTP status", String(error.httpStatus)]);
    if (error?.detail) particulars.push(["Server said", error.detail]);
    return { kind: "problem", ...problemWords(error?.code), particulars, resumable: isResumable() };
  }
  return undefined;
}

/** @param {boolean} watched */
function mode(watched) {
  const isReal = session?.source === "live";
  if (watched) return `${isReal ? "A real video" : "Simulated"}, watched by a Worker`;
  if (isReal) return "A real video";
  return overHttp ? "Simulated over HTTP" : "Simulated in this page";
}

function headline() {
  const last = session?.last;
  if (stage === "failed") return isResumable() ? "Interrupted" : "Ended without a video";
  if (stage === "stopped") return "Stopped";
  if (session === undefined || last === undefined) return "Starting";
  return phaseWords(last, isRegenerating(session));
}

function remaining() {
  const last = session?.last;
  switch (stage) {
    case "done": return `Took ${duration(stopwatch.elapsed)}`;
    case "starting": return "Getting ready";
    case "stopped": return session !== undefined && isWatched(session.source) ? "Goes on without this page" : "Waits for you";
    case "failed": return "";
    case "running": {
      // In the place of the time left, so that a flaky server does not make the page jump.
      if (isUnanswered()) return UNANSWERED;
      if (last?.retrying !== undefined) return `The last request failed (${last.retrying}): asking again by itself`;
      const left = isFasterThanGuessed() ? undefined : last?.remainingMs;
      return timeLeft(left === undefined ? undefined : left - (performance.now() - updatedAt), last?.overall ?? 0);
    }
  }
}

/** Before the render an estimate is of videos that are not played faster. */
function isFasterThanGuessed() {
  return session?.source === "simulator" && session.speed > 1 && session.last?.status !== "RENDERING_VIDEO";
}

// ---- drawing ----

let drawing = 0;

function drawSoon() {
  drawing ||= requestAnimationFrame(draw);
}

function draw() {
  cancelAnimationFrame(drawing);
  drawing = 0;
  const last = session?.last;
  const overall = last?.overall ?? 0;
  const done = String(percent(overall));
  const left = remaining();
  const watched = isWatched(session?.source ?? "simulator");

  setText(view.mode, mode(watched));
  view.watched.hidden = !watched || (stage !== "starting" && stage !== "running");
  view.status.dataset.stage = stage;
  view.status.dataset.status = last?.status ?? "";
  view.status.toggleAttribute("data-retrying", stage === "running" && (isUnanswered() || last?.retrying !== undefined));
  setText(view.phase, headline());
  setText(view.percent, done);
  setText(view.timeLeft, left);
  view.progress.setAttribute("aria-valuenow", done);
  view.progress.setAttribute("aria-valuetext", left === "" ? `${done} %` : `${done} %. ${left}`);
  view.fill.style.setProperty("--overall", String(overall));

  setText(view.elapsed, duration(stopwatch.elapsed));
  // Of a long session not all marks are kept over a reload.
  setText(view.requests, String(Math.max(session?.requests.length ?? 0, last?.requests ?? 0)));
  setText(view.failedRequests, String(session?.requests.filter((mark) => mark.outcome === "failed").length ?? 0));
  setText(view.creditsUsed, String(last?.creditsUsed ?? "–"));
  setText(view.creditsTotal, String(last?.creditsTotal ?? "–"));

  drawStepper(session, stage);
  drawClips(session, stage);
  drawPlayer(session, stage);
  drawChart(session, stopwatch.elapsed);
  drawLog(session);
  drawNotice(notice());
  controls.show(stage, isResumable());
  document.title = stage === "running" ? `${done} % · iacrea-video demo` : "iacrea-video demo";
}

setInterval(() => {
  if (stage === "running") drawSoon();
}, 250);
addEventListener("resize", drawSoon);

// ---- begin ----

if (hasLive) controls.offerLive();
scenarios().then(controls.offer, () => {
  // Without the list the chosen scenario still runs, and a server that is gone is reported by the start below.
});
const earlier = kept();
if (earlier === undefined) start(controls.choice());
else takeUp(earlier);
