// @ts-check
/** Hooks that hang or come late, in virtual time, in the proxy and in the routes of a watch; and what a proxy keeps alive on Cloudflare. */

import { clock } from "../node/virtual.mjs";

import assert from "node:assert/strict";
import { register } from "node:module";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { createVideoProxy, dist } from "./package.mjs";
import { BASE, done, KEY } from "./upstream.mjs";

// What only a Worker can import is a stand-in here: no object is made, no module is run, and what is to be kept alive is listed.
/** @type {Promise<unknown>[]} */
const keptAlive = [];
Object.assign(globalThis, { keptAlive });
const STAND_IN = `
const source = "export class DurableObject {} export class WorkflowEntrypoint {} export const waitUntil = (work) => globalThis.keptAlive.push(work); export default undefined;";
export const resolve = (name, context, next) =>
  name === "cloudflare:workers" || name.endsWith(".wasm") ? { url: "data:text/javascript," + encodeURIComponent(source), shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(STAND_IN)}`);

const at = (/** @type {string} */ file) => pathToFileURL(`${dist}/${file}`).href;
/** @type {typeof import("../../pkg/dist/cloudflare.js")} */
const { createVideoWatch } = await import(at("cloudflare.js"));
/** @type {typeof import("../../pkg/dist/edge.js")} */
const workerd = await import(at("edge.workerd.js"));

const SECOND = 1_000;
const request = (id = "v") => new Request(`https://site.example${BASE}/${id}`);

/** @type {string[]} */
const strays = [];
process.on("unhandledRejection", (reason) => void strays.push(String(reason)));

/** Lets promises settle; no time passes. */
async function turns() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Each calls a hook for a request for `id`; whether it went on after it is counted.
 * @type {Record<string, (hook: () => any, goOn: () => void, id?: string) => Promise<Response>>}
 */
const CALLS = {
  "the authorize hook of a proxy": (authorize, goOn, id) => {
    const fetch = async () => (goOn(), Response.json(done));
    return createVideoProxy({ apiKey: KEY, authorize, fetch })(request(id));
  },
  "the apiKey hook of a proxy": (apiKey, goOn, id) => {
    const fetch = async () => (goOn(), Response.json(done));
    return createVideoProxy({ apiKey, fetch })(request(id));
  },
  "the authorize hook of a watch": (authorize, goOn, id) => {
    const watcher = () => ({ idFromName: () => undefined, get: () => ({ fetch: async () => (goOn(), Response.json(done)) }) });
    return createVideoWatch({ watcher, authorize })(request(id), undefined);
  },
};

for (const [what, call] of Object.entries(CALLS)) {
  /** What the hook gives where all is well. */
  const good = what.includes("apiKey") ? "another-key" : true;

  describe(what, () => {
    for (const [how, end] of /** @type {[string, (resolve: (value: unknown) => void, reject: (reason: Error) => void) => void][]} */ ([
      ["hangs", () => {}],
      ["comes too late", (resolve) => resolve(good)],
      ["fails too late", (_, reject) => reject(new Error("too late"))],
      ["gives a Response too late", (resolve) => resolve(new Response("late"))],
    ])) {
      it(`that ${how} is waited for 10 s, and then its caller is told to come again`, async (test) => {
        const { mock } = test.mock.method(console, "error", () => {});
        let wentOn = 0;
        /** @type {Response | undefined} */
        let response;
        /** @type {() => void} */
        let finish = () => {};
        const hook = () => new Promise((resolve, reject) => void (finish = () => end(resolve, reject)));
        const called = call(hook, () => void (wentOn += 1)).then((came) => (response = came));
        await clock.tickAsync(10 * SECOND - 1);
        assert.deepEqual([response, mock.callCount()], [undefined, 0]);
        await clock.tickAsync(1);
        const { status, headers } = await called;
        assert.deepEqual([status, headers.get("retry-after"), headers.get("content-type")], [503, "1", "application/json"]);
        assert.match((await called.then((came) => came.json())).error, new RegExp(`the ${what.split(" ")[1]} hook`));
        // The server's owner hears of it too, and nothing that it said.
        assert.match(String(mock.calls[0]?.arguments), /hook of the (proxy|watch) gave nothing within 10 s/);
        finish();
        await turns();
        assert.deepEqual([wentOn, mock.callCount(), strays], [0, 1, []]);
      });
    }

    it("has the whole of its time", async () => {
      let wentOn = 0;
      const hook = () => new Promise((resolve) => setTimeout(resolve, 10 * SECOND - 1, good));
      const called = call(hook, () => void (wentOn += 1));
      await clock.tickAsync(10 * SECOND - 1);
      const { status, headers } = await called;
      assert.deepEqual([status, wentOn], [200, 1]);
      // Whichever routes they are, no page of another site can load what comes of them into itself.
      assert.deepEqual([headers.get("cross-origin-resource-policy"), headers.get("x-content-type-options")], ["same-origin", "nosniff"]);
    });

    it("is not asked about an id in which one more decoding would read something else", async () => {
      let calls = 0;
      const hook = () => ((calls += 1), good);
      for (const id of ["%252e%252e%252f", "a%2562", "auto/%252E"]) assert.equal((await call(hook, () => {}, id)).status, 404);
      assert.equal(calls, 0);
      assert.equal((await call(hook, () => {}, "100%25")).status, 200);
    });

    it("leaves no timer behind", async () => {
      const before = clock.countTimers();
      assert.equal((await call(() => good, () => {})).status, 200);
      assert.equal(clock.countTimers(), before);
    });
  });
}

it("notifications that are under way hold 32 MiB and no more", async () => {
  const MIB = 1_048_576;
  let hints = 0;
  const watcher = () => ({ idFromName: () => undefined, get: () => ({ fetch: async () => ((hints += 1), new Response("{}")) }) });
  const handle = createVideoWatch({ watcher });
  const notify = (/** @type {BodyInit | ReadableStream} */ body) =>
    handle(new Request("https://site.example/api/video-editor/webhook", /** @type {any} */ ({ method: "POST", body, duplex: "half" })), undefined);
  // Each has its megabyte there, and does not end.
  const stalled = () => new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(MIB - 1).fill(0x20)) });
  const first = Array.from({ length: 32 }, () => notify(stalled()));
  await turns();
  const more = await notify(stalled());
  assert.deepEqual([more.status, more.headers.get("retry-after")], [503, "1"]);
  assert.equal((await notify('{"videoId":"v"}')).status, 202, "one that is short has room");
  await clock.tickAsync(30 * SECOND);
  assert.deepEqual(new Set((await Promise.all(first)).map(({ status }) => status)), new Set([400]));
  const last = notify(stalled());
  await clock.tickAsync(30 * SECOND);
  assert.equal((await last).status, 400, "there is room again");
  assert.equal(hints, 2);
});

describe("the token of a watch's notifications", () => {
  const TOKEN = "token-of-the-webhook";
  /** What a notification comes to, and how many objects it wakes. @param {object} options */
  async function notified(options, query = "") {
    let woken = 0;
    const watcher = () => ({ idFromName: () => undefined, get: () => ({ fetch: async () => ((woken += 1), new Response("{}")) }) });
    const handle = createVideoWatch({ watcher, ...options });
    const { status } = await handle(new Request(`https://site.example/api/video-editor/webhook${query}`, { method: "POST", body: '{"videoId":"v"}' }), undefined);
    return [status, woken];
  }

  for (const token of [undefined, null, "", "short", 7, {}, Promise.resolve(TOKEN), Symbol("token")]) {
    it(`refuses all where its function gives none that can work, as where the secret is not deployed: ${String(token)}`, async (test) => {
      const { mock } = test.mock.method(console, "error", () => {});
      for (const query of ["", "?token=", "?token=undefined", "?token=short", `?token=${TOKEN}`]) {
        assert.deepEqual(await notified({ webhookToken: () => token }, query), [500, 0]);
      }
      assert.match(String(mock.calls[0]?.arguments[1]), /webhookToken must give a string of at least 16 characters/);
    });
  }

  it("is asked for where there is a function, and only there", async () => {
    for (const options of [{}, { webhookToken: undefined }]) assert.deepEqual(await notified(options), [202, 2]);
    assert.deepEqual(await notified({ webhookToken: () => TOKEN }, `?token=${TOKEN}`), [202, 2]);
    assert.deepEqual(await notified({ webhookToken: () => TOKEN }, "?token=another-token-of-some"), [403, 0]);
  });
});

describe("streams of a watch whose viewers do not read", () => {
  const MIB = 1_048_576;
  const [VIEWERS, ROOM] = [40, 32];

  /** So many viewers, each with its stream and the socket behind it. */
  async function viewers(/** @type {number} */ count) {
    /** @type {{ type: string, heard: (event: { data?: string }) => void }[][]} */
    const sockets = [];
    const watcher = () => ({
      idFromName: () => undefined,
      get: () => ({
        async fetch() {
          /** @type {typeof sockets[number]} */
          const listeners = [];
          sockets.push(listeners);
          const webSocket = { accept() {}, close() {}, addEventListener: (/** @type {string} */ type, /** @type {any} */ heard) => void listeners.push({ type, heard }) };
          return /** @type {any} */ ({ status: 101, webSocket });
        },
      }),
    });
    const handle = createVideoWatch({ watcher });
    const responses = await Promise.all(Array.from({ length: count }, () => handle(new Request(`https://site.example${BASE}/v/events`), undefined)));
    const fire = (/** @type {number} */ at, /** @type {string} */ type, data = "") => sockets[at]?.filter((one) => one.type === type).forEach(({ heard }) => heard({ data }));
    return {
      bodies: responses.map(({ body }) => body ?? assert.fail()),
      /** A change of about so many bytes. @param {number} at @param {number} bytes */
      change: (at, bytes) => fire(at, "message", JSON.stringify({ id: "x-1", type: "update", text: "x".repeat(bytes) })),
      end: (/** @type {number} */ at) => fire(at, "close"),
    };
  }

  /** How a stream ends that is read from now on. @param {ReadableStream<Uint8Array>} body */
  const endOf = (body) => new Response(body).text().then((text) => text.length, (error) => error.message);
  const REFUSED = "too much waits for viewers that do not read";

  it("hold 32 MiB and no more, whether or not they have ended", async () => {
    const { bodies, change, end } = await viewers(VIEWERS);
    for (const at of bodies.keys()) {
      change(at, MIB - 1_000);
      if (at % 2 === 0) end(at);
    }
    const refused = [];
    for (const [at, body] of bodies.entries()) {
      end(at);
      if ((await endOf(body)) === REFUSED) refused.push(at);
    }
    assert.deepEqual(refused, Array.from({ length: VIEWERS - ROOM }, (_, at) => ROOM + at));
  });

  for (const [how, leave] of /** @type {[string, (viewing: Awaited<ReturnType<typeof viewers>>) => unknown][]} */ ([
    ["read", ({ bodies }) => bodies.slice(0, ROOM).forEach((body) => void endOf(body))],
    ["leave", ({ bodies }) => bodies.slice(0, ROOM).forEach((body) => void body.cancel())],
    ["have not read for half a minute after the end", async ({ end }) => {
      for (let at = 0; at < ROOM; at += 1) end(at);
      await clock.tickAsync(30 * SECOND);
    }],
  ])) {
    it(`make room for others when they ${how}`, async () => {
      const viewing = await viewers(ROOM + 1);
      for (let at = 0; at < ROOM; at += 1) viewing.change(at, MIB - 1_000);
      await leave(viewing);
      await turns();
      viewing.change(ROOM, MIB - 1_000);
      viewing.end(ROOM);
      assert.ok(Number(await endOf(viewing.bodies[ROOM] ?? assert.fail())) > MIB - 1_000);
      for (let at = 0; at < ROOM; at += 1) viewing.end(at);
      await clock.tickAsync(30 * SECOND);
    });
  }

  it("count no longer where their requests have vanished without a word", async (test) => {
    // Nothing is heard of these any more, not even a heartbeat.
    const { mock } = test.mock.method(globalThis, "setInterval", () => 0);
    const { bodies, change, end } = await viewers(ROOM + 1);
    mock.restore();
    for (let at = 0; at < ROOM; at += 1) change(at, MIB - 1_000);
    await clock.tickAsync(50 * SECOND + 1);
    change(ROOM, MIB - 1_000);
    end(ROOM);
    assert.ok(Number(await endOf(bodies[ROOM] ?? assert.fail())) > MIB - 1_000);
  });

  it("do not cost one who reads its place", async () => {
    const { bodies, change, end } = await viewers(VIEWERS);
    for (let at = 1; at < VIEWERS; at += 1) change(at, MIB - 1_000);
    const reading = endOf(bodies[0] ?? assert.fail());
    for (let number = 0; number < 100; number += 1) {
      change(0, 10_000);
      await turns();
    }
    end(0);
    assert.ok(Number(await reading) > 1_000_000);
    for (let at = 1; at < VIEWERS; at += 1) end(at);
    await clock.tickAsync(30 * SECOND);
  });
});

describe("a handler that fails", () => {
  /** What no browser may do with the response, wherever it came from. */
  const GUARDS = { "cache-control": "no-store", "content-type": "application/json", "cross-origin-resource-policy": "same-origin", "x-content-type-options": "nosniff" };
  const fails = () => {
    throw new Error("the words of whoever failed");
  };
  /** @type {[what: string, status: number, call: () => Promise<Response>][]} */
  const cases = [
    ["a proxy that is called with no Request", 500, () => createVideoProxy({ apiKey: KEY })(/** @type {any} */ ({}))],
    ["a proxy that is called with nothing", 500, () => createVideoProxy({ apiKey: KEY })(/** @type {any} */ (undefined))],
    ["a watch that is called with nothing", 503, () => createVideoWatch({ watcher: fails })(/** @type {any} */ (undefined), undefined)],
    ["a watch without its binding", 503, () => createVideoWatch({ watcher: () => /** @type {any} */ (undefined) })(request(), undefined)],
    ["a watch whose binding cannot be had", 503, () => createVideoWatch({ watcher: fails })(request(), undefined)],
    ["a watch whose object cannot be reached", 503, () => createVideoWatch({ watcher: () => ({ idFromName: () => 1, get: () => ({ fetch: fails }) }) })(request(), undefined)],
  ];
  for (const [what, status, call] of cases) {
    it(`has the guards of every response, and nobody's words: ${what}`, async (test) => {
      const { mock } = test.mock.method(console, "error", () => {});
      const response = await call();
      assert.equal(response.status, status);
      const headers = Object.fromEntries(response.headers);
      assert.deepEqual({ ...headers, ...GUARDS }, headers);
      assert.deepEqual(Object.keys(await response.clone().json()), ["error"]);
      assert.ok(!(await response.text()).includes("the words of whoever failed"));
      assert.equal(mock.callCount(), 1, "the server's owner is told");
    });
  }
});

describe("what a proxy keeps alive on Cloudflare", () => {
  for (const heeds of [true, false]) {
    it(`is over when the last caller has left, where fetch heeds ${heeds ? "the" : "no"} signal`, async () => {
      const fetch = (/** @type {any} */ _, /** @type {any} */ { signal }) =>
        /** @type {Promise<never>} */ (new Promise((_resolve, reject) => heeds && signal.addEventListener("abort", () => reject(signal.reason))));
      const proxy = workerd.createVideoProxy({ apiKey: KEY, fetch });
      const leaving = new AbortController();
      const called = proxy(new Request(`https://site.example${BASE}/v`, { signal: leaving.signal }));
      await turns();
      const work = keptAlive.at(-1);
      let isOver = false;
      void work?.then(() => (isOver = true));
      await turns();
      assert.deepEqual([work instanceof Promise, isOver], [true, false]);
      leaving.abort();
      await called;
      await turns();
      assert.equal(isOver, true);
    });
  }
});
