// @ts-check
/** Jobs that are waited for by our client or another, to see what that costs. */

import { entryOf, jobs } from "../../benches/peers/field.mjs";
import { freshPackage } from "./package.mjs";

export const baseUrl = "http://memory.example";
export const intervalMs = 1;
const headers = { "content-type": "application/json" };

/** @typedef {(fetch: typeof globalThis.fetch) => (id: string) => Promise<unknown>} Open */

/** Our client, in a module that nobody else uses. @returns {Promise<Open>} */
export async function ours() {
  const { VideoClient } = await freshPackage();
  return (fetch) => {
    const client = new VideoClient({ baseUrl, fetch });
    return (id) => client.waitForVideo(id, { minIntervalMs: intervalMs, maxIntervalMs: intervalMs });
  };
}

/**
 * Waits for jobs that are told "not done" so many times, each time with other words.
 * @param {Open} open
 * @param {number} count
 * @param {number} pendings
 */
export async function wait(open, count, pendings) {
  const { answer } = jobs(entryOf("iacrea-video"), { pendings, changing: true });
  const one = open(async (input) => new Response(answer(String(input)), { headers }));
  await Promise.all(Array.from({ length: count }, (_, at) => one(`job-${at}`)));
}
