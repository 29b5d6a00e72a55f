// @ts-check
/**
 * What becomes of a whole process: when it may end, when it must not, and how much memory it takes. Of real processes
 * and sockets, for only those end and grow.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { entry } from "./package.mjs";
import { done, inOrder, pending, scriptedServer } from "./scripted-server.mjs";
import { program } from "./processes.mjs";
import { QUICK, recorder } from "./settling.mjs";
import { client, createVideo, KEY, logWhen, staysQuiet, url } from "./simulator.mjs";

/** For the programs: a video's n-th request is on its way and has no response, or only half of one. */
const IN_FLIGHT = `
  const inFlight = async (count) => {
    for (;;) {
      const log = await (await fetch(baseUrl + "/simulator/videos/" + id)).json();
      if (log.requests.length === count && log.inFlight === 1) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };`;

describe("a process ends by itself, and waits for no timer,", { concurrency: 4 }, () => {
  /** Each has nothing else to do when it has settled. @type {Record<string, [import("../support/simulator.mjs").Wishes, string]>} */
  const programs = {
    "after DONE": [{ scenario: "quick", speed: 600 }, `await own.waitForVideo(id, quick)`],
    "after a failure": [{ scenario: "not-found" }, `await own.waitForVideo(id, quick).catch(() => {})`],
    "after a timeout asleep": [{}, `await own.waitForVideo(id, { timeoutMs: 150 }).catch(() => {})`],
    "after a timeout in flight": [
      { scenario: "hang-for-ever" },
      `await own.waitForVideo(id, { ...quick, timeoutMs: 150 }).catch(() => {})`,
    ],
    "after cancel asleep": [
      {},
      `const poll = own.poll(id); poll.subscribe(() => poll.cancel()); await poll.done.catch(() => {})`,
    ],
    "after cancel in flight": [
      { latencyMs: 60_000 },
      `const poll = own.poll(id); void inFlight(1).then(() => poll.cancel()); await poll.done.catch(() => {})`,
    ],
    "after cancel in the body": [
      { scenario: "stall-for-ever" },
      `const poll = own.poll(id, quick); void inFlight(3).then(() => poll.cancel()); await poll.done.catch(() => {})`,
    ],
    "after a redirect": [{ scenario: "redirect-permanent" }, `await own.waitForVideo(id, quick).catch(() => {})`],
    "after getStatus": [{}, `await own.getStatus(id)`],
    "after getStatus was aborted": [
      { latencyMs: 60_000 },
      `const controller = new AbortController();
       void inFlight(1).then(() => controller.abort());
       await own.getStatus(id, { signal: controller.signal }).catch(() => {})`,
    ],
    "after waitForVideos": [
      { scenario: "quick", speed: 600 },
      `await own.waitForVideos([id, "", "no-such-video"], quick)`,
    ],
    "after the client was disposed of": [
      { latencyMs: 60_000 },
      `const poll = own.poll(id); void inFlight(1).then(() => own[Symbol.dispose]()); await poll.done.catch(() => {})`,
    ],
    "after leaving the iterator": [{}, `for await (const update of own.poll(id)) break`],
    "though its fetch heeds no signal": [
      {},
      `const deaf = new VideoClient({ fetch: () => new Promise(() => {}) });
       await deaf.getStatus(id, { signal: AbortSignal.timeout(150) }).catch(() => {});
       await deaf.waitForVideo(id, { timeoutMs: 150 }).catch(() => {})`,
    ],
    "after a trap in the module, with requests under way and timers": [
      { latencyMs: 60_000 },
      `const ends = [own.waitForVideo(id), own.getStatus(id)];
       while ((await (await fetch(baseUrl + "/simulator/videos/" + id)).json()).inFlight < 2) await new Promise((resolve) => setTimeout(resolve, 5));
       const { AbortController } = globalThis;
       globalThis.AbortController = class { constructor() { throw new Error("none left"); } };
       ends.push(own.waitForVideo("one-more"));
       const codes = (await Promise.allSettled(ends)).map(({ reason }) => reason.code);
       globalThis.AbortController = AbortController;
       if (codes.join() !== "internal,internal,internal") console.log(codes)`,
    ],
    "when nothing was ever asked": [{}, ``],
  };
  for (const [name, [wishes, text]] of Object.entries(programs)) {
    it(name, async () => {
      const id = await createVideo(wishes);
      const body = `${IN_FLIGHT}
        const own = new VideoClient({ apiKey, baseUrl });
        ${text};
        // Sockets are closed in the turns that follow; a timer would hold up the end for as long as it takes.
        await new Promise(setImmediate);
        console.log(process.getActiveResourcesInfo().includes("Timeout") ? "waits for a timer" : "waits for no timer");`;
      const { code, lines, errors } = await program(body, { id, quick: QUICK, apiKey: KEY, baseUrl: url }).ended;
      assert.deepEqual([code, errors, lines], [0, "", ["waits for no timer"]]);
    });
  }

  it("as soon as its promise is left alone: a rejection that nobody awaits is none that ends it", async () => {
    const text = `
      const own = new VideoClient({ apiKey, baseUrl });
      process.on("unhandledRejection", () => console.log("unhandled"));
      own.poll("no-such-video");
      own.poll("");
      own.poll(id, { resumeToken: "damaged" });
      own.poll(id).cancel("nobody listens");
      own.poll(id, { signal: AbortSignal.timeout(100) });
      own.poll(id, { timeoutMs: 100 });`;
    const { code, lines, errors } = await program(text, { id: await createVideo(), apiKey: KEY, baseUrl: url }).ended;
    assert.deepEqual([code, lines], [0, []]);
    // Neither of the two that were left is among them.
    const said = errors.trim().split("\n");
    assert.equal(said.length, 4, errors);
    for (const line of said) assert.match(line, /^iacrea-video: poll\(\) failed, and nothing awaits its done: \S/);
  });

  it("with a rejection that is awaited, like any other", async () => {
    const text = `await new VideoClient({ apiKey, baseUrl }).waitForVideo("no-such-video");`;
    const { code, errors } = await program(text, { apiKey: KEY, baseUrl: url }).ended;
    assert.equal(code, 1);
    assert.match(errors, /not_found/);
  });
});

describe("an error that nobody catches fits a terminal, and shows who waited:", { concurrency: 4 }, () => {
  const clips = Array.from({ length: 50 }, (_, at) => ({ id: `clip-${at}`, url: `https://cdn.test/${at}.mp4`, status: "success" }));
  const words = "out of memory ".repeat(40).trim();
  const more = words.repeat(100);
  /** What is waited for in which way, of which server. @type {Record<string, [string, import("./scripted-server.mjs").Reply | number]>} */
  const situations = {
    "a video that does not exist": [`await own.waitForVideo("v", quick);`, 404],
    "a video that failed, of many clips and words": [
      `await own.waitForVideo("v", quick);`,
      { body: JSON.stringify({ status: "ERROR", message: words, generatedContent: clips, more, and: { more } }) },
    ],
    "a server that is broken": [`await own.waitForVideo("v", { ...quick, maxConsecutiveFailures: 2 });`, { status: 500, body: words }],
    "a single question": [`await own.getStatus("v");`, { status: 500, body: words }],
    "a poll": [`await own.poll("v", quick).done;`, 404],
    "an iterator": [`for await (const update of own.poll("v", quick)) update;`, 404],
    "an argument": [`await own.waitForVideo("", quick);`, 404],
    "many promises": [`await Promise.all([own.waitForVideo("v", quick)]);`, 404],
    "no server": [`await new Client({ baseUrl: "http://127.0.0.1:1" }).waitForVideo("v", { ...quick, maxConsecutiveFailures: 2 });`, 404],
    "no time left": [`await own.waitForVideo("v", { ...quick, timeoutMs: 100 });`, { body: JSON.stringify({ status: "PENDING", message: more, generatedContent: clips }) }],
  };
  for (const [name, [line, response]] of Object.entries(situations)) {
    for (const [kind, module] of Object.entries({ import: entry, require: new URL("cjs/index.js", entry).href })) {
      it(`${name}, by ${kind}`, async (test) => {
        const server = await scriptedServer(test, () => response);
        const text = `
          const imported = await import(module);
          const { VideoClient: Client } = imported.default ?? imported;
          const own = new Client({ baseUrl });
          async function theCaller() {
            ${line}
          }
          await theCaller();`;
        const { code, errors } = await program(text, { module, baseUrl: server.url, quick: QUICK }).ended;
        assert.equal(code, 1);
        assert.ok(errors.length < 2_048, `${errors.length} bytes:\n${errors}`);
        assert.match(errors, /^ *at async theCaller \(file:\/\/\/.*\)$/m);
        assert.match(errors, /\bVideoError: \S/);
        assert.match(errors, /\bcode: '[a-z_]+'/);
      });
    }
  }

  it("and to the program it has all that it had", async (test) => {
    const server = await scriptedServer(test, () => ({ body: JSON.stringify({ status: "ERROR", message: words, generatedContent: clips }) }));
    const text = `
      const error = await new VideoClient({ baseUrl }).waitForVideo("v", quick).catch((reason) => reason);
      console.log(JSON.stringify([error.detail.length, error.last.generatedContent.length, error.last.message.length, Object.keys(error).includes("last")]));`;
    const { lines } = await program(text, { baseUrl: server.url, quick: QUICK }).ended;
    assert.deepEqual(JSON.parse(lines[0] ?? ""), [words.length, 50, words.length, false]);
  });
});

describe("a process", { concurrency: 4 }, () => {
  it("is kept alive by a poll, though nobody awaits it", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, pending, { ...done, afterMs: 0 }));
    const text = `new VideoClient({ baseUrl }).poll("v", { minIntervalMs: 300, maxIntervalMs: 300, onUpdate: ({ status }) => console.log(status) });`;
    const { code, lines } = await program(text, { baseUrl: server.url }).ended;
    assert.deepEqual([code, lines], [0, ["PENDING", "DONE"]]);
  });

  it("is not ended by a listener that throws", async (test) => {
    const server = await scriptedServer(test, inOrder(pending, done));
    const text = `
      const onUpdate = () => { throw new Error("from a listener"); };
      const poll = new VideoClient({ baseUrl }).poll("v", { ...quick, onUpdate });
      poll.subscribe(() => { throw "another"; });
      console.log((await poll.done).status);`;
    const { code, lines, errors } = await program(text, { baseUrl: server.url, quick: QUICK }).ended;
    assert.deepEqual([code, lines], [0, ["DONE"]]);
    assert.match(errors, /from a listener/);
  });

  it("that is killed leaves a token with which another goes on", async () => {
    const id = await createVideo({ scenario: "regenerate", speed: 200 });
    const text = `
      const poll = new VideoClient({ apiKey, baseUrl }).poll(id, quick);
      poll.subscribe(({ overall, requests, elapsedMs }) => console.log(JSON.stringify({ overall, requests, elapsedMs, token: poll.resumeToken() })));`;
    const killed = program(text, { id, quick: QUICK, apiKey: KEY, baseUrl: url });
    let last = { overall: 0, requests: 0, elapsedMs: 0, token: "" };
    while (last.overall < 0.3) last = JSON.parse(await killed.nextLine());
    killed.kill();
    const { signal, lines } = await killed.ended;
    assert.equal(signal, "SIGKILL");
    last = JSON.parse(lines.at(-1) ?? "");
    const { updates, listener } = recorder();
    const video = await client().waitForVideo(id, { ...QUICK, resumeToken: last.token, onUpdate: listener });
    assert.ok(
      updates.every(
        ({ overall, requests, elapsedMs }) =>
          overall >= last.overall && requests > last.requests && elapsedMs > last.elapsedMs,
      ),
    );
    assert.equal(video.status, "DONE");
    await staysQuiet(id);
  });

  it("is not held up by a body of empty parts that never ends", async () => {
    const text = `
      const fetch = async () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(0)) }));
      const own = new VideoClient({ baseUrl: "http://memory.example", fetch, maxResponseBytes: 1_000 });
      await own.getStatus("v").catch(({ code, httpStatus }) => console.log(code, httpStatus));`;
    const { lines } = await program(text).ended;
    assert.deepEqual(lines, ["bad_response 200"]);
  });

  it("touches neither network nor WebAssembly for importing and constructing", async () => {
    const text = `
      await (await fetch(baseUrl)).text(); // Node's own fetch brings WebAssembly of its own
      const touched = [];
      for (const name of ["instantiate", "compile", "instantiateStreaming", "compileStreaming"]) WebAssembly[name] = () => touched.push(name);
      for (const name of ["Module", "Instance", "Memory"]) WebAssembly[name] = class { constructor() { touched.push(name); } };
      globalThis.fetch = () => touched.push("fetch");
      const watched = await import(entry + "?watched");
      new watched.VideoClient({ apiKey: "k-123456" });
      await new Promise((resolve) => process.nextTick(resolve));
      console.log(JSON.stringify(touched));`;
    const { lines } = await program(text, { entry, baseUrl: url }).ended;
    assert.deepEqual(lines, ["[]"]);
  });

  it("finds no new name in its global scope", async (test) => {
    const server = await scriptedServer(test, inOrder(done));
    const text = `
      const before = new Set(Object.getOwnPropertyNames(globalThis));
      await new VideoClient({ baseUrl }).waitForVideo("v");
      console.log(JSON.stringify(Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name))));`;
    const { code, lines, errors } = await program(text, { baseUrl: server.url }).ended;
    assert.deepEqual([code, lines, errors], [0, ["[]"], ""]);
  });
});

describe("a process in which nobody is told what is garbage", { concurrency: 2 }, () => {
  /** @type {Record<string, [string, string]>} */
  const hosts = {
    "keeps nothing of clients that have nothing under way": [`delete globalThis.FinalizationRegistry;`, ``],
    "keeps nothing of clients that are disposed of": [
      `globalThis.FinalizationRegistry = class { register() {} unregister() {} };`,
      `own[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();`,
    ],
  };
  for (const [name, [without, end]] of Object.entries(hosts)) {
    it(name, async () => {
      const text = `
        Response.json({}); // Node's own has a registry
        ${without}
        let memory;
        const { instantiate } = WebAssembly;
        WebAssembly.instantiate = async (...given) => {
          const instance = await instantiate(...given);
          memory = instance.exports.memory;
          return instance;
        };
        const fetch = async () => Response.json(done);
        const clients = async (count) => {
          for (let at = 0; at < count; at += 1) {
            const own = new VideoClient({ baseUrl: "http://memory.example", fetch });
            await (at % 2 ? own.getStatus("v") : own.waitForVideo("v"));
            ${end}
          }
        };
        await clients(200);
        const before = memory.buffer.byteLength;
        await clients(3_000);
        console.log(memory.buffer.byteLength - before);`;
      const { lines, errors } = await program(text, { done }).ended;
      assert.deepEqual([lines, errors], [["0"], ""]);
    });
  }

  /** What a client does. @type {Record<string, string>} */
  const uses = {
    "are left while a request is on its way": `
      const poll = own.poll("hang"), status = own.getStatus("hang", { signal });
      while (inFlight < 2) await undefined;
      poll.cancel();
      abort();
      await Promise.allSettled([poll.done, status]);`,
    "are left in the middle of a body": `
      const poll = own.poll("body");
      while (inFlight < 1) await undefined;
      for (let turn = 0; turn < 20; turn += 1) await undefined;
      poll.cancel();
      await Promise.allSettled([poll.done]);`,
    "wait for many": `await own.waitForVideos(["v", "w", "", { id: "x" }])`,
    "are left at once": `const poll = own.poll("v", { signal }), status = own.getStatus("v", { signal }); abort(); await Promise.allSettled([poll.done, status])`,
  };
  for (const [name, use] of Object.entries(uses)) {
    it(`keeps nothing of clients that ${name}`, async () => {
      const text = `
        Response.json({});
        delete globalThis.FinalizationRegistry;
        let memory;
        const { instantiate } = WebAssembly;
        WebAssembly.instantiate = async (...given) => {
          const instance = await instantiate(...given);
          memory = instance.exports.memory;
          return instance;
        };
        let inFlight = 0;
        const fetch = (url, { signal }) => {
          inFlight += 1;
          if (url.endsWith("hang")) return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          if (url.endsWith("body")) return Promise.resolve(new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(10)) })));
          return Promise.resolve(Response.json(done));
        };
        const clients = async (count) => {
          for (let at = 0; at < count; at += 1) {
            inFlight = 0;
            const controller = new AbortController();
            const { signal } = controller, abort = () => controller.abort();
            const own = new VideoClient({ baseUrl: "http://memory.example", fetch });
            ${use};
          }
        };
        await new VideoClient().ready();
        await clients(300);
        const before = memory.buffer.byteLength;
        await clients(3_000);
        console.log(memory.buffer.byteLength - before);`;
      const { lines, errors } = await program(text, { done }).ended;
      assert.deepEqual([lines, errors], [["0"], ""]);
    });
  }

  it("makes nothing for clients that were left before the module was there", async () => {
    const text = `
      Response.json({});
      delete globalThis.FinalizationRegistry;
      let memory, before;
      const { instantiate } = WebAssembly;
      WebAssembly.instantiate = async (...given) => {
        const instance = await instantiate(...given);
        memory = instance.exports.memory;
        before = memory.buffer.byteLength;
        return instance;
      };
      const fetch = async () => Response.json(done);
      const calls = [];
      for (let at = 0; at < 3_000; at += 1) {
        const own = new VideoClient({ baseUrl: "http://memory.example", fetch });
        const controller = new AbortController();
        calls.push(at % 2 ? own.getStatus("v", { signal: controller.signal }) : own.waitForVideo("v", { signal: controller.signal }));
        controller.abort();
      }
      await Promise.allSettled(calls);
      await new VideoClient({ baseUrl: "http://memory.example", fetch }).waitForVideo("v");
      console.log(memory.buffer.byteLength - before <= 2 * 65_536);`;
    const { lines, errors } = await program(text, { done }).ended;
    assert.deepEqual([lines, errors], [["true"], ""]);
  });
});

describe("a process that is sent too much", () => {
  const MEGABYTE = 1 << 20;
  const BOUND = 48 * MEGABYTE; // the server sends many times 64 MB
  const text = `
    const own = new VideoClient({ apiKey, baseUrl });
    await own.waitForVideo("no-such-video").catch(() => {}); // all that is made once is there
    globalThis.gc();
    const before = process.memoryUsage.rss();
    let most = before;
    const looking = setInterval(() => { most = Math.max(most, process.memoryUsage.rss()); }, 2);
    const error = await own.waitForVideo(id, { minIntervalMs: 5, maxIntervalMs: 15, maxConsecutiveFailures: 4, onRetry() {} }).catch((reason) => reason);
    clearInterval(looking);
    console.log(JSON.stringify({ code: error.code, detail: error.detail?.length ?? 0, grown: most - before }));`;

  /** @param {import("node:test").TestContext} test @param {string} id @param {string} baseUrl */
  const isBounded = async (test, id, baseUrl) => {
    const { lines, errors } = await program(text, { id, apiKey: KEY, baseUrl }, ["--expose-gc"]).ended;
    assert.equal(errors, "");
    const { code, detail, grown } = JSON.parse(lines[0] ?? "");
    test.diagnostic(`grew by ${(grown / MEGABYTE).toFixed(1)} MB`);
    assert.equal(code, "bad_response");
    assert.ok(detail <= 2_000);
    assert.ok(grown < BOUND, `${grown / MEGABYTE} MB`);
  };

  it("refuses bodies of 64 MB without holding them, and leaves the rest unread", async (test) => {
    const id = await createVideo({ scenario: "huge-for-ever" });
    await isBounded(test, id, url);
    const { requests } = await logWhen(id, (log) => log.inFlight === 0);
    assert.deepEqual(
      requests.map(({ finished }) => finished),
      ["sent", "aborted", "aborted", "aborted", "aborted"],
    );
  });

  it("refuses 64 MB that come compressed to a thousandth", async (test) => {
    const body = gzipSync(Buffer.alloc(64 * MEGABYTE, " "));
    const server = await scriptedServer(test, ({ path }) =>
      path.endsWith("/v") ? { body, headers: { "content-encoding": "gzip" } } : 404,
    );
    await isBounded(test, "v", server.url);
    assert.equal(server.arrivals.length, 1 + 4);
  });
});
