// @ts-check
// Watches one session's video with the package, and notes each request and each update in the session. What an
// answer means and when to ask is the package's affair alone.

import { VideoClient } from "./iacrea-video/index.js";
import { isWatched } from "./source.js";

/** @import { ClientOptions, DoneUpdate, VideoPoller, VideoUpdate } from "./iacrea-video/index.js" */
/** @import { Session } from "./session.js" */

/**
 * @typedef {object} Watch
 * @property {() => void} stop ends the asking; nothing is reported after it
 * @property {() => string | undefined} token what to resume from
 */

const STOPPED = Symbol("stopped by a person");

/**
 * The server's advice of 2 to 5 s, made faster with the simulator's time. The floor keeps a fast demo from asking
 * more often than a screen can show.
 * @param {number} speed
 */
const pace = (speed) => ({
  minIntervalMs: Math.max(100, 2_000 / speed),
  maxIntervalMs: Math.max(100, 5_000 / speed),
  // Retries, and people who press stop, take real time at any speed: the deadline shrinks only so far.
  timeoutMs: Math.max(300_000, 1_200_000 / speed),
});

/**
 * @param {Session} session
 * @param {ClientOptions} options
 * @param {() => number} now the session's stopwatch
 * @param {object} events
 * @param {(update: VideoUpdate) => void} events.updated
 * @param {(update: DoneUpdate) => void} events.done
 * @param {(error: unknown) => void} events.failed
 * @param {() => void} events.asked a request was sent or has ended
 * @returns {Watch}
 */
export function watch(session, options, now, events) {
  const send = options.fetch ?? ((input, init) => fetch(input, init));
  /** @type {VideoPoller | undefined} */
  let poller;
  let stopped = false;

  /**
   * A 200 may still hold nonsense, and only the package can tell. So an answered request is judged by where it led.
   * @param {boolean} good
   */
  function judge(good) {
    const latest = session.requests.at(-1);
    if (latest?.outcome === "open") latest.outcome = good ? "answered" : "failed";
  }

  /** @type {typeof globalThis.fetch} */
  const noted = async (input, init) => {
    // A live stream asks nothing: it says when to.
    if (new Headers(init?.headers).get("accept") === "text/event-stream") return send(input, init);
    judge(poller?.current?.raw !== undefined && poller.current.retrying === undefined);
    /** @type {Session["requests"][number]} */
    const mark = { at: now(), outcome: "open" };
    session.requests.push(mark);
    events.asked();
    try {
      const response = await send(input, init);
      if (!response.ok) mark.outcome = "failed";
      return response;
    } catch (error) {
      mark.outcome = stopped ? "abandoned" : "failed";
      throw error;
    } finally {
      events.asked();
    }
  };

  const client = new VideoClient({
    requestTimeoutMs: Math.max(3_000, 30_000 / session.speed),
    ...options,
    fetch: noted,
  });
  poller = client.poll(session.id, {
    ...pace(session.speed),
    // How long to wait is the Worker's to say, and nobody may have looked on for hours.
    ...(isWatched(session.source) ? { timeoutMs: Infinity } : {}),
    ...(session.token === undefined ? {} : { resumeToken: session.token }),
    onUpdate: (update) => {
      // The update that the token makes has less in it than what this page has kept.
      if (stopped || (update.raw === undefined && update.retrying === undefined)) return;
      judge(update.retrying === undefined);
      events.updated(update);
    },
  });
  poller.done.then(
    (update) => {
      judge(true);
      if (!stopped) events.done(update);
    },
    (error) => {
      judge(false);
      if (!stopped) events.failed(error);
    },
  );

  return {
    stop() {
      stopped = true;
      const latest = session.requests.at(-1);
      if (latest?.outcome === "open") latest.outcome = "abandoned";
      poller.cancel(STOPPED);
    },
    token: () => poller.resumeToken(),
  };
}
