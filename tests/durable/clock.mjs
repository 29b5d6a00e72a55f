// @ts-check
/**
 * Time in the laboratory: it stands still until the test moves it. A timer of the product's is due when that time has
 * come; whether it has is looked at by a real timer in the same request, since workerd keeps requests apart. So a slow
 * machine is late to look, and nothing else.
 */

// @ts-ignore -- known to workerd
import { env } from "cloudflare:workers";

const LOOK_MS = 2;

const { now: realNow } = Date;
const { setTimeout: realTimeout, setInterval: realInterval, clearInterval: realClear } = globalThis;

/** Where time begins: far in the future, where no alarm of the host's comes by itself. */
const BEGIN_MS = Number(env.CLOCK);
let nowMs = BEGIN_MS;
/** @type {Map<unknown, { again: boolean, dueMs: number }>} whether each comes again and again, and when */
const timers = new Map();

/** @param {() => void} act @param {number} ms @param {boolean} again */
function begin(act, ms, again) {
  const own = { again, dueMs: nowMs + ms };
  const timer = realInterval(() => {
    if (nowMs < own.dueMs) return;
    if (again) own.dueMs += ms;
    else end(timer);
    act();
  }, LOOK_MS);
  timers.set(timer, own);
  return timer;
}

/** @param {any} timer */
function end(timer) {
  timers.delete(timer);
  realClear(timer);
}

Date.now = () => nowMs;
Object.assign(globalThis, {
  setTimeout: (/** @type {() => void} */ act, ms = 0) => begin(act, ms, false),
  setInterval: (/** @type {() => void} */ act, ms = 0) => begin(act, ms, true),
  clearTimeout: end,
  clearInterval: end,
});

/** Moves time; it never goes back. @param {number} toMs */
export function moveTo(toMs) {
  nowMs = Math.max(nowMs, toMs);
}

/** How many timers come again and again. */
export function ticking() {
  return [...timers.values()].filter(({ again }) => again).length;
}

/** When the timers are due that come once. */
export function due() {
  return [...timers.values()].filter(({ again }) => !again).map(({ dueMs }) => dueMs);
}

/** When the host is to call, for an alarm that the product sets: at once if it is due, else not by itself. @param {number} atMs */
export function hostTime(atMs) {
  return atMs <= nowMs ? realNow() : atMs;
}

/** Whether the host calls at this time by itself. @param {number} atMs */
export function isOfTheHost(atMs) {
  return atMs < BEGIN_MS;
}

/** Looks again and again, in real time. @param {() => boolean} holds */
export async function until(holds) {
  while (!holds()) await moment();
}

/** A moment of real time. */
export function moment() {
  return new Promise((resolve) => realTimeout(resolve, LOOK_MS));
}
