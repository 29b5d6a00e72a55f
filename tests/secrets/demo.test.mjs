// @ts-check
/**
 * The demo server with a real service behind it, which is given a key: what it prints and what it serves holds none of
 * it.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createVideo, scenarios, url as simulator } from "./simulator.mjs";
import { BESIDE, echoes, startEchoes } from "./echoes.mjs";
import { Evidence, KEY } from "./evidence.mjs";
import { start } from "./program.mjs";

const CALL = "/api/video-editor/generate/video";
const DEMO = fileURLToPath(new URL("../../www/server/demo.mjs", import.meta.url));

describe("the demo server with a key", { timeout: 280_000 }, () => {
  /** @param {string} base @param {(address: string) => Promise<void>} use @param {string[]} [more] */
  async function serving(base, use, more = []) {
    const { child, ended } = start(process.execPath, [DEMO, "--port", "0", ...more], { IACREA_BASE_URL: base });
    const [address] = await Promise.race([once(createInterface(child.stdout), "line"), ended.then(({ said }) => assert.fail(said))]);
    try {
      await use(address.replace(/\/$/, ""));
    } finally {
      child.kill("SIGTERM");
    }
    return (await ended).said;
  }

  /** Headers and body, so far as they come. @param {string} url @param {RequestInit} [init] */
  async function ask(url, init) {
    try {
      const answer = await fetch(url, { redirect: "manual", ...init });
      return `${answer.status} ${answer.statusText} ${JSON.stringify([...answer.headers])} ${await answer.text()}`;
    } catch (error) {
      return `nothing: ${error}`;
    }
  }

  it("serves and prints none of it, in no scenario", async () => {
    const evidence = new Evidence();
    const catalogue = await scenarios();
    const log = await serving(simulator, async (address) => {
      const answers = await Promise.all(
        catalogue.map(async ({ name }) => {
          const id = await createVideo({ scenario: name, speed: 1_000, seed: 7 });
          const asked = [await ask(`${address}/live${CALL}/${id}`), await ask(`${address}/live${CALL}/auto/${id}`)];
          evidence.add(`the answers in ${name}`, asked.join("\n"));
          return asked[0] ?? "";
        }),
      );
      assert.ok(answers.filter((answer) => answer.startsWith("200")).length > 40, "the key opens them");
      const pages = fileURLToPath(new URL("../../www/dist", import.meta.url));
      const files = /** @type {string[]} */ (readdirSync(pages, { recursive: true })).filter((file) => /\.(html|js|css|svg)$/.test(file));
      assert.ok(files.includes("index.html"));
      for (const path of ["", ...files, "live/", "sim/simulator/scenarios", "sim/simulator/other-origin", "nowhere", "%00"]) {
        evidence.add(`the page ${path}`, await ask(`${address}/${path}`));
      }
      for (const method of ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
        evidence.add(method, await ask(`${address}/live${CALL}/v`, { method }));
      }
    });
    assert.match(log, /Real videos: http:\/\/127\.0\.0\.1:\d+ with IACREA_API_KEY/);
    evidence.add("its log", log);
    evidence.isClean();
  });

  it("gives nothing back of a service that repeats it", async (test) => {
    const evidence = new Evidence();
    const server = await startEchoes(test);
    const log = await serving(`${server.url}/below/`, async (address) => {
      await Promise.all([...echoes.keys()].map(async (name) => evidence.add(`the answer to ${name}`, await ask(`${address}/live${CALL}/${name}`))));
    });
    assert.ok(server.arrivals.length === echoes.size && server.arrivals.every(({ key }) => key === KEY));
    assert.deepEqual(server.elsewhere, [], "nothing follows a redirect");
    assert.ok(evidence.mentions(BESIDE), "what is around the key comes through");
    evidence.add("its log", log);
    evidence.isClean();
  });

  it("gives nothing back through the Worker either, and keeps nothing", async (test) => {
    const evidence = new Evidence();
    const server = await startEchoes(test);
    const folder = mkdtempSync(join(tmpdir(), "iacrea-secrets-"));
    test.after(() => rmSync(folder, { recursive: true, force: true }));
    const log = await serving(
      `${server.url}/below/`,
      async (address) => {
        await Promise.all(
          [...echoes.keys()].map(async (name) => {
            const leaving = new AbortController();
            let isAnswered = false;
            const answer = ask(`${address}/live${CALL}/${name}`, { signal: leaving.signal }).finally(() => (isAnswered = true));
            // What is no answer to the watcher is asked for again, and the visitor would wait for better.
            while (!isAnswered && server.arrivals.filter(({ path }) => path.endsWith(`/${name}`)).length < 2) await sleep(20);
            leaving.abort();
            evidence.add(`the answer to ${name}`, await answer);
          }),
        );
      },
      ["--edge", "--storage", folder],
    );
    assert.ok(server.arrivals.length >= echoes.size && server.arrivals.every(({ key }) => key === KEY));
    assert.deepEqual(server.elsewhere, [], "nothing follows a redirect");
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) evidence.add(entry.name, readFileSync(join(entry.parentPath ?? entry.path, entry.name), "latin1"));
    }
    assert.ok(evidence.mentions("workerd.capnp") && evidence.mentions(BESIDE));
    evidence.add("its log", log);
    evidence.isClean();
  });

  it("that cannot start does not say why in words of it", async () => {
    const evidence = new Evidence();
    for (const environment of /** @type {Record<string, string>[]} */ ([
      { IACREA_API_KEY: `${KEY}\u0007.` },
      { IACREA_BASE_URL: KEY },
      { IACREA_BASE_URL: `https://user:${encodeURIComponent(KEY)}@example.com` },
      { IACREA_BASE_URL: `https://example.com/?key=${KEY}` },
      { IACREA_BASE_URL: `http://${encodeURIComponent(KEY)}/` },
    ])) {
      const { code, said } = await start(process.execPath, [DEMO, "--port", "0"], environment).ended;
      assert.equal(code, 1, said);
      assert.match(said, /IACREA_/);
      evidence.add("a refusal", said);
    }
    evidence.isClean();
  });
});
