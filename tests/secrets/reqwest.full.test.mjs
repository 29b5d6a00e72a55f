// @ts-check
/** The example in Rust, which is given a key: what it prints holds none of it. REQWEST_BIN names the program. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BESIDE, echoes, startEchoes } from "./echoes.mjs";
import { Evidence, KEY } from "./evidence.mjs";
import { required, start } from "./program.mjs";

const EXAMPLE = required("REQWEST_BIN");

describe("the example in Rust with a key", { timeout: 280_000 }, () => {
  it("prints none of it, however its video ends", async (test) => {
    const evidence = new Evidence();
    const server = await startEchoes(test);
    // The others are asked again and again, at the pace of real videos.
    const isStatus = (/** @type {string} */ name, /** @type {(string | Buffer)[]} */ chunks) => {
      try {
        return /^200-(done|failed)/.test(name) && Boolean(JSON.parse(chunks.join("")));
      } catch {
        return false; // Not every writing of the key is one that JSON has.
      }
    };
    const atOnce = [...echoes].filter(([name, { status = 200, chunks = [] }]) => (status >= 300 && status < 429) || isStatus(name, chunks));
    const names = atOnce.map(([name]) => name);
    assert.ok(names.length > 40);
    const run = async () => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const { code, said } = await start(EXAMPLE, [name], { IACREA_BASE_URL: server.url }).ended;
        assert.equal(code, name.startsWith("200-done") ? 0 : 1, said);
        evidence.add(`the words of ${name}`, said);
      }
    };
    await Promise.all([run(), run(), run()]);
    const stopped = ["500-words.0", "500-words.5", "200-page.3", "200-broken-json.3", "200-unknown.0", "retry-after", "half-and-too-long", "half-and-cut"];
    await Promise.all(
      stopped.map(async (name) => {
        const { child, ended, said: soFar } = start(EXAMPLE, [name], { IACREA_BASE_URL: server.url });
        // It has the first answer: it says so, or sends the next request.
        while (soFar.err === "" && server.arrivals.filter(({ path }) => path.endsWith(`/${name}`)).length < 2) await sleep(20);
        child.kill("SIGINT");
        const { said } = await ended;
        assert.match(said, /--resume/, `${name}: ${said}`);
        evidence.add(`the words of ${name}`, said);
      }),
    );
    assert.ok(server.arrivals.every(({ key }) => key === KEY));
    assert.deepEqual(server.elsewhere, [], "nothing follows a redirect");
    assert.ok(evidence.mentions(BESIDE), "what is around the key comes through");
    evidence.isClean();
  });

  it("prints none of it when it cannot start", async () => {
    const evidence = new Evidence();
    for (const environment of /** @type {Record<string, string>[]} */ ([
      { IACREA_API_KEY: `${KEY}\u0007` },
      { IACREA_API_KEY: `${KEY}\u20ac` },
      { IACREA_BASE_URL: "http://example.com" },
      { IACREA_BASE_URL: `https://example.com/?${KEY}` },
    ])) {
      const { code, said } = await start(EXAMPLE, ["v"], environment).ended;
      assert.equal(code, 1, said);
      evidence.add("a refusal", said);
    }
    evidence.isClean();
  });
});
