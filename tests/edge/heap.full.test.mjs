// @ts-check
/**
 * What callers and an API that mean harm make the proxy and the reader of notifications hold on workerd: less than the
 * heap that an isolate of Cloudflare's may have. The figures are printed, and stand in docs/threat-model.md.
 */

import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { byteByByte, endures, HEAP_MIB, KEY, many, reader, sender, sitter, startApi, tally } from "./heap.mjs";
import { inWorkerd } from "./hosts.mjs";
import { BASE } from "./upstream.mjs";
import { NEWEST_DATE } from "./workerd.mjs";

const api = await startApi({ after });
/** Its process ends with this one. */
const start = () => inWorkerd("workerd of today", "edge.workerd.js", NEWEST_DATE, { UPSTREAM: api.origin, KEY }, HEAP_MIB);

/** As many callers, each of another video, whose id begins with a word. @type {[what: string, count: number, word: string][]} */
const RESPONSES = [
  ["94 bytes that are nearly the key, percent-escaped", 200, "key"],
  ["a megabyte of such", 50, "keys"],
  ["a megabyte in eight layers of codes", 50, "layers"],
  ["a megabyte of empty strings", 50, "strings"],
  ["128 KiB in chunks of a byte", 100, "bytes"],
  ["a status of a megabyte", 100, "status"],
];

describe("the heap of a proxy", { timeout: 280_000, skip: process.platform === "linux" ? false : "it reads /proc" }, () => {
  for (const [what, count, word] of RESPONSES) {
    it(`endures ${count} responses at once of ${what}`, async (test) => {
      const host = await start();
      await endures(test, host, async () => tally(await many(count, (at) => reader(`${host.origin}${BASE}/${word}-${at}`))));
    });
  }

  for (const [who, call] of /** @type {const} */ ([["read", reader], ["do not read", sitter]])) {
    it(`endures 500 callers of one status of a megabyte who ${who}`, async (test) => {
      const host = await start();
      await endures(test, host, async (collect) => {
        const callers = await many(500, () => call(`${host.origin}${BASE}/status-1`));
        await collect();
        for (const { leave } of callers) leave();
        return tally(callers);
      });
    });
  }

  it("endures 100 callers of as many statuses of a megabyte who do not read", async (test) => {
    const host = await start();
    await endures(test, host, async (collect) => {
      const callers = await many(100, (at) => sitter(`${host.origin}${BASE}/status-${at}`));
      await collect();
      for (const { leave } of callers) leave();
      return tally(callers);
    });
  });

  for (const [what, word] of /** @type {const} */ ([
    ["never responds", "silent"],
    ["sends of each a megabyte but for its end", "endless"],
  ])) {
    it(`endures 200 callers who leave while the API ${what}`, async (test) => {
      const host = await start();
      await endures(test, host, async (collect) => {
        const before = api.requests();
        let answered = 0;
        // Who leaves there ends the Worker's request, as on Cloudflare.
        const calling = many(200, async (at) => {
          const response = await fetch(`${host.visitor}${BASE}/${word}-${at}`, { headers: { visitor: what } });
          answered += 1;
          return response.text();
        });
        while (api.requests() - before + answered < 200) await sleep(10);
        // Of what they send nobody says when it was read: all of it by then, where nothing keeps it out.
        await sleep(2_000);
        await collect();
        await fetch(String(host.visitor), { headers: { leaves: what } });
        const left = (await calling).filter((how) => how === "left").length;
        return `${left} were waiting when they left`;
      });
    });
  }
});

describe("the heap of a reader of notifications", { timeout: 280_000, skip: process.platform === "linux" ? false : "it reads /proc" }, () => {
  it("endures 100 at once of 128 KiB in chunks of a byte", async (test) => {
    const host = await start();
    const notification = `POST /webhook HTTP/1.1\r\nhost: site\r\ntransfer-encoding: chunked\r\n\r\n${byteByByte(131_072)}`;
    await endures(test, host, async () => {
      const senders = await many(100, () => sender(host.origin, notification));
      for (const { leave } of senders) leave();
      return tally(senders);
    });
  });
});
