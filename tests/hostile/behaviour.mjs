// @ts-check
/**
 * The table in docs/behaviour.md: written from what was measured, and read back to be compared with. Outcomes and
 * numbers of requests are promises; times, versions and bytes are what one machine saw, and are never compared.
 */

import { readFile, writeFile } from "node:fs/promises";

export const FILE = new URL("../../docs/behaviour.md", import.meta.url);
export const COLUMNS = ["Node", "Chromium", "Firefox", "WebKitGTK", "workerd"];
const SOON = "## How soon it ends";
const TIME = / · [^|·]+$/;

/** @typedef {import("./situations.mjs").Situation} Situation */
/** @typedef {import("./play.js").Told} Told */

/**
 * @typedef {object} Run what one engine did
 * @property {string} version
 * @property {Map<string, Told>} told by the situation's name
 * @property {Map<string, { taken: number, grown: number | undefined }>} sizes of what is big
 *
 * @typedef {object} Latency
 * @property {string} engine
 * @property {string} what
 * @property {readonly Sample[]} samples
 *
 * @typedef {{ late: number, bare: number }} Sample in ms
 */

/** What is promised of a cell: how it ended, after how many requests; where a race decides, each way it may end. @param {Situation} situation @param {Told} told */
export function promiseOf({ ends, races }, { outcome, calls }) {
  const all = ends.map(range);
  const its = all.find((one) => one.outcome === outcome && one.least <= calls && calls <= one.most) ?? { outcome, least: calls, most: calls };
  return (races ? all : [its]).map(({ outcome, least, most }) => {
    const how = /^\w+$/.test(outcome) ? `\`${outcome}\`` : outcome;
    return `${how}, ${least < most ? `${least} to ${most}` : least}`;
  }).join(" or ");
}

/** "timeout 2-5" @param {string} end */
export function range(end) {
  const [, outcome = "", least = "", most = least] = /^(.*) (\d+)(?:-(\d+))?$/.exec(end) ?? [];
  return { outcome, least: Number(least), most: Number(most) };
}

/** @param {number} ms */
function time(ms) {
  if (ms < 10) return "< 10 ms";
  if (ms < 995) return `${Number(ms.toPrecision(2))} ms`;
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** What the file promises: by the row's title, by the engine. */
export async function promises() {
  const text = await readFile(FILE, "utf8").catch(() => "");
  /** @type {Map<string, Map<string, string>>} */
  const rows = new Map();
  let group = "";
  for (const line of text.split("\n")) {
    group = /^## (.*)$/.exec(line)?.[1] ?? group;
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (cells.length !== COLUMNS.length + 3 || !TIME.test(cells[2] ?? "")) continue;
    rows.set(`${group}: ${cells[1]}`, new Map(COLUMNS.map((name, at) => [name, (cells[at + 2] ?? "").replace(TIME, "")])));
  }
  return rows;
}

/** Without latencies, those that are written down stay. @param {readonly Situation[]} all @param {Map<string, Run>} runs @param {readonly Latency[] | undefined} latencies */
export async function write(all, runs, latencies) {
  const before = await readFile(FILE, "utf8").catch(() => "");
  const row = (/** @type {readonly string[]} */ cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const table = (/** @type {readonly string[]} */ head, /** @type {readonly string[][]} */ rows) => [row(head), `|${"---|".repeat(head.length)}`, ...rows.map(row), ""];
  const lines = [
    "# How it behaves",
    "",
    "What becomes of a poll when the server, the network or the machine turns against it. Each row was played by a server whose every byte is chosen (`tests/hostile`), against the packed package in five engines, and this page was written by those tests:",
    "",
    "```sh",
    "cargo xtask test --all --only hostile                      # plays it again and compares with this page",
    "UPDATE_BEHAVIOUR=1 cargo xtask test --all --only hostile   # writes this page",
    "```",
    "",
    "`cargo xtask test` plays Node, Chromium and workerd each time. It fails where an outcome or a number of requests is another than here; times are of one machine, and are not compared.",
    "",
    `Played by ${COLUMNS.map((name) => runs.get(name)?.version).join(", ")}.`,
    "",
    "A cell says how the poll ended (`done`, or the code of the `VideoError` that it rejected with), how many requests the package sent, and how long that took from the call to the end; where the server and the client race, each way it may end. The polls here pause 10 to 20 ms and give up after three failures in a row; by default it is 2 to 5 s and ten. So `network, 3` is a failure that was tried again, and would not have ended a poll had it passed: each such row is also played with a sound server from the second request on, and then ends with the video.",
    "",
    "Held in every cell: nothing is sent after the end, and no update comes; `overall` never falls; the key is in `x-api-key` of each request to the server that was named, and nowhere else, neither in another place of a request, nor at another origin, nor in an error, an update, a token or a console.",
    "",
    "Some things are the engines' own, and nothing tells the package of them. Firefox repeats a request by itself, up to nine times, when its connection breaks off before an answer. WebKitGTK hands on no refusal by 401 and no redirect before it has read the whole body; it unpacks and passes on a body as fast as it comes, read or not, so that what it holds depends on how soon it hears that it is to stop; and it preloads what a `Link` header names, without the key. And each takes some broken answers for sound ones (a status line that is none, HTTP/0.9, a chunk too few, an answer before the request) which others refuse.",
    "",
  ];
  for (const group of new Set(all.map((one) => one.group))) {
    lines.push(`## ${group}`, "");
    const rows = all.filter((one) => one.group === group).map((situation) => [
      situation.title,
      ...COLUMNS.map((name) => {
        const told = runs.get(name)?.told.get(situation.name);
        return told ? `${promiseOf(situation, told)} · ${time(told.ms)}` : "";
      }),
    ]);
    lines.push(...table(["", ...COLUMNS], rows));
  }
  const megabytes = (/** @type {number} */ bytes) => (bytes < 100_000 ? "< 0.1" : (bytes / 1e6).toFixed(1));
  lines.push("## What is taken of what is too large", "");
  lines.push("Megabytes that one request takes from the server before it is ended, sockets' buffers and all, and by how much all processes of the engine grow meanwhile, over three requests.", "");
  lines.push(
    ...table(["", ...COLUMNS], all.filter((one) => one.big).map((situation) => [
      situation.title,
      ...COLUMNS.map((name) => {
        const size = runs.get(name)?.sizes.get(situation.name);
        return size ? `${megabytes(size.taken)}; ${size.grown === undefined ? "?" : (size.grown / 1e6).toFixed(0)}` : "";
      }),
    ])),
  );
  if (!latencies) {
    const kept = before.indexOf(SOON);
    if (kept >= 0) lines.push(before.slice(kept));
    return writeFile(FILE, `${lines.join("\n").trimEnd()}\n`);
  }
  lines.push(SOON, "");
  lines.push("Milliseconds from the abort, or from the deadline, until the promise has rejected. The last column takes off what a bare timer was late that was set for the same deadline: that is the machine, not the package.", "");
  lines.push(
    ...table(["", "", "samples", "median", "99th percentile", "most", "most, beyond a bare timer"], latencies.map(({ engine, what, samples }) => {
      const figures = [...summary(samples.map(({ late }) => late)), summary(samples.map(beyond))[2]];
      return [engine, what, String(samples.length), ...figures.map((ms) => Math.max(ms, 0).toFixed(1))];
    })),
  );
  return writeFile(FILE, `${lines.join("\n").trimEnd()}\n`);
}

/** What is not the machine's doing. @param {Sample} sample */
export const beyond = ({ late, bare }) => late - Math.max(bare, 0);

/** Median, 99th percentile and most. @param {readonly number[]} values @returns {[number, number, number]} */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return [at(0.5), at(0.99), at(1)];
}
