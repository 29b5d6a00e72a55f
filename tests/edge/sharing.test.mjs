// @ts-check
/** How many requests callers cause together, on each host; and that nobody's leaving costs the others their answer. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { open, send } from "./exchange.mjs";
import { hosts } from "./hosts.mjs";
import { BASE, done, KEY, startUpstream } from "./upstream.mjs";

const upstream = await startUpstream();
const all = await hosts({ UPSTREAM: upstream.url, KEY });

/** Long enough for requests on the loopback to arrive; if they do not, the tests still hold. */
const ARRIVED_MS = 200;

/** An answer that is held back. */
function held(reply = /** @type {unknown} */ (done)) {
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  return { script: () => released.then(() => reply), release: () => release() };
}

for (const host of all) {
  describe(`callers of one video in ${host.name}`, { timeout: 60_000 }, () => {
    it("cause one request, ten at once, and each has the whole answer", async () => {
      const { script, release } = held({ ...done, message: "x".repeat(100_000) });
      const id = upstream.video(script);
      const callers = Array.from({ length: 10 }, (_, at) =>
        send(host.origin, `${BASE}/${id}`, { method: at === 3 ? "HEAD" : "GET" }),
      );
      await sleep(ARRIVED_MS);
      release();
      const answers = await Promise.all(callers);
      assert.equal(upstream.askedFor(id).length, 1);
      for (const [at, { status, body }] of answers.entries()) {
        assert.equal(status, 200);
        assert.equal(body.length, at === 3 ? 0 : (answers[0]?.body.length ?? -1));
      }
      assert.equal(JSON.parse(answers[0]?.body ?? "").message.length, 100_000);
    });

    it("have their answer when the first of them leaves", async () => {
      const { script, release } = held();
      const id = upstream.video(script);
      const first = open(host.origin, `${BASE}/${id}`);
      await until(() => upstream.askedFor(id).length === 1);
      const others = Array.from({ length: 9 }, () => send(host.origin, `${BASE}/${id}`));
      await sleep(ARRIVED_MS);
      first.leave();
      await sleep(ARRIVED_MS);
      release();
      for (const { status, body } of await Promise.all(others)) assert.deepEqual([status, JSON.parse(body)], [200, done]);
      assert.equal(upstream.askedFor(id).length, 1);
    });

    const { visitor } = host;
    if (visitor) {
      it("have their answer when the host ends the request of the first", async () => {
        const { script, release } = held();
        const id = upstream.video(script);
        const target = `${BASE}/${id}`;
        const first = send(visitor, target, { headers: { "leave-after-ms": "600" } });
        await until(() => upstream.askedFor(id).length === 1);
        const others = Array.from({ length: 9 }, () => send(host.origin, target));
        assert.equal((await first).body, "left");
        await sleep(ARRIVED_MS);
        const late = send(host.origin, target);
        await sleep(ARRIVED_MS);
        release();
        for (const { status, body } of await Promise.all([...others, late])) {
          assert.deepEqual([status, JSON.parse(body)], [200, done]);
        }
        // Where the work cannot be kept alive, one of the others asks again for all of them.
        assert.equal(upstream.askedFor(id).length, host.keepsAlive ? 1 : 2);
      });
    }

    it("share an answer for a while, and then no more", async () => {
      const id = upstream.video();
      await Promise.all([send(host.origin, `/brief${BASE}/${id}`), send(host.origin, `/brief${BASE}/${id}`)]);
      const asked = upstream.askedFor(id).length;
      await sleep(60);
      await send(host.origin, `/brief${BASE}/${id}`);
      assert.equal(upstream.askedFor(id).length, asked + 1);
    });

    it("share an answer that came just now", async () => {
      const id = upstream.video();
      const first = await send(host.origin, `${BASE}/${id}`);
      const second = await send(host.origin, `/elsewhere${BASE}/${id}?again`);
      assert.deepEqual([second.status, second.body], [first.status, first.body]);
      assert.equal(upstream.askedFor(id).length, 1);
    });

    for (const reply of [401, 404, 429, 500, 302]) {
      it(`share an answer that is a ${reply}`, async () => {
        const id = upstream.video(reply);
        const { status } = await send(host.origin, `${BASE}/${id}`);
        assert.equal((await send(host.origin, `${BASE}/${id}`)).status, status);
        assert.equal(upstream.askedFor(id).length, 1);
      });
    }

    it("do not share that there was no answer", async () => {
      const id = upstream.video((/** @type {{ path: string }} */ { path }) =>
        upstream.arrivals.filter((arrival) => arrival.path === path).length === 1 ? { fault: "cut", body: "{}" } : done,
      );
      assert.equal((await send(host.origin, `${BASE}/${id}`)).status, 502);
      assert.equal((await send(host.origin, `${BASE}/${id}`)).status, 200);
    });

    it("share nothing if shareMs is 0", async () => {
      const { script, release } = held();
      const id = upstream.video(script);
      const callers = [1, 2, 3].map(() => send(host.origin, `/unshared${BASE}/${id}`));
      await until(() => upstream.askedFor(id).length === 3);
      release();
      for (const { status } of await Promise.all(callers)) assert.equal(status, 200);
      await send(host.origin, `/unshared${BASE}/${id}`);
      assert.equal(upstream.askedFor(id).length, 4);
    });

    it("share nothing with callers of another kind", async () => {
      const paths = await upstream.pathsDuring(() =>
        Promise.all([send(host.origin, `${BASE}/kinds`), send(host.origin, `${BASE}/auto/kinds`)]),
      );
      assert.deepEqual(paths.sort(), [`${BASE}/auto/kinds`, `${BASE}/kinds`]);
    });

    it("share nothing with callers who have another key", async () => {
      const id = upstream.video((/** @type {{ headers: Record<string, string> }} */ { headers }) => ({
        ...done,
        message: headers["x-api-key"]?.toUpperCase(),
      }));
      const call = (/** @type {string} */ tenant) => send(host.origin, `/tenants${BASE}/${id}`, { headers: { "x-tenant": tenant } });
      const answers = await Promise.all([call("a"), call("b"), call("a"), call("b")]);
      assert.deepEqual(answers.map(({ body }) => JSON.parse(body).message), ["A", "B", "A", "B"].map((tenant) => `SECRET-OF-${tenant}`));
      assert.deepEqual(upstream.askedFor(id).map(({ headers }) => headers["x-api-key"]).sort(), ["secret-of-a", "secret-of-b"]);
    });

    it("share nothing before each has been authorized", async () => {
      const { script, release } = held();
      const id = upstream.video(script);
      const call = (/** @type {string} */ visitor) => send(host.origin, `/private${BASE}/${id}`, { headers: { "x-visitor": visitor } });
      const owner = call("owner");
      await until(() => upstream.askedFor(id).length === 1);
      assert.equal((await call("stranger")).status, 403); // while it is underway
      release();
      assert.equal((await owner).status, 200);
      assert.equal((await call("stranger")).status, 403); // and when it is there
      assert.equal((await call("owner")).status, 200);
      assert.equal(upstream.askedFor(id).length, 1);
    });
  });
}

/** @param {() => boolean} holds */
async function until(holds) {
  for (const giveUp = Date.now() + 10_000; Date.now() < giveUp;) {
    if (holds()) return;
    await sleep(5);
  }
  assert.fail("never came true");
}
