// @ts-check
/**
 * What callers and the API can make a proxy and a reader of notifications hold, and for how long, in virtual time: bodies
 * that come bit by bit, requests whose callers have left, and many at once.
 */

import { clock } from "../node/virtual.mjs";

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVideoProxy, readWebhook } from "./package.mjs";
import { BASE, done, KEY } from "./upstream.mjs";

const MIB = 1_048_576;
const SECOND = 1_000;

/** Lets promises settle; no time passes. */
async function turns() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** @param {BodyInit | ReadableStream} body @param {string} [query] */
const notification = (body, query = "") => new Request(`https://site.example/webhook${query}`, /** @type {any} */ ({ method: "POST", body, duplex: "half" }));

/**
 * A body that comes byte by byte. All of its chunks are one and the same buffer, as where a source uses its memory again:
 * whoever keeps a chunk, and copies it later, has the last byte everywhere.
 * @param {string} text
 */
function byteByByte(text) {
  const bytes = new TextEncoder().encode(text);
  const chunk = new Uint8Array(1);
  let at = 0;
  const pull = (/** @type {ReadableStreamDefaultController} */ controller) => {
    if (at === bytes.length) return controller.close();
    chunk[0] = bytes[at] ?? 0;
    at += 1;
    controller.enqueue(chunk);
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}

/** The lengths of the buffers that are made while `act` runs. @param {() => Promise<unknown>} act */
async function buffersDuring(act) {
  const original = globalThis.Uint8Array;
  /** @type {number[]} */
  const lengths = [];
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, given) {
      if (typeof given[0] === "number") lengths.push(given[0]);
      return Reflect.construct(target, given);
    },
  });
  try {
    await act();
  } finally {
    globalThis.Uint8Array = original;
  }
  return lengths;
}

/**
 * A body of a byte each second, or of other chunks, without an end.
 * @param {() => Uint8Array} [chunk] @param {number} [everyMs]
 */
function endless(chunk = () => new Uint8Array([0x20]), everyMs = SECOND) {
  const state = { chunks: 0, isCancelled: false };
  const stream = new ReadableStream(
    {
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, everyMs));
        if (state.isCancelled) return;
        state.chunks += 1;
        controller.enqueue(chunk());
      },
      cancel: () => void (state.isCancelled = true),
    },
    { highWaterMark: 0 },
  );
  return { state, stream };
}

/**
 * The same where all of it is there already, of a make that costs next to nothing for each chunk.
 * @param {(chunks: number) => Uint8Array} chunk by how many there were
 */
function atOnce(chunk) {
  const state = { chunks: 0, isCancelled: false };
  const read = async () => {
    // Whoever has not stopped by now never does.
    if (state.chunks > 2 * MIB) throw new Error("it is read without end");
    return { done: false, value: chunk(state.chunks++) };
  };
  const cancel = async () => void (state.isCancelled = true);
  return { state, stream: /** @type {any} */ ({ getReader: () => ({ read, cancel }) }) };
}

/** Both that read bodies: each gives what became of one. @type {Record<string, { read: (body: ReadableStream) => Promise<unknown>, whole: (text: string) => unknown, none: unknown, late: unknown }>} */
const READERS = {
  "a notification": {
    read: (body) => readWebhook(body instanceof ReadableStream ? notification(body) : /** @type {any} */ ({ url: "https://site.example/webhook", headers: new Headers(), body })),
    whole: (text) => ({ videoId: JSON.parse(text).id }),
    none: null,
    late: null,
  },
  "an API's response": {
    async read(body) {
      const response = body instanceof ReadableStream ? new Response(body) : /** @type {any} */ ({ status: 200, headers: new Headers(), body });
      const proxy = createVideoProxy({ apiKey: KEY, fetch: async () => response });
      const given = await proxy(new Request(`https://site.example${BASE}/v`));
      return given.status === 200 ? given.text() : given.status;
    },
    whole: (text) => text,
    none: 502,
    late: 504,
  },
};

for (const [what, { read, whole, none, late }] of Object.entries(READERS)) {
  describe(`the body of ${what}`, () => {
    it("is copied as it comes, into a buffer that doubles", async () => {
      const text = JSON.stringify({ status: "PENDING", id: "v", padding: "x".repeat(10_000) });
      let result;
      const lengths = await buffersDuring(async () => (result = await read(byteByByte(text))));
      assert.deepEqual(result, whole(text));
      assert.ok(lengths.length <= Math.ceil(Math.log2(text.length)) + 2, `${lengths}`);
      assert.ok(Math.max(...lengths) < 2 * text.length, `${lengths}`);
    });

    it("is held in no buffer over the limit", async () => {
      const lengths = await buffersDuring(async () => {
        const parts = [0, 1, 2].map(() => new Uint8Array(MIB / 3).fill(0x20));
        await read(new ReadableStream({ pull: (controller) => void (parts.length ? controller.enqueue(parts.pop()) : controller.close()) }));
      });
      assert.equal(Math.max(...lengths.slice(3)), MIB);
    });

    it("is read no further than a megabyte", async () => {
      const { state, stream } = atOnce((chunks) => new Uint8Array(chunks === 0 ? MIB - 5 : 1));
      assert.deepEqual(await read(stream), none);
      assert.deepEqual([state.isCancelled, state.chunks], [true, 7]);
    });

    it("has 30 s, also where a byte comes every second, and is left then", async () => {
      const { state, stream } = endless();
      /** @type {unknown} */
      let result = "under way";
      const reading = read(stream).then((came) => (result = came));
      await clock.tickAsync(30 * SECOND - 1);
      assert.deepEqual([result, state.isCancelled], ["under way", false]);
      await clock.tickAsync(1);
      await reading;
      await turns();
      assert.deepEqual([result, state.isCancelled, state.chunks], [late, true, 29]);
    });

    it("that heeds nothing is not waited for", async () => {
      /** @type {unknown} */
      let result = "under way";
      const stream = new ReadableStream({ pull: () => new Promise(() => {}), cancel: () => new Promise(() => {}) });
      void read(stream).then((came) => (result = came));
      await clock.tickAsync(30 * SECOND);
      assert.deepEqual(result, late);
    });
  });
}

it("a body is read to no more than 16,384 chunks, however short or empty they are", async () => {
  const empty = new Uint8Array();
  const { state, stream } = atOnce(() => empty);
  assert.equal(await READERS["a notification"]?.read(stream), null);
  assert.deepEqual([state.isCancelled, state.chunks], [true, 16_385]);
});

it("a notification that is late in the body may be one in the query", async () => {
  const reading = readWebhook(notification(endless().stream, "?id=q"));
  await clock.tickAsync(30 * SECOND);
  assert.deepEqual(await reading, { videoId: "q" });
});

/**
 * A proxy before an API that answers when it is told to.
 * @param {Partial<import("./package.mjs").ProxyOptions>} [options]
 * @param {boolean} [heeds] whether fetch heeds its signal
 */
function slow(options = {}, heeds = true) {
  /** @typedef {{ id: string, signal: AbortSignal, respond: (body?: BodyInit | ReadableStream) => void }} Sent */
  /** @type {Sent[]} */
  const sent = [];
  const fetch = (/** @type {any} */ url, /** @type {any} */ { signal }) =>
    new Promise((resolve, reject) => {
      sent.push({ id: String(url).split("/").at(-1) ?? "", signal, respond: (body = JSON.stringify(done)) => resolve(new Response(/** @type {any} */ (body))) });
      if (heeds) signal.addEventListener("abort", () => reject(signal.reason));
    });
  const proxy = createVideoProxy({ apiKey: KEY, fetch, ...options });
  /** A caller, who can leave. @param {string} id @param {RequestInit} [init] */
  const call = (id, init) => {
    const controller = new AbortController();
    const caller = { leave: () => controller.abort(), status: 0, headers: new Headers(), body: "" };
    const ended = proxy(new Request(`https://site.example${BASE}/${id}`, { signal: controller.signal, ...init })).then(async (response) => {
      const { status, headers } = response;
      Object.assign(caller, { status, headers, body: await response.text() });
    });
    return Object.assign(caller, { ended });
  };
  return { sent, call, aborted: () => sent.filter(({ signal }) => signal.aborted).length };
}

describe("a request to the API", () => {
  for (const shareMs of [0, 1_500]) {
    it(`is aborted when its last caller has left, sharing for ${shareMs} ms`, async () => {
      const { sent, call, aborted } = slow({ shareMs });
      const callers = [call("v"), call("v", { method: "HEAD" }), call("v")];
      await turns();
      const requests = shareMs === 0 ? 3 : 1;
      assert.deepEqual([sent.length, aborted()], [requests, 0]);
      for (const [at, { leave }] of callers.entries()) {
        leave();
        await turns();
        const isLast = at === callers.length - 1;
        assert.equal(aborted(), shareMs === 0 ? at + 1 : Number(isLast));
      }
      // Nobody hears it, but the handler has an end for each.
      for (const caller of callers) {
        await caller.ended;
        assert.equal(caller.status, 499);
      }
      // Whoever comes now begins anew, once the video's turn has come again.
      const late = call("v");
      await clock.tickAsync(shareMs);
      await turns();
      assert.equal(sent.length, requests + 1);
      sent.at(-1)?.respond();
      await late.ended;
      assert.equal(late.status, 200);
    });

    it(`is aborted in the middle of its body too, sharing for ${shareMs} ms`, async () => {
      const { sent, call, aborted } = slow({ shareMs });
      const caller = call("v");
      await turns();
      const { state, stream } = endless();
      sent[0]?.respond(stream);
      await clock.tickAsync(3 * SECOND);
      assert.deepEqual([state.chunks, state.isCancelled], [3, false]);
      caller.leave();
      await turns();
      assert.deepEqual([aborted(), state.isCancelled], [1, true]);
    });

    for (const method of ["GET", "HEAD"]) {
      it(`is not begun by a ${method} whose caller has left, sharing for ${shareMs} ms`, async () => {
        const { sent, call } = slow({ shareMs });
        const caller = call("v", { method, signal: AbortSignal.abort() });
        await caller.ended;
        assert.deepEqual([sent.length, caller.status], [0, 499]);
      });
    }
  }

  it("goes on for those who are left, whoever began it", async () => {
    const { sent, call, aborted } = slow();
    const first = call("v");
    await turns();
    const second = call("v");
    await turns();
    first.leave();
    await turns();
    assert.deepEqual([sent.length, aborted()], [1, 0]);
    sent[0]?.respond();
    await second.ended;
    assert.deepEqual([second.status, JSON.parse(second.body)], [200, done]);
    // What it brought is shared as ever.
    const third = call("v");
    await third.ended;
    assert.deepEqual([third.status, sent.length], [200, 1]);
  });

  it("is not waited for by those who have left, where its fetch heeds no signal", async () => {
    const { call } = slow({}, false);
    const caller = call("v");
    await turns();
    caller.leave();
    await caller.ended;
    assert.equal(caller.status, 499);
  });

  it("that is not aborted listens to its callers no more once it is over", async () => {
    const { sent, call, aborted } = slow();
    const caller = call("v");
    await turns();
    sent[0]?.respond();
    await caller.ended;
    caller.leave();
    await turns();
    assert.equal(aborted(), 0);
  });
});

describe("a proxy before a slow API", () => {
  /** @param {ReturnType<ReturnType<typeof slow>["call"]>} caller */
  async function isRefused(caller) {
    await caller.ended;
    assert.deepEqual([caller.status, caller.headers.get("retry-after"), caller.headers.get("content-type")], [503, "1", "application/json"]);
    assert.match(JSON.parse(caller.body).error, /too many requests to the video API in flight/);
  }

  for (const shareMs of [0, 1_500]) {
    it(`has 256 requests in flight and no more, sharing for ${shareMs} ms`, async () => {
      const { sent, call } = slow({ shareMs });
      const callers = Array.from({ length: 256 }, (_, at) => call(`v${at}`));
      await turns();
      assert.equal(sent.length, 256);
      await isRefused(call("more"));
      assert.equal(sent.length, 256);
      // Who asks for what is in flight already is served.
      if (shareMs > 0) {
        const joined = call("v0");
        await turns();
        sent[0]?.respond();
        await joined.ended;
        assert.equal(joined.status, 200);
      } else sent[0]?.respond();
      await callers[0]?.ended;
      callers[1]?.leave();
      await turns();
      // One is over and one was left, so there is room for two.
      for (const id of ["more", "and-more"]) call(id);
      await turns();
      assert.equal(sent.length, 258);
      await isRefused(call("too-many"));
    });
  }

  it("that fails has room again at once", async () => {
    const { sent, call } = slow({}, false);
    for (let at = 0; at < 256; at += 1) call(`v${at}`);
    await clock.tickAsync(30 * SECOND);
    const late = call("late");
    await turns();
    assert.equal(sent.length, 257);
    sent[256]?.respond();
    await late.ended;
    assert.equal(late.status, 200);
  });

  it("holds 32 MiB of bodies and no more, whoever sends them", async () => {
    const { sent, call, aborted } = slow();
    const callers = Array.from({ length: 200 }, (_, at) => call(`v${at}`));
    await turns();
    assert.equal(sent.length, 200);
    // Each sends a megabyte but for its end.
    const bodies = sent.map(({ respond }) => {
      const body = endless(() => new Uint8Array(MIB / 8), SECOND / 8);
      respond(body.stream);
      return body.state;
    });
    await clock.tickAsync(SECOND);
    await turns();
    const held = bodies.filter(({ isCancelled }) => !isCancelled);
    const bytes = held.reduce((sum, { chunks }) => sum + (chunks * MIB) / 8, 0);
    assert.equal(bytes, 32 * MIB);
    const refused = callers.filter(({ status }) => status !== 0);
    assert.equal(refused.length, 200 - held.length);
    for (const caller of refused) await isRefused(caller);
    // No other begins one.
    await isRefused(call("more"));
    assert.equal(sent.length, 200);
    // Until somebody leaves.
    for (const { leave } of callers) leave();
    await turns();
    assert.equal(held.filter(({ isCancelled }) => !isCancelled).length, 0);
    assert.ok(aborted() >= held.length);
    const late = call("late");
    await turns();
    sent.at(-1)?.respond();
    await late.ended;
    assert.equal(late.status, 200);
  });
});
