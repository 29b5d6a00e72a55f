// @ts-check
/** The client in Node, sent through every scenario and against a server that repeats the key: nothing that can be seen from outside holds it. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { VideoClient, VideoError } from "../node/package.mjs";
import { program } from "../node/processes.mjs";
import { createVideo, logOf, otherOrigin, scenarios, url as simulator } from "./simulator.mjs";
import { BESIDE, echoes, startEchoes } from "./echoes.mjs";
import { Evidence, KEY, watchProcess } from "./evidence.mjs";
import { isQuick, patienceFor, WITH_ECHOES } from "./patience.mjs";

const { limits: LIMITS, pace: PACE } = WITH_ECHOES;

/**
 * Polls to the end, and gathers whatever can be seen on the way.
 * @param {Evidence} evidence
 * @param {InstanceType<typeof VideoClient>} own
 * @param {string} id
 * @param {object} [pace]
 */
async function seeThrough(evidence, own, id, pace = PACE) {
  const poll = own.poll(id, { ...pace, onUpdate: (update) => evidence.add(`an update of ${id}`, [update, poll.resumeToken()]) });
  evidence.add(`the token of ${id} before the start`, poll.resumeToken());
  const [end] = await Promise.allSettled([poll.done]);
  evidence.add(`the end of ${id}`, end.status === "fulfilled" ? end.value : end.reason);
  evidence.add(`the poll of ${id}`, poll);
  evidence.add(`the token of ${id}`, poll.resumeToken());
  return end;
}

describe("the key", { timeout: 280_000 }, () => {
  const evidence = new Evidence();
  /** @type {() => void} */
  let unwatch = () => {};
  before(() => (unwatch = watchProcess(evidence)));
  after(() => unwatch());

  it("comes out of no scenario", async () => {
    const catalogue = await scenarios();
    assert.ok(catalogue.length > 90);
    const ids = await Promise.all(
      catalogue.map(({ name }) => createVideo({ scenario: name, speed: 1_000, seed: 7 })),
    );
    // A client for each: one that is refused slows down all of its client.
    const ends = await Promise.all(
      catalogue.map((scenario, at) => {
        const id = ids[at] ?? "";
        const { limits, pace } = patienceFor(scenario);
        const own = new VideoClient({ apiKey: KEY, baseUrl: simulator, ...limits });
        evidence.add(`the client of ${id}`, own);
        return seeThrough(evidence, own, id, pace);
      }),
    );
    assert.deepEqual(catalogue.filter((scenario, at) => isQuick(scenario) && ends[at]?.status !== "fulfilled"), []);
    assert.ok(ends.filter(({ status }) => status === "fulfilled").length > 30);
    const logs = await Promise.all(ids.map(logOf));
    assert.ok(logs.every(({ key }) => key), "each request had the key");
    const { requests } = /** @type {{ requests: unknown[] }} */ (/** @type {unknown} */ (await otherOrigin()));
    evidence.add("what the other origin was sent", requests);
    evidence.isClean();
  });

  it("comes back from no server that repeats it", async (test) => {
    const server = await startEchoes(test);
    // A client for each: one that is refused slows down all of its client.
    const client = () => new VideoClient({ apiKey: KEY, baseUrl: server.url, ...LIMITS });
    const ends = await Promise.all([...echoes.keys()].map((id) => seeThrough(evidence, client(), id)));
    const own = client();
    await Promise.all(
      [...echoes.keys()].map(async (id) => {
        const [once] = await Promise.allSettled([own.getStatus(id)]);
        evidence.add(`getStatus of ${id}`, once);
      }),
    );
    evidence.add("waitForVideos", await own.waitForVideos([...echoes.keys()].filter((id) => id !== "retry-after"), PACE));
    for (const end of ends) {
      if (end.status === "rejected") assert.ok(end.reason instanceof VideoError && end.reason.code !== "internal", String(end.reason));
    }
    assert.ok(server.arrivals.every(({ key }) => key === KEY) && server.arrivals.length > 2 * echoes.size);
    for (const { path } of server.arrivals) evidence.add("an address", path);
    assert.deepEqual(server.elsewhere, [], "nothing follows a redirect");
    assert.ok(evidence.mentions(BESIDE), "what is around the key comes through");
    assert.ok(evidence.mentions("more than maxResponseBytes"));
    evidence.isClean();
  });

  it("given as a header is kept as well", async (test) => {
    const server = await startEchoes(test);
    const own = new VideoClient({ headers: { "X-Api-Key": ` ${KEY}\t` }, baseUrl: server.url, ...LIMITS });
    await Promise.all([...echoes.keys()].filter((name) => /\.[05]$/.test(name)).map((id) => seeThrough(evidence, own, id)));
    assert.ok(server.arrivals.length > 10 && server.arrivals.every(({ key }) => key === KEY));
    evidence.isClean();
  });

  it("is in no refusal of options", () => {
    for (const options of [
      { apiKey: `${KEY}\u0000` },
      { apiKey: `${KEY}\u20ac` },
      { apiKey: [KEY] },
      { apiKey: { key: KEY } },
      { apiKey: KEY, baseUrl: "http://example.com" },
      { baseUrl: `https://user:${encodeURIComponent(KEY)}@example.com` },
      { baseUrl: `https://example.com/?key=${KEY}` },
      { headers: { "x-api-key": `${KEY}\n.` } },
      { headers: { [KEY]: KEY } },
      { headers: [[`${KEY} `, KEY, KEY]] },
      { credentials: KEY },
      { kind: KEY },
      { requestTimeoutMs: KEY },
      { fetch: KEY },
    ]) {
      assert.throws(
        () => new VideoClient(/** @type {any} */ (options)),
        (error) => {
          evidence.add("a refusal", error);
          return error instanceof VideoError && error.code === "invalid_argument";
        },
      );
    }
    evidence.isClean();
  });

  it("is in nothing that a process prints, not even when it ends of an error that nobody caught", async (test) => {
    const server = await startEchoes(test);
    const child = program(
      `const own = new VideoClient({ apiKey: key, baseUrl, ...limits });
       const polls = names.map((id) => own.poll(id, { ...pace, onUpdate: (update) => { throw new Error("of a listener: " + update.status, { cause: update }); } }));
       for (const poll of polls) { try { console.log(await poll.done); } catch (error) { console.error(error, own, poll, [poll.resumeToken()]); } }
       console.table(performance.getEntries());
       process.emitWarning("at the end");
       await own.waitForVideo("402-nested.2", pace);`,
      { key: KEY, baseUrl: server.url, limits: LIMITS, pace: PACE, names: [...echoes.keys()] },
      ["--trace-warnings", "--trace-uncaught", "--enable-source-maps"],
    );
    const { code, lines, errors } = await child.ended;
    assert.equal(code, 1);
    assert.match(errors, /at the end/);
    assert.match(errors, /of a listener: DONE/);
    assert.match(errors, /VideoError: http\S+ \(HTTP 402\) requires payment/);
    assert.ok(lines.length > 10 && server.arrivals.length > echoes.size);
    evidence.add("standard output", lines.join("\n"));
    evidence.add("standard error", errors);
    evidence.isClean();
  });
});
