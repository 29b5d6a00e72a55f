// @ts-check
/**
 * The samples of the documentation, run as they stand there: the names they leave to the reader are provided, the service
 * is the simulator, and what readers are led to expect must come of them. tests/types compiles all of them.
 */

import { leap } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimulator } from "../../pkg/dist/simulator.js";
import { javascriptOf, samples } from "../support/samples.mjs";
import { entry, VideoClient } from "./package.mjs";

leap();

const PAGE = "https://page.test/";
const KEY = "a-key-of-the-reader";
const simulator = createSimulator({ apiKey: KEY, speed: 1_000 });
const open = createSimulator({ speed: 1_000 });

/** What samples find beside themselves, and what they did with it. */
let said = /** @type {string[]} */ ([]);
let kept = /** @type {[string, string][]} */ ([]);
let player = { src: "" };
let bar = { value: 0 };
let label = { textContent: "" };
/** @type {Map<string, string>} */
let storage;
/** @type {Map<string, () => void>} */
let listeners;
let id = "";

/** @param {string} path @param {RequestInit} [init] */
const request = (path, init) => new Request(new URL(path, PAGE), init);
const status = () => `/api/video-editor/generate/video/${id}`;
const FILM = /^https:\/\/simulator\.invalid\/media\/tour\.webm$/;

/** What a page has. */
const page = () => ({
  // A proxy of the page's own origin, which adds the key.
  fetch: open.fetch,
  location: { href: PAGE },
  sessionStorage: { getItem: (/** @type {string} */ name) => storage.get(name) ?? null, setItem: (/** @type {string} */ name, /** @type {string} */ value) => storage.set(name, value) },
  addEventListener: (/** @type {string} */ type, /** @type {() => void} */ listener) => listeners.set(type, listener),
});

/**
 * @typedef {object} Run
 * @property {string} has a text that only this sample has
 * @property {boolean} [inPage] whether it is for a page
 * @property {(exported: any) => unknown} [then] checks what came of it
 */

/** @type {readonly Run[]} */
const RUNS = [
  {
    has: "export { proxy as GET",
    async then({ GET, HEAD, OPTIONS }) {
      assert.deepEqual([GET, OPTIONS], [HEAD, HEAD]);
      const response = await GET(request(status()));
      assert.deepEqual([response.status, typeof (await response.json()).status], [200, "string"]);
    },
  },
  {
    has: 'addEventListener("pagehide"',
    inPage: true,
    then() {
      assert.match(player.src, FILM);
      assert.deepEqual([bar.value, label.textContent], [1, "DONE"]);
      listeners.get("pagehide")?.();
      assert.match(storage.get(id) ?? "", /^it\d/);
    },
  },
  { has: "acrossTabs: user.id", inPage: true },
  { has: "AbortSignal.timeout(600_000)", then: () => assert.match(said[0] ?? "", /^https:\/\/simulator\.invalid\/media\/tour\.webm \d+$/) },
  {
    has: "readWebhook(request)",
    async then({ POST }) {
      await new VideoClient({ apiKey: KEY }).waitForVideo(id, { minIntervalMs: 30, maxIntervalMs: 80 });
      const response = await POST(request("/api/webhook", { method: "POST", body: JSON.stringify({ videoId: id }) }));
      assert.equal(response.status, 204);
      assert.equal(kept.length, 1);
      assert.deepEqual([kept[0]?.[0], FILM.test(kept[0]?.[1] ?? "")], [id, true]);
    },
  },
  { has: 'from "iacrea-video/machine"' },
  { has: 'follow: "events"', inPage: true },
  { has: "onUpdate: ({ status, overall, remainingMs })", then: () => assert.match(said.at(-1) ?? "", /^DONE 1\b/) },
  { has: "authorize: (request, { id }) => mayWatch(request, id),\n});\n$" },
  { has: "createSimulator({ scenario" },
];

/** These are for hosts that are not here: on workerd, tests/durable and tests/package have the like. */
const ELSEWHERE = ["extends VideoWatcher", "extends VideoWorkflow"];
/** And this one tests/durable runs, with messages that were really sent. */
const THERE = "export function isSigned";

describe("a sample of the documentation runs", async () => {
  /** @param {Record<string, unknown>} values */
  const provide = (values) => {
    for (const [name, value] of Object.entries(values)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  };
  process.env.IACREA_API_KEY = KEY;

  // The page on testing has a test of its own, under a fake clock: testing-page.test.mjs.
  const all = (await samples()).filter(({ where }) => !where.startsWith("docs/testing.md"));
  for (const sample of all) {
    const { where, code } = sample;
    const fits = RUNS.filter(({ has }) => (has.endsWith("$") ? code.endsWith(has.slice(0, -1)) : code.includes(has)));
    const isElsewhere = code.includes(THERE) || ELSEWHERE.some((text) => code.includes(text));
    it(where, { skip: isElsewhere && "it is for another host" }, async () => {
      assert.equal(fits.length, 1, "each sample has its line in this table");
      const run = /** @type {Run} */ (fits[0]);
      [said, kept, storage, listeners] = [[], [], new Map(), new Map()];
      [player, bar, label] = [{ src: "" }, { value: 0 }, { textContent: "" }];
      const own = run.inPage ? open : simulator;
      id = own.createVideo();
      provide({
        fetch: own.fetch,
        VideoClient,
        id,
        user: { id: "somebody" },
        player,
        bar,
        label,
        mayWatch: async () => true,
        save: async (/** @type {string} */ name, /** @type {string} */ end) => void kept.push([name, end]),
        ...(run.inPage ? page() : {}),
      });
      const { log } = console;
      console.log = (...words) => void said.push(words.join(" "));
      try {
        const text = (await javascriptOf(sample)).replace(/(from\s*)"iacrea-video(?:\/(\w+))?"/g, (_, from, name) => {
          return `${from}${JSON.stringify(new URL(`${name ?? "index"}.js`, entry).href)}`;
        });
        await run.then?.(await import(`data:text/javascript,${encodeURIComponent(text)}`));
      } finally {
        console.log = log;
        if (run.inPage) delete (/** @type {any} */ (globalThis).location);
      }
    });
  }

  it("and each line of the table has its sample", () => {
    for (const { has } of RUNS) assert.ok(all.some(({ code }) => code.includes(has.replace(/\$$/, ""))), has);
  });
});
