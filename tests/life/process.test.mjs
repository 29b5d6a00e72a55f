// @ts-check
// The life of a process and of a worker: a poll keeps it alive while it waits and no longer, leaves no rejection to
// nobody, and dies with it wherever it stands. A process here is one of its own, since only its end can show that; that it
// does not end at all is for the runner to notice.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { entry } from "../node/package.mjs";
import { program } from "../node/processes.mjs";
import { QUICK } from "../node/settling.mjs";
import { createVideo, KEY, logOf, logWhen, url } from "../node/simulator.mjs";

const STRICT = ["--unhandled-rejections=strict"];
/** Longer than a test may take. */
const NEVER_MS = 600_000;
const given = { quick: QUICK, apiKey: KEY, baseUrl: url, entry };

describe("a process under strict rules for rejections", { concurrency: 4, timeout: 200_000 }, () => {
  /** Nobody awaits anything in them. @type {Record<string, string>} */
  const programs = {
    "that abandons polls which fail at once": `
      own.poll("no-such-video"); own.poll(""); own.poll(id, { timeoutMs: -1 }); own.poll(id, { resumeToken: "damaged" });`,
    "that cancels, aborts and disposes of polls nobody awaits": `
      own.poll(id).cancel(); own.poll(id, { signal: AbortSignal.abort() }); own.poll(id, { signal: AbortSignal.timeout(200) });
      const asleep = own.poll(id, { minIntervalMs: 60_000, maxIntervalMs: 60_000 });
      asleep.subscribe(() => asleep.cancel());
      const flying = own.poll(slow); setTimeout(() => flying.cancel(new Error("mine")), 300);
      setTimeout(() => own[Symbol.for("nodejs.dispose")]?.(), 300);`,
    "whose fetch throws, rejects and never settles": `
      for (const fetch of [() => { throw new Error("thrown"); }, () => Promise.reject(new Error("rejected")), () => Promise.reject(undefined), () => new Promise(() => {}), () => 7, () => ({ status: 200, headers: new Headers(), text: () => Promise.reject(new Error("no text")) })]) {
        new VideoClient({ fetch }).poll("v", { ...quick, timeoutMs: 200, maxConsecutiveFailures: 2 });
      }`,
    "whose body breaks, stalls or cannot be cancelled": `
      const body = (source) => async () => new Response(new ReadableStream(source), { status: 200 });
      for (const fetch of [
        body({ pull() { throw new Error("pull"); } }), body({ start(c) { c.error(new Error("start")); } }), body({}),
        body({ pull(c) { c.enqueue(new Uint8Array(4096)); }, cancel() { throw new Error("cancel"); } }), body({ pull(c) { c.enqueue("text"); } }),
      ]) new VideoClient({ fetch, maxResponseBytes: 1024 }).poll("v", { ...quick, timeoutMs: 200, maxConsecutiveFailures: 2 });`,
    "whose listeners throw and reject": `
      process.on("uncaughtException", () => {}); // a listener's own error is reported, as it is anywhere
      const poll = own.poll(id, { ...quick, timeoutMs: 300, onUpdate: () => { throw new Error("first"); } });
      poll.subscribe(async () => { throw new Error("second"); });`,
    "that answers with what is no JSON": `
      const fetch = async () => new Response("<html>", { status: 200 });
      new VideoClient({ fetch }).poll("v", { ...quick, timeoutMs: 200, maxConsecutiveFailures: 3 });`,
    "that leaves an iterator, and one that nobody goes on with": `
      for await (const _ of own.poll(id)) break;
      const stuck = own.poll("no-such-video")[Symbol.asyncIterator](); await stuck.next().catch(() => {});`,
  };
  for (const [name, text] of Object.entries(programs)) {
    it(`${name} sees none, and ends`, async () => {
      const [id, slow] = await Promise.all([createVideo(), createVideo({ latencyMs: NEVER_MS })]);
      const before = `process.on("unhandledRejection", (reason) => { console.log("unhandled", String(reason)); process.exitCode = 3; });
        const own = new VideoClient({ apiKey, baseUrl });`;
      const { code, lines } = await program(`${before}\n${text}`, { ...given, id, slow }, STRICT).ended;
      assert.deepEqual([code, lines], [0, []]);
    });
  }
});

describe("a process is kept alive", { concurrency: 4, timeout: 200_000 }, () => {
  it("by a poll that is asleep, and by one in flight, until they settle", async () => {
    const [asleep, slow] = await Promise.all([createVideo({ scenario: "quick", speed: 60 }), createVideo({ scenario: "quick", speed: 600, latencyMs: 400 })]);
    const text = `
      const own = new VideoClient({ apiKey, baseUrl });
      own.poll(asleep, { minIntervalMs: 500, maxIntervalMs: 700 }).done.then(({ status }) => console.log("asleep", status));
      own.poll(slow, quick).done.then(({ status }) => console.log("slow", status));
      process.once("exit", () => console.log("exit"));`;
    const { code, lines, errors } = await program(text, { ...given, asleep, slow }, STRICT).ended;
    assert.deepEqual([code, errors, lines.at(-1)], [0, "", "exit"]);
    assert.deepEqual(lines.slice(0, 2).sort(), ["asleep DONE", "slow DONE"]);
  });
});

describe("a process that ends while polls run", { concurrency: 4, timeout: 200_000 }, () => {
  for (const [how, end] of Object.entries({
    "by process.exit": "process.exit(7)",
    "by an error of its own": "queueMicrotask(() => { throw new Error('mine'); })",
    "within an update": "",
  })) {
    it(`${how} ends at once, with the code it meant`, async () => {
      const [id, slow] = await Promise.all([createVideo(), createVideo({ latencyMs: NEVER_MS })]);
      const text = `
        const own = new VideoClient({ apiKey, baseUrl });
        for (let at = 0; at < 50; at += 1) own.poll(at % 2 ? slow : id, quick);
        const first = own.poll(id, quick);
        await new Promise((resolve) => first.subscribe(() => { ${end ? "" : "process.exit(7);"} resolve(); }));
        ${end};`;
      const { code } = await program(text, { ...given, id, slow }, STRICT).ended;
      assert.equal(code, how.includes("error") ? 1 : 7);
      // It did not wait for what was in flight.
      const { requests } = await logWhen(slow, (log) => log.inFlight === 0);
      assert.ok(requests.every(({ finished }) => finished === "aborted"), JSON.stringify(requests));
    });
  }
});

describe("a worker thread", { concurrency: 4, timeout: 200_000 }, () => {
  /** @param {string} inside what the worker does @param {string} outside what its owner does */
  const threaded = (inside, outside) => `
    const { Worker } = await import("node:worker_threads");
    const source = \`const { VideoClient, VideoError } = await import(\${JSON.stringify(entry)});
      const { parentPort } = await import("node:worker_threads");
      const own = new VideoClient({ apiKey: \${JSON.stringify(apiKey)}, baseUrl: \${JSON.stringify(baseUrl)} });
      const id = \${JSON.stringify(id)}; const quick = \${JSON.stringify(quick)}; const slow = { minIntervalMs: 60_000, maxIntervalMs: 60_000 };
      ${inside}\`;
    const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(source)));
    worker.on("error", (error) => console.log("error", error));
    worker.on("message", (message) => console.log(message));
    ${outside}`;

  it("waits for a video, and ends by itself", async () => {
    const id = await createVideo({ scenario: "quick", speed: 120 });
    const text = threaded("parentPort.postMessage((await own.waitForVideo(id, quick)).status);", 'worker.on("exit", (code) => console.log("exit", code));');
    const { code, lines, errors } = await program(text, { ...given, id }, STRICT).ended;
    assert.deepEqual([code, errors, lines], [0, "", ["DONE", "exit 0"]]);
  });

  it("that is terminated takes its polls along, and its owner goes on with a token", async () => {
    const id = await createVideo({ scenario: "quick", speed: 10 });
    const text = threaded(
      "const poll = own.poll(id, slow); poll.subscribe(() => parentPort.postMessage(poll.resumeToken()));",
      `worker.once("message", async (resumeToken) => {
         await worker.terminate();
         const { requests, status } = await new VideoClient({ apiKey, baseUrl }).waitForVideo(id, { ...quick, resumeToken });
         console.log(status, requests);
       });`,
    );
    const { code, lines, errors } = await program(text, { ...given, id }, STRICT).ended;
    const log = await logOf(id);
    // All that were sent are known by the token or were sent after it.
    assert.deepEqual([code, errors, lines.at(-1)], [0, "", `DONE ${log.requests.length}`]);
    assert.ok(log.requests.length > 1);
    assert.equal(log.inFlight, 0);
  });
});
