// @ts-check
/** The proxy and the simulator hold a key on their own: it is in no answer of theirs, in no log, and in nothing that they hand to their user's code. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { createVideoProxy } from "../edge/package.mjs";
import { VideoClient } from "../node/package.mjs";
import { createVideo, logOf, scenarios, url as simulator } from "./simulator.mjs";
import { BESIDE, echoes, startEchoes } from "./echoes.mjs";
import { Evidence, KEY, watchProcess, WRITINGS } from "./evidence.mjs";
import { patienceFor } from "./patience.mjs";

/** @type {typeof import("../../pkg/dist/simulator.js")} */
const { createSimulator, simulatorScenarios } = await import(new URL("simulator.js", process.env.PACKAGE_ENTRY).href);

const CALL = "/api/video-editor/generate/video";

const evidence = new Evidence();
/** @type {() => void} */
let unwatch = () => {};
before(() => (unwatch = watchProcess(evidence)));
after(() => unwatch());

/** @param {Response} response */
async function allOf(response) {
  return `${response.status} ${response.statusText} ${response.url} ${JSON.stringify([...response.headers])} ${await response.text()}`;
}

describe("the proxy's key", { timeout: 280_000 }, () => {
  /** @param {string} baseUrl */
  const proxyFor = (baseUrl) =>
    createVideoProxy({
      apiKey: KEY,
      baseUrl,
      shareMs: 1,
      allowedOrigins: ["https://app.example"],
      authorize: (request, video) => {
        evidence.add("what the hook sees", [request, [...request.headers], video]);
        return true;
      },
    });

  it("comes out of no scenario", async () => {
    const proxy = proxyFor(simulator);
    /** @type {typeof fetch} */
    const throughIt = async (input, init) => {
      const answer = await proxy(new Request(input, init));
      evidence.add("an answer", await allOf(answer.clone()));
      return answer;
    };
    const catalogue = await scenarios();
    await Promise.all(
      catalogue.map(async ({ name, expect }) => {
        const { limits, pace } = patienceFor({ name, expect });
        const own = new VideoClient({ baseUrl: "https://app.example", fetch: throughIt, ...limits });
        const id = await createVideo({ scenario: name, speed: 1_000, seed: 7 });
        const [end] = await Promise.allSettled([own.waitForVideo(id, pace)]);
        evidence.add(`the end of ${name}`, end);
        assert.ok((await logOf(id)).key, name);
      }),
    );
    assert.ok(evidence.size > catalogue.length * 3);
    evidence.isClean();
  });

  it("comes back from no API that repeats it", async (test) => {
    const server = await startEchoes(test);
    const proxy = proxyFor(server.url);
    await Promise.all(
      [...echoes.keys()].map(async (name) => {
        const request = new Request(`https://app.example${CALL}/${name}`, { headers: { origin: "https://app.example" } });
        evidence.add(`the answer to ${name}`, await allOf(await proxy(request)));
      }),
    );
    assert.ok(server.arrivals.length === echoes.size && server.arrivals.every(({ key }) => key === KEY));
    assert.deepEqual(server.elsewhere, [], "nothing follows a redirect");
    assert.ok(evidence.mentions(BESIDE), "what is around the key comes through");
    evidence.isClean();
  });

  it("may be as long as a header, and comes back in no writing of it", async (test) => {
    const long = Array.from({ length: 6_000 }, (_, at) => String.fromCharCode(48 + ((at * at + at * 7) % 74))).join("").replaceAll("\\", "-");
    for (const [name, write] of Object.entries(WRITINGS)) {
      const body = (/** @type {boolean} */ had, /** @type {string} */ said) => `{"status":"PENDING","had":${had},"said":"${said}"}`;
      const server = createServer((request, response) => response.end(body(request.headers["x-api-key"] === long, write(long))));
      await once(server.listen(0, "127.0.0.1"), "listening");
      test.after(() => server.close());
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      const proxy = createVideoProxy({ apiKey: long, baseUrl: `http://127.0.0.1:${port}` });
      const answer = await proxy(new Request(`https://app.example${CALL}/v`));
      assert.equal(await answer.text(), name === "in quotes, octal" ? "***" : body(true, "***"), name);
    }
  });

  it("is in no refusal, of options or of a key that a hook gives", async () => {
    for (const options of [{ apiKey: `${KEY}\n.` }, { apiKey: [KEY] }, { apiKey: KEY, baseUrl: `http://${encodeURIComponent(KEY)}.example` }, { apiKey: KEY, shareMs: KEY }, { apiKey: KEY, allowedOrigins: [KEY] }]) {
      assert.throws(
        () => createVideoProxy(/** @type {any} */ (options)),
        (error) => {
          evidence.add("a refusal", error);
          return true;
        },
      );
    }
    for (const bad of [`${KEY}\n.`, `${KEY}\u20ac`, [KEY], { key: KEY }]) {
      const proxy = createVideoProxy({ apiKey: () => /** @type {any} */ (bad), baseUrl: "http://127.0.0.1:9" });
      const answer = await proxy(new Request(`https://app.example${CALL}/v`));
      assert.equal(answer.status, 500);
      evidence.add("an answer", await allOf(answer));
    }
    evidence.isClean();
  });
});

describe("the simulator's key", { timeout: 280_000 }, () => {
  it("comes out of no scenario", async () => {
    const pretend = createSimulator({ apiKey: KEY, speed: 1_000, seed: 7 });
    const catalogue = await scenarios();
    await Promise.all(
      simulatorScenarios.map(async (scenario) => {
        const { limits, pace } = patienceFor(catalogue.find(({ name }) => name === scenario) ?? assert.fail(scenario));
        const own = new VideoClient({ apiKey: KEY, baseUrl: "https://api.example", fetch: pretend.fetch, ...limits });
        const id = pretend.createVideo({ scenario });
        const poll = own.poll(id, { ...pace, onUpdate: (update) => evidence.add("an update", update) });
        evidence.add(`the end of ${scenario}`, await Promise.allSettled([poll.done]));
        const requests = pretend.requests(id);
        assert.ok(requests.every(({ key }) => key), scenario);
        evidence.add("the simulator", [pretend, requests, pretend.saveVideo(id), poll.resumeToken()]);
      }),
    );
    evidence.isClean();
  });

  it("is not told to who has another", async () => {
    const pretend = createSimulator({ apiKey: KEY });
    const id = pretend.createVideo();
    for (const headers of [{}, { "x-api-key": "wrong" }, { "x-api-key": KEY.slice(0, -1) }]) {
      const answer = await pretend.fetch(`https://api.example${CALL}/${id}`, /** @type {RequestInit} */ ({ headers }));
      assert.equal(answer.status, 401);
      evidence.add("a refusal", await allOf(answer));
    }
    evidence.isClean();
  });
});
