// @ts-check
/**
 * One client in a process of its own: processor time of its polls and of its jobs, in µs. The argument is JSON: the
 * client, the address of the server unless memory answers, polls of a round, rounds, and what is answered. It prints
 * one JSON.
 */

import { bring, fromMemory, median } from "./client.mjs";

/** @type {{ file: string, server?: string, polls: number, rounds: number, clips?: number, changing?: boolean }} */
const { file, server, polls, rounds, clips, changing } = JSON.parse(process.argv[2] ?? "");
/** So many jobs wait at once, so that the process does not sleep between two polls. */
const AT_ONCE = 20;

const { entry, open } = await bring(file);

let round = 0;
/**
 * Waits for jobs that are told "not done" so many times; the processor time for it, and how often was asked.
 * @param {number} jobs
 * @param {number} pendings
 */
async function wait(jobs, pendings) {
  round += 1;
  let asked = 0;
  let baseUrl = "http://memory.example";
  let fetch = globalThis.fetch;
  if (!server) {
    const memory = fromMemory(entry, { pendings, clips, changing });
    fetch = async (...asking) => {
      asked += 1;
      return memory.fetch(...asking);
    };
  } else {
    await globalThis.fetch(`${server}/reset?pendings=${pendings}`);
    baseUrl = `${server}/${file}`;
    fetch = (...asking) => {
      asked += 1;
      return globalThis.fetch(...asking);
    };
  }
  const one = open({ baseUrl, fetch, intervalMs: 1 });
  const ids = Array.from({ length: jobs }, (_, at) => `job-${round}-${at}`);
  const queue = ids.values();
  const worker = async () => {
    for (const id of queue) await one(id);
  };
  globalThis.gc?.();
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const { user, system } = process.cpuUsage(before);
  return { took: user + system, asked };
}

await wait(AT_ONCE, polls / AT_ONCE);
await wait(200, 0);
const ofPolls = [];
const ofJobs = [];
for (let at = 0; at < rounds; at += 1) {
  const long = await wait(AT_ONCE, polls / AT_ONCE);
  ofPolls.push(long.took / long.asked);
  const short = await wait(polls / 4, 0);
  ofJobs.push(short.took / (polls / 4));
}
console.log(JSON.stringify({ poll: median(ofPolls), job: median(ofJobs) }));
process.exit();
