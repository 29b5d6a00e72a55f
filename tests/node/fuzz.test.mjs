// @ts-check
/**
 * What strangers write, changed at random: bodies and headers of the API, tokens, events and snapshots of an engine, live
 * streams, messages of other tabs. Whatever it is, a call settles as it is documented to, and the module does not trap.
 */

import { still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { body, edited, headerValue, httpStatus, runs } from "../support/fuzz.mjs";
import { listen } from "./memory-network.mjs";
import { entry, VideoClient, VideoError } from "./package.mjs";

/** @type {typeof import("../../pkg/dist/machine.js")} */
const { start, step, VideoError: MachineError } = await import(new URL("machine.js", entry).href);

const NOW = Date.UTC(2027, 0, 15);
const DONE = { status: "DONE", url: "https://media.example/v.webm" };
const STATUSES = ["GENERATING_VIDEO", "START_RENDERING_VIDEO", "RENDERING_VIDEO", "DONE", "PENDING", "ERROR", "UNRECOGNIZED"];
const PACE = { minIntervalMs: 5, maxIntervalMs: 10, timeoutMs: 5_000 };

/** What a call may reject with where the module is sound. @param {unknown} error @param {Function} [Own] */
function isProper(error, Own = VideoError) {
  assert.ok(error instanceof Own, `no VideoError but ${error}`);
  const { code, message } = /** @type {InstanceType<typeof VideoError>} */ (error);
  assert.notEqual(code, "internal", message);
}

/** The module compiles in real time. */
await still(new VideoClient({ fetch: async () => Response.json(DONE) }).getStatus("v"));

describe("whatever comes from outside", { timeout: 900_000 }, () => {
  it("as a response: it is a status, or a failure of the closed list", async () => {
    await fc.assert(
      fc.asyncProperty(httpStatus, headerValue, headerValue, fc.oneof(body, fc.uint8Array({ maxLength: 200 })), async (status, retryAfter, type, content) => {
        const headers = { "retry-after": retryAfter, "content-type": type };
        const client = new VideoClient({ apiKey: "sk-live-0123456789", fetch: async () => new Response(/** @type {any} */ (content), { status, headers }) });
        await client.getStatus("v").then((video) => assert.ok(STATUSES.includes(video.status)), isProper);
      }),
      runs(300),
    );
  });

  it("as responses one after the other: the poll ends, and what it says never falls", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(httpStatus, body), { maxLength: 6 }), async (script) => {
        let requests = 0;
        const client = new VideoClient({
          fetch: async () => {
            const [status, content] = script[requests++] ?? [200, JSON.stringify(DONE)];
            return new Response(content, { status });
          },
        });
        let overall = 0;
        /** @type {import("./package.mjs").PollOptions["onUpdate"]} */
        const onUpdate = (update) => {
          assert.ok(update.overall >= overall && update.overall <= 1, `${overall} became ${update.overall}`);
          overall = update.overall;
        };
        await client.waitForVideo("v", { ...PACE, onUpdate }).then((video) => assert.match(video.url, /^https?:/i), isProper);
        assert.ok(requests <= script.length + 1, "a request followed the end");
      }),
      runs(200),
    );
  });

  it("as a token: it is refused before any request, or the poll goes on to the end", async () => {
    const tokens = await tokensOf([{ status: "PENDING" }, { status: "GENERATING_VIDEO", generatedContent: [{ status: "success" }, { status: "pending" }] }, { status: "RENDERING_VIDEO", progress: 0.5 }]);
    const fields = fc.constantFrom("", "0", "1", "4294967295", "18446744073709551615", "Infinity", "-1", "s", "p", "d", "tx", String(NOW), "%00", "v");
    const forged = fc.tuple(fc.constantFrom(...tokens), fc.array(fc.tuple(fc.nat(40), fields), { maxLength: 4 })).map(([token, edits]) => {
      const parts = token.split(",").slice(0, -1);
      for (const [at, field] of edits) if (at < parts.length) parts[at] = field;
      return sealed(parts.join(","));
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof({ arbitrary: forged, weight: 4 }, edited(fc.constantFrom(...tokens)), fc.string()), async (resumeToken) => {
        let requests = 0;
        const client = new VideoClient({
          fetch: async () => {
            requests += 1;
            return Response.json(DONE);
          },
        });
        const outcome = await client.waitForVideo("v", { ...PACE, resumeToken }).then((video) => assert.equal(video.url, DONE.url), (error) => error);
        assert.ok(requests <= 1);
        if (outcome) isProper(outcome);
      }),
      runs(300),
    );
  });

  it("as an event or a snapshot of an engine: it is a step, or an argument that is refused", async () => {
    const { snapshot } = await start("v", NOW);
    const first = await step(snapshot, { type: "response", httpStatus: 200, body: JSON.stringify({ status: "PENDING", message: "m" }) }, NOW + 10);
    const junk = fc.oneof(fc.anything({ maxDepth: 1 }), body, fc.integer(), fc.constantFrom(undefined, null, NaN, -1, 2 ** 53));
    const event = fc.record({ type: fc.oneof({ arbitrary: fc.constantFrom("response", "network_error", "wake"), weight: 5 }, junk), httpStatus: fc.oneof(httpStatus, junk), retryAfter: fc.oneof(headerValue, junk), body: fc.oneof(body, junk) }, { requiredKeys: ["type"] });
    const snapshots = fc.oneof({ arbitrary: fc.constantFrom(snapshot, first.snapshot), weight: 4 }, edited(fc.constantFrom(snapshot, first.snapshot)));
    await fc.assert(
      fc.asyncProperty(snapshots, event, fc.oneof({ arbitrary: fc.constant(NOW + 5_000), weight: 4 }, fc.double(), fc.integer()), async (text, given, now) => {
        await step(text, /** @type {any} */ (given), now).then(
          ({ command }) => assert.ok(["fetch", "sleep", "done", "failed"].includes(command.type)),
          (error) => {
            isProper(error, MachineError);
            assert.equal(error.code, "invalid_argument");
          },
        );
      }),
      runs(400),
    );
  });

  it("as a live stream: the poll goes on beside it", async () => {
    const line = fc.oneof(fc.constantFrom("data: {}", "event: update", "id: 1-1", ":", "", "data:", "retry: 0", "\u0000"), fc.string({ unit: "binary", maxLength: 20 }));
    const text = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r", "\r\n", "\n\n", "")), { maxLength: 12 }).map((lines) => lines.flat().join(""));
    const type = fc.oneof({ arbitrary: fc.constant("text/event-stream"), weight: 5 }, headerValue);
    await fc.assert(
      fc.asyncProperty(httpStatus, type, fc.array(fc.oneof(text.map((content) => new TextEncoder().encode(content)), fc.uint8Array({ maxLength: 30 })), { maxLength: 5 }), async (status, contentType, chunks) => {
        let statuses = 0;
        const stop = listen("https://stream.example", (request) => {
          if (!request.url.includes("/events")) return Response.json((statuses += 1) > 3 ? DONE : { status: "PENDING" });
          return new Response(new ReadableStream({
            start(controller) {
              for (const chunk of chunks) controller.enqueue(chunk);
              controller.close();
            },
          }), { status, headers: { "content-type": contentType } });
        });
        try {
          await new VideoClient({ baseUrl: "https://stream.example", follow: "events" }).waitForVideo("v", PACE);
          assert.equal(statuses, 4);
        } finally {
          stop();
        }
      }),
      runs(150),
    );
  });
});

/** One that is closed by a checksum, which is no secret. @param {string} text */
function sealed(text) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return `${text},${hash}`;
}

/** Tokens of polls that have had these responses. @param {unknown[]} statuses */
async function tokensOf(statuses) {
  const tokens = [];
  for (const status of statuses) {
    const poll = new VideoClient({ fetch: async () => Response.json(status) }).poll("v", PACE);
    tokens.push(poll.resumeToken());
    await new Promise((resolve) => poll.subscribe(resolve));
    tokens.push(poll.resumeToken());
    poll.cancel();
    await poll.done.catch(() => {});
  }
  return tokens;
}
