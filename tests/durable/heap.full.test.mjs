// @ts-check
/**
 * What visitors, viewers and an API that mean harm make a Worker with watched videos hold on workerd, routes and objects in
 * one isolate: less than the heap that an isolate of Cloudflare's may have. The figures are printed, and stand in
 * docs/threat-model.md.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { byteByByte, endures, HEAP_MIB, KEY, many, reader, sender, sitter, startApi, tally } from "../edge/heap.mjs";
import { BASE } from "../edge/upstream.mjs";
import { Host } from "./workerd.mjs";

const api = await startApi({ after });
/** One request, and no more while the test runs. */
const ONCE = { minIntervalMs: 3_600_000, maxIntervalMs: 3_600_000 };
const AGAIN = { minIntervalMs: 1_000, maxIntervalMs: 1_000 };
const OFTEN = { minIntervalMs: 50, maxIntervalMs: 60 };
/** What a viewer begins its WebSocket with. @param {string} path */
const upgrade = (path) =>
  `GET ${path} HTTP/1.1\r\nhost: site\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

/** @param {{ after: (act: () => unknown) => void }} test @param {object} poll */
async function start(test, poll) {
  const host = new Host({ KEY, UPSTREAM: api.origin, POLL: JSON.stringify(poll) });
  host.heapMiB = HEAP_MIB;
  test.after(() => host.end());
  return host.start();
}

/** Begins to watch so many videos, whose ids begin with a word. @param {Host} host @param {string} word @param {number} count */
async function watch(host, word, count) {
  await many(count, async (at) => assert.equal((await fetch(`${host.origin}${BASE}/${word}-${at}/watch`, { method: "POST" })).status, 202));
}

/** That so many requests arrive from now on. @param {number} count */
async function requests(count) {
  const before = api.requests();
  while (api.requests() - before < count) await sleep(10);
}

describe("the heap of a Worker with watched videos", { timeout: 280_000, skip: process.platform === "linux" ? false : "it reads /proc" }, () => {
  for (const [what, count, word] of /** @type {const} */ ([
    ["94 bytes that are nearly the key, percent-escaped", 200, "key"],
    ["a megabyte of such", 50, "keys"],
    ["128 KiB in chunks of a byte", 100, "bytes"],
    ["a megabyte but for its end", 200, "endless"],
    ["a status of a megabyte", 30, "status"],
  ])) {
    it(`endures ${count} responses at once of ${what}`, async (test) => {
      const host = await start(test, AGAIN);
      await endures(test, host, async (collect) => {
        // Whatever became of a response, the next request follows when it has been dealt with.
        const arriving = requests(2 * count);
        await watch(host, word, count);
        await arriving;
        await collect();
        return `${api.open()} requests still open`;
      });
    });
  }

  it("endures 100 notifications at once of 128 KiB in chunks of a byte", async (test) => {
    const host = await start(test, ONCE);
    const notification = `POST /api/video-editor/webhook HTTP/1.1\r\nhost: site\r\ntransfer-encoding: chunked\r\n\r\n${byteByByte(131_072)}`;
    await endures(test, host, async () => {
      const senders = await many(100, () => sender(host.origin, notification));
      for (const { leave } of senders) leave();
      return tally(senders);
    });
  });

  for (const [who, call] of /** @type {const} */ ([["read", reader], ["do not read", sitter]])) {
    it(`endures 500 callers of one status of a megabyte who ${who}`, async (test) => {
      const host = await start(test, ONCE);
      await reader(`${host.origin}${BASE}/status-1`);
      await endures(test, host, async (collect) => {
        const callers = await many(500, () => call(`${host.origin}${BASE}/status-1`));
        await collect();
        for (const { leave } of callers) leave();
        return tally(callers);
      });
    });
  }

  it("endures 100 viewers who do not read, of changes of 250 KB without end, half of them over a WebSocket", async (test) => {
    const host = await start(test, OFTEN);
    await endures(test, host, async (collect) => {
      await watch(host, "change", 1);
      // More than is kept of them.
      await requests(40);
      const events = `${BASE}/change-0/events`;
      const { id } = await (await fetch(`${host.origin}${BASE}/change-0/update`)).json();
      const from = `${id.split("-")[0]}-0`;
      const viewers = await many(100, (at) =>
        at % 2 === 0 ? sitter(`${host.origin}${events}`, { "last-event-id": from }) : sender(host.origin, upgrade(`${events}?lastEventId=${from}`)),
      );
      await requests(40);
      await collect();
      for (const { leave } of viewers) leave();
      return tally(viewers);
    });
  });

  it("endures a viewer who sends half a million messages", async (test) => {
    const host = await start(test, ONCE);
    await watch(host, "change", 1);
    const messages = Buffer.concat(Array(1_000).fill(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x78])));
    await endures(test, host, async (collect) => {
      const { wire, status, leave } = await sender(host.origin, upgrade(`${BASE}/change-0/events`));
      assert.equal(status, 101);
      wire.resume();
      let sent = 0;
      for (; sent < 500_000 && !wire.destroyed; sent += 1_000) if (!wire.write(messages)) await Promise.race([once(wire, "drain"), once(wire, "close")]);
      await collect();
      leave();
      return `${sent} messages sent`;
    });
  });
});
