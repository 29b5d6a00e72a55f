// @ts-check
/**
 * How long the key's tests wait for a video. Where a scenario comes to its end by itself they wait for that, however
 * slow the machine is; the others are given up soon, and nothing is made of how far they came.
 */

/** Of scenarios that hang, or that wait for seconds at any speed. */
const SLOW = /retry-after|rate-limited|unavailable|^hang$|^stall$/;

export const LIMITS = { maxResponseBytes: 100_000 };
export const PACE = { minIntervalMs: 10, maxIntervalMs: 20 };
const HASTY = { limits: { ...LIMITS, requestTimeoutMs: 300 }, pace: { ...PACE, maxConsecutiveFailures: 3, timeoutMs: 1_000 } };
const PATIENT = { limits: LIMITS, pace: { ...PACE, maxConsecutiveFailures: 5 } };

/** @typedef {{ name: string, expect: string }} Scenario */

/** Whether it ends with its video, without a wait. @param {Scenario} scenario */
export function isQuick({ name, expect }) {
  return expect === "done" && !SLOW.test(name);
}

/** Limits for the client of a scenario, and the pace of its poll. @param {Scenario} scenario */
export function patienceFor(scenario) {
  return isQuick(scenario) ? PATIENT : HASTY;
}

/** The same for a server that repeats the key, and fails for good or gives in. */
export const WITH_ECHOES = { limits: LIMITS, pace: { ...PACE, maxConsecutiveFailures: 3 } };
