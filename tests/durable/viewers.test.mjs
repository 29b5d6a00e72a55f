// @ts-check
/** Many who watch one video, in real time: what they are told, and what the API notices of them. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { BASE, KEY } from "../edge/upstream.mjs";
import { done, generating } from "../node/scripted-server.mjs";
import { numberOf, socket, stream } from "./viewer.mjs";
import { inOrder, scripts, until, upstream } from "./visit.mjs";
import { Host, NEWEST_DATE } from "./workerd.mjs";

/** @typedef {import("./viewer.mjs").Viewing} Viewing */

const LAST = 10;
const upTo = (/** @type {number} */ last) => Array.from({ length: last }, (_, at) => at + 1);
/** Each answer is a change. @param {number} number */
const changing = (number) => (number < LAST ? { ...generating(2), creditsTotal: number } : done);

let videos = 0;

/** A video that is watched, and answers nothing before `go` says up to which number. @param {Host} host @param {(number: number) => unknown} script */
async function heldVideo(host, script) {
  const id = `watched-${(videos += 1)}`;
  let [allowed, underWay, most] = [0, 0, 0];
  scripts.set(id, async (number) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await until(() => number <= allowed);
    underWay -= 1;
    return script(number);
  });
  assert.equal((await fetch(`${host.origin}${BASE}/${id}/watch`, { method: "POST" })).status, 202);
  return { id, go: (/** @type {number} */ to = Infinity) => void (allowed = to), most: () => most };
}

for (const [date, viewers] of /** @type {const} */ ([["2023-03-01", 40], [NEWEST_DATE, 60]])) {
  describe(`those who watch one video, on workerd of ${date}`, { timeout: 280_000 }, async () => {
    // No answer that a test holds back is late.
    const patience = { REQUEST_TIMEOUT_MS: "280000" };
    const host = await new Host({ KEY, UPSTREAM: upstream.url, POLL: JSON.stringify({ minIntervalMs: 20, maxIntervalMs: 50 }), ...patience }, date).start();
    after(() => host.end());
    const eventsOf = (/** @type {string} */ id) => `${host.origin}${BASE}/${id}/events`;

    it("are told of each change once and in order, for one request at a time", async () => {
      const { id, go, most } = await heldVideo(host, changing);
      const open = (/** @type {number} */ at, /** @type {string} */ last = "") =>
        (at % 2 ? socket : stream)(eventsOf(id), last === "" ? undefined : last);
      // All of these are there before anything is known; half of them leave again and again, and come back.
      const first = await Promise.all(Array.from({ length: viewers }, (_, at) => open(at)));
      const steady = first.filter((_, at) => at % 4 > 1);
      const seen = () => Number(steady[0]?.told.length);
      const all = first.map((viewing, at) => (at % 4 > 1 ? viewing.over.then(() => viewing.told) : comesAndGoes(viewing, at)));
      /** Leaves after one to three changes, and comes back for what it missed, sooner or later. @param {Viewing} viewing @param {number} at */
      async function comesAndGoes(viewing, at) {
        const told = [];
        for (let times = 0; ; times += 1) {
          const enough = 1 + ((at + times) % 3);
          await until(() => viewing.told.length >= enough || viewing.told.at(-1)?.type === "done");
          viewing.leave();
          told.push(...viewing.told);
          const last = told.at(-1);
          if (last && last.type !== "update") return told;
          await until(() => seen() >= Math.min(told.length + (at % 5), LAST));
          viewing = await open(at, last?.id);
        }
      }
      for (let number = 1; number <= LAST; number += 1) {
        go(number);
        await until(() => steady.every(({ told }) => told.length >= number));
      }
      for (const [at, told] of (await Promise.all(all)).entries()) {
        assert.deepEqual(told.map(numberOf), upTo(LAST), `viewer ${at}`);
        assert.equal(told.at(-1)?.type, "done");
      }
      assert.equal(most(), 1);
    });

    it("have no update with the raw body in it, and finally the video", async () => {
      const { id, go } = await heldVideo(host, inOrder(generating(1), generating(2), done));
      const viewing = await stream(eventsOf(id));
      go();
      await viewing.over;
      for (const { update } of viewing.told) assert.ok(!("raw" in update));
      const { type, update } = viewing.told.at(-1) ?? assert.fail("told of nothing");
      assert.deepEqual([type, update.status, update.videoId, update.overall, update.url], ["done", "DONE", id, 1, done.url]);
    });

    it("learn of each change its id and type, and nothing of the video, who ask in brief", async () => {
      const { id, go } = await heldVideo(host, changing);
      const events = eventsOf(id);
      const early = await stream(`${events}?brief`);
      go();
      await early.over;
      const all = await stream(events, `${early.told[0]?.id.split("-")[0]}-0`);
      await all.over;
      const brief = all.told.map(({ id: named, type }) => ({ id: named, type }));
      assert.equal(brief.length, LAST);
      assert.deepEqual(early.told, brief);
      // Whoever comes is told of the latest change at once.
      const late = await stream(`${events}?brief`);
      await late.over;
      assert.deepEqual(late.told, brief.slice(-1));
    });

    it("are not kept after the end: a stream hears 204, a WebSocket is closed with 1000", async () => {
      const { id, go } = await heldVideo(host, changing);
      const events = eventsOf(id);
      const over = await socket(events);
      go();
      assert.equal(await over.over, 1_000);
      const last = over.told.at(-1)?.id ?? "";
      assert.equal((await fetch(events, { headers: { "last-event-id": last } })).status, 204);
      assert.equal((await fetch(`${events}?lastEventId=${last}`)).status, 204);
      const again = await socket(events, last);
      assert.deepEqual([await again.over, again.told], [1_000, []]);
      for (const open of [socket, stream]) {
        const late = await open(events);
        await late.over;
        assert.deepEqual(late.told.map(({ id: named, type }) => [named, type]), [[last, "done"]]);
        const complete = await open(events, `${last.split("-")[0]}-0`);
        await complete.over;
        assert.deepEqual(complete.told.map(numberOf), upTo(LAST));
      }
    });

    it("leave no error behind", () => {
      assert.doesNotMatch(host.log, /iacrea-video:|Error/);
    });
  });
}
