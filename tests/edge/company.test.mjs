// @ts-check
/**
 * Callers of one video on real hosts, where each comes by a connection of its own and the host may end a request: that
 * they share one, and that one who leaves costs the others nothing. For how long and what is shared is a rule of the
 * proxy's, which sharing.test.mjs has in virtual time.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { open, send } from "./exchange.mjs";
import { hosts } from "./hosts.mjs";
import { BASE, done, KEY, startUpstream } from "./upstream.mjs";

const upstream = await startUpstream();
const all = await hosts({ UPSTREAM: upstream.url, KEY });

/** An answer that is held back. */
function held(reply = /** @type {unknown} */ (done)) {
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  return { script: () => released.then(() => reply), release: () => release() };
}

for (const host of all) {
  /** So many requests for a path have come to the site. @param {string} path @param {number} count */
  const arrive = (path, count) =>
    until(async () => Number((await send(host.origin, `/arrived?${new URLSearchParams({ path })}`)).body) >= count);

  describe(`callers of one video in ${host.name}`, { timeout: 280_000 }, () => {
    it("cause one request, ten at once, and each has the whole answer", async () => {
      const { script, release } = held({ ...done, message: "x".repeat(100_000) });
      const path = `/lasting${BASE}/${upstream.video(script)}`;
      const callers = Array.from({ length: 10 }, (_, at) => send(host.origin, path, { method: at === 3 ? "HEAD" : "GET" }));
      await arrive(path, 10);
      release();
      const answers = await Promise.all(callers);
      assert.equal(asked(path), 1);
      for (const [at, { status, body }] of answers.entries()) {
        assert.equal(status, 200);
        assert.equal(body.length, at === 3 ? 0 : (answers[0]?.body.length ?? -1));
      }
      assert.equal(JSON.parse(answers[0]?.body ?? "").message.length, 100_000);
      const late = await send(host.origin, path);
      assert.deepEqual([late.status, late.body], [200, answers[0]?.body]);
      assert.equal(asked(path), 1, "also who comes just after");
    });

    it("have their answer when the first of them leaves", async () => {
      const { script, release } = held();
      const path = `/lasting${BASE}/${upstream.video(script)}`;
      const first = open(host.origin, path);
      await until(() => asked(path) === 1);
      const others = Array.from({ length: 9 }, () => send(host.origin, path));
      await arrive(path, 10);
      first.leave();
      const late = send(host.origin, path);
      await arrive(path, 11);
      release();
      for (const { status, body } of await Promise.all([...others, late])) assert.deepEqual([status, JSON.parse(body)], [200, done]);
      assert.equal(asked(path), 1);
    });

    const { visitor } = host;
    if (visitor) {
      it("have their answer when the host ends the request of the first", async () => {
        const { script, release } = held();
        const path = `/lasting${BASE}/${upstream.video(script)}`;
        const first = send(visitor, path, { headers: { visitor: path } });
        await until(() => asked(path) === 1);
        const others = Array.from({ length: 9 }, () => send(host.origin, path));
        await arrive(path, 10);
        await send(visitor, "/", { headers: { leaves: path } });
        assert.equal((await first).body, "left");
        const late = send(host.origin, path);
        await arrive(path, 11);
        // Where the work cannot be kept alive, one of the others asks again for all of them.
        const requests = host.keepsAlive ? 1 : 2;
        await until(() => asked(path) === requests);
        release();
        for (const { status, body } of await Promise.all([...others, late])) {
          assert.deepEqual([status, JSON.parse(body)], [200, done]);
        }
        assert.equal(asked(path), requests);
      });
    }

    if (host.signals) {
      it("end the request when the last of them leaves", async () => {
        const path = `/lasting${BASE}/${upstream.video(held().script)}`;
        const leaves = await Promise.all([1, 2, 3].map((number) => come(path, `${number} ${path}`)));
        await arrive(path, 3);
        assert.equal(asked(path), 1);
        for (const leave of leaves) await leave();
        await upstream.askedFor(path.slice(path.lastIndexOf("/") + 1))[0]?.left;
      });
    }

    /** A caller of this name; how they leave. @param {string} path @param {string} name */
    async function come(path, name) {
      if (!visitor) return open(host.origin, path).leave;
      void send(visitor, path, { headers: { visitor: name } });
      return () => send(visitor, "/", { headers: { leaves: name } });
    }

    it("share an answer for a while, and then no more", async () => {
      const path = `/brief${BASE}/${upstream.video()}`;
      await send(host.origin, path);
      await until(async () => {
        await send(host.origin, path);
        return asked(path) > 1;
      });
    });

    it("share nothing with callers who have another key", async () => {
      const id = upstream.video((/** @type {{ headers: Record<string, string> }} */ { headers }) => ({
        ...done,
        message: headers["x-api-key"]?.toUpperCase(),
      }));
      const call = (/** @type {string} */ tenant) => send(host.origin, `/tenants${BASE}/${id}`, { headers: { "x-tenant": tenant } });
      const answers = await Promise.all([call("a"), call("b"), call("a"), call("b")]);
      assert.deepEqual(answers.map(({ body }) => JSON.parse(body).message), ["A", "B", "A", "B"].map((tenant) => `SECRET-OF-${tenant}`));
    });

    it("share nothing before each has been authorized", async () => {
      const { script, release } = held();
      const path = `/lasting-private${BASE}/${upstream.video(script)}`;
      const call = (/** @type {string} */ visitor) => send(host.origin, path, { headers: { "x-visitor": visitor } });
      const owner = call("owner");
      await until(() => asked(path) === 1);
      assert.equal((await call("stranger")).status, 403); // while it is underway
      release();
      assert.equal((await owner).status, 200);
      assert.equal((await call("stranger")).status, 403); // and when it is there
      assert.equal((await call("owner")).status, 200);
      assert.equal(asked(path), 1);
    });
  });
}

/** How many requests for the video of a path have come to the API. @param {string} path */
function asked(path) {
  return upstream.askedFor(path.slice(path.lastIndexOf("/") + 1)).length;
}

/** Looks again and again, for as long as the test may take. @param {() => boolean | Promise<boolean>} holds */
async function until(holds) {
  while (!(await holds())) await sleep(5);
}
