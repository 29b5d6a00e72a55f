// @ts-check
/** What a client's videos teach it of how long the next ones take, and how that outlives the client. */

import "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VideoClient } from "./package.mjs";
import { done, generating, pending, rendering, scriptedServer } from "./scripted-fetch.mjs";
import { failure, QUICK, recorder } from "./settling.mjs";

/** A video whose clips take about so long, and whose render as long again. @param {import("node:test").TestContext} test @param {number} ms */
async function videos(test, ms) {
  /** @type {Map<string, number>} */
  const begun = new Map();
  return scriptedServer(test, ({ path, atMs }) => {
    const since = begun.get(path);
    if (since === undefined) {
      begun.set(path, atMs);
      return pending;
    }
    const age = atMs - since;
    return age < ms ? generating(0) : age < 2 * ms ? rendering(Math.floor((20 * (age - ms)) / ms) * 5) : done;
  });
}

describe("the lessons of earlier videos", () => {
  it("make the word of the time left of the next one better, also on another client", async (test) => {
    const server = await videos(test, 400);
    const own = new VideoClient({ baseUrl: server.url });
    assert.equal(own.lessons(), undefined);
    /** The time left, as it is first told. @param {InstanceType<typeof VideoClient>} client @param {string} id */
    const firstWord = async (client, id) => {
      const { updates, listener } = recorder();
      await client.waitForVideo(id, { ...QUICK, onUpdate: listener });
      return updates.find(({ remainingMs }) => remainingMs !== undefined)?.remainingMs ?? NaN;
    };
    const unknowing = await firstWord(own, "a");
    assert.ok(unknowing > 100_000, `${unknowing} ms, as is usual`);
    const knowing = await firstWord(own, "b");
    // 0.8 s are left. Nothing is said so small before a clip is ready: what is slow to start has seconds of its own.
    assert.ok(knowing < 20_000, `${knowing} ms`);
    const lessons = own.lessons();
    assert.match(String(lessons), /^il1,2(,\d+){5}$/);
    const other = new VideoClient({ baseUrl: server.url, lessons });
    assert.equal(other.lessons(), lessons);
    assert.ok((await firstWord(other, "c")) < 20_000);
    assert.match(String(other.lessons()), /^il1,3,/);
    other[Symbol.dispose]();
    assert.match(String(other.lessons()), /^il1,3,/);
    await other.waitForVideo("d", QUICK);
    assert.match(String(other.lessons()), /^il1,4,/);
  });

  it("are refused where they are damaged, before any request", async (test) => {
    const server = await videos(test, 10);
    for (const lessons of ["", "il1", "il1,1,2,3", "il0,1,2,3", "null"]) {
      const own = new VideoClient({ baseUrl: server.url, lessons });
      await failure(own.waitForVideo("v", QUICK), "invalid_argument");
      await failure(own.getStatus("v"), "invalid_argument");
    }
    assert.equal(server.arrivals.length, 0);
  });
});
