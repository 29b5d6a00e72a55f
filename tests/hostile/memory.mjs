// @ts-check
/**
 * How much memory programs hold, with all their children: engines are made of many processes. Linux tells; on
 * other systems there is no figure, and nothing is asserted.
 */

import { readdirSync, readFileSync } from "node:fs";

/** Each process and its parent. */
function parents() {
  /** @type {Map<number, number>} */
  const of = new Map();
  for (const name of entries("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // The name of a program stands in parentheses, and may hold some.
    const parent = read(`/proc/${name}/stat`).replace(/^.*\)/s, "").trim().split(" ")[1];
    if (parent) of.set(Number(name), Number(parent));
  }
  return of;
}

/** All that came of some processes. @param {Iterable<number>} roots */
export function descendants(roots) {
  const all = new Set(roots);
  const of = parents();
  for (let before = -1; before !== all.size; ) {
    before = all.size;
    for (const [pid, parent] of of) if (all.has(parent)) all.add(pid);
  }
  return all;
}

/** Resident bytes, each shared page counted in each process. @param {Iterable<number>} roots */
export function resident(roots) {
  let kilobytes = 0;
  for (const pid of descendants(roots)) kilobytes += Number(/^VmRSS:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
  return kilobytes * 1_024;
}

/** By how much it grew while something was done; undefined where nobody can tell. @param {Iterable<number>} roots @param {() => Promise<unknown>} act */
export async function growth(roots, act) {
  const before = resident(roots);
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, resident(roots));
  }, 25);
  try {
    await act();
  } finally {
    clearInterval(looking);
  }
  return before === 0 ? undefined : most - before;
}

/** @param {string} folder */
function entries(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // it has ended meanwhile
  }
}
