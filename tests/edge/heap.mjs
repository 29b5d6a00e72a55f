// @ts-check
/**
 * What a Worker's isolate holds under an attack, as workerd's inspector tells it: the protocol by which browsers' developer
 * tools look at memory. Beside it stand what the whole process has, which includes what waits in sockets and belongs to no
 * isolate, and the time of its processor.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { socket } from "../durable/viewer.mjs";
import { startServer } from "../support/server.mjs";

const MIB = 1_048_576;
/** What an isolate of Cloudflare's may have: https://developers.cloudflare.com/workers/platform/limits/ */
const LIMIT = 128 * MIB;
/**
 * Half of it is for values, which V8 is told. workerd tells V8 of no limit, so that garbage would be collected when the
 * memory of this machine calls for it, and what an isolate needs could not be told from what it leaves lying.
 */
export const HEAP_MIB = 64;
/** Such that its letters, percent-escaped one by one, are digits too. */
export const KEY = "0123456789abcdef0123456789abcdef";
const SAMPLED_EVERY_MS = 50;
/** Ticks of a processor's clock in a second, as /proc counts them. */
const TICKS = 100;
const JSON_TYPE = { "content-type": "application/json" };

/** The key, percent-escaped, but for its last letter. */
const NEARLY_KEY = `${[...KEY.slice(0, -1)].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join("")}!`;
/** As a body, in chunks of one byte. @param {number} bytes */
export const byteByByte = (bytes) => `${"1\r\n \r\n".repeat(bytes)}0\r\n\r\n`;
/** A status of so many bytes. @param {number} number @param {number} bytes */
const status = (number, bytes) => JSON.stringify({ status: "PENDING", creditsTotal: number, generatedContent: [{ id: "clip", status: "success", text: "x".repeat(bytes) }] });

/** Whole responses, by the first word of a video's id; the number is that of the request. @type {Record<string, (number: number) => string>} */
const BODIES = {
  key: () => NEARLY_KEY,
  keys: () => NEARLY_KEY.repeat(11_000),
  layers: () => `%${"25".repeat(520_000)}`,
  strings: () => `[${'"",'.repeat(349_000)}""]`,
  status: (number) => status(number, 1_000_000),
  change: (number) => status(number, 250_000),
};

/** An API that means harm, until the test file is over. @param {{ after: (act: () => unknown) => void }} test */
export async function startApi(test) {
  let requests = 0;
  let open = 0;
  const { origin, close } = await startServer((request, response) => {
    requests += 1;
    open += 1;
    response.once("close", () => void (open -= 1));
    const word = request.url?.split("/").at(-1)?.split("-")[0] ?? "";
    if (word === "silent") return;
    if (word === "bytes") {
      response.writeHead(200, { ...JSON_TYPE, "transfer-encoding": "chunked" }).flushHeaders();
      response.socket?.on("error", () => {}).write(byteByByte(131_072));
      return;
    }
    response.writeHead(200, JSON_TYPE);
    // A megabyte but for its end.
    if (word === "endless") response.write(Buffer.alloc(MIB - 1_000, " "));
    else response.end(BODIES[word]?.(requests));
  });
  test.after(close);
  return { origin, requests: () => requests, open: () => open };
}

/**
 * Looks into the isolate of a Worker.
 * @param {{ origin: string, inspector?: string, pid?: number }} host
 */
async function lookInto({ origin, inspector, pid }) {
  const { told, say, leave } = await socket(`${inspector}/worker`);
  const replies = /** @type {{ id: number, result: any }[]} */ (/** @type {unknown} */ (told));
  let calls = 0;
  /** What a command gives. @param {string} method */
  const call = async (method, wake = async () => {}) => {
    calls += 1;
    const own = calls;
    say(JSON.stringify({ id: own, method }));
    for (;;) {
      const at = replies.findIndex(({ id }) => id === own);
      if (at >= 0) return replies.splice(at, 1)[0]?.result;
      await wake();
      await sleep(2);
    }
  };
  const used = async () => {
    const { usedSize, embedderHeapUsedSize, backingStorageSize } = await call("Runtime.getHeapUsage");
    return usedSize + embedderHeapUsedSize + backingStorageSize;
  };
  return {
    leave,
    /** The bytes of values, of what the host has made for them, and of buffers, whether or not anybody refers to them any more. */
    used,
    /** The same once garbage was collected, which is done when the isolate next has something to do. */
    async held() {
      await call("HeapProfiler.collectGarbage", async () => void (await (await fetch(origin)).arrayBuffer()));
      return used();
    },
    /** Of the process, in bytes. */
    resident: () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024,
    processorMs() {
      const [user = 0, system = 0] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(11, 13).map(Number) ?? [];
      return ((user + system) * 1_000) / TICKS;
    },
  };
}

/**
 * What an isolate holds at most while it is attacked, and after that, garbage included, which must be less than it may have.
 * V8 itself ends the process whose values alone need more than their half, also in the middle of a step, where nobody can look.
 * @param {{ diagnostic(text: string): void }} test
 * @param {Parameters<typeof lookInto>[0]} host
 * @param {(collect: () => Promise<void>) => Promise<unknown>} attack gives what came of it, for whoever reads the figures; it collects garbage when most is held
 */
export async function endures(test, host, attack) {
  // Before the first request some of it is not there.
  await (await fetch(host.origin)).arrayBuffer();
  const { used, held, resident, processorMs, leave } = await lookInto(host);
  const [idle, before, began] = [await held(), processorMs(), performance.now()];
  let [most, atHeight, mostResident, isOver] = [0, 0, 0, false];
  const note = (/** @type {number} */ bytes) => {
    most = Math.max(most, bytes);
    mostResident = Math.max(mostResident, resident());
    return bytes;
  };
  const sampling = (async () => {
    for (; !isOver; await sleep(SAMPLED_EVERY_MS)) note(await used());
  })();
  const came = await attack(async () => void (atHeight = note(await held())));
  isOver = true;
  await sampling;
  const [tookMs, workedMs] = [performance.now() - began, processorMs() - before];
  const left = note(await held());
  leave();
  const mib = (/** @type {number} */ bytes) => (bytes / MIB).toFixed(0);
  test.diagnostic(`heap ${mib(most)} MiB at most, ${atHeight === 0 ? "" : `of it ${mib(atHeight)} held at the height, `}${mib(left)} after, ${mib(idle)} before; process ${mib(mostResident)} MiB at most`);
  test.diagnostic(`processor ${(workedMs / 1_000).toFixed(1)} s in ${(tookMs / 1_000).toFixed(1)} s; ${came}`);
  assert.ok(most < LIMIT, `${mib(most)} MiB`);
}

/** A caller who reads. @param {string} url */
export async function reader(url) {
  const began = performance.now();
  const response = await fetch(url);
  await response.arrayBuffer();
  return { status: response.status, tookMs: performance.now() - began, leave() {} };
}

/** A caller whose response has begun, and who does not read it. @param {string} url @param {Record<string, string>} [headers] */
export async function sitter(url, headers = {}) {
  const asked = get(url, { agent: false, headers }).on("error", () => {});
  /** @type {[import("node:http").IncomingMessage]} */
  const [response] = /** @type {any} */ (await once(asked, "response"));
  response.on("error", () => {});
  return { status: response.statusCode ?? 0, tookMs: 0, leave: () => void asked.destroy() };
}

/** A caller who sends these bytes, until the response begins, of which no more is read. @param {string} origin @param {string} text */
export async function sender(origin, text) {
  const wire = connect(Number(new URL(origin).port), "127.0.0.1").on("error", () => {});
  wire.write(text);
  const [head] = await once(wire, "data");
  wire.pause();
  return { wire, status: Number(String(head).split(" ")[1]), tookMs: 0, leave: () => void wire.destroy() };
}

/** As many of `make` at once. @template T @param {number} count @param {(at: number) => Promise<T>} make */
export const many = (count, make) => Promise.all(Array.from({ length: count }, (_, at) => make(at)));

/** How many had which status, and how long the slowest took. @param {{ status: number, tookMs: number }[]} callers */
export function tally(callers) {
  /** @type {Record<number, number>} */
  const counts = {};
  for (const { status } of callers) counts[status] = (counts[status] ?? 0) + 1;
  const slowest = Math.max(...callers.map(({ tookMs }) => tookMs));
  const statuses = Object.entries(counts).map(([status, count]) => `${count} times ${status}`);
  return `${statuses.join(", ")}${slowest > 0 ? `, the slowest after ${(slowest / 1_000).toFixed(1)} s` : ""}`;
}
