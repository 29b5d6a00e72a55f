// @ts-check
/** How a watch ends, who is told of it, what is left of it, and where the key never is. */

import "../edge/package.mjs";

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { BASE, KEY } from "../edge/upstream.mjs";
import { done, generating } from "../node/scripted-server.mjs";
import { javascriptOf, samples } from "../support/samples.mjs";
import { startCallback } from "./callback.mjs";
import { socket, stream } from "./viewer.mjs";
import { BEGIN_MS, DAY_MS, HOUR_MS, inOrder, laboratory, requests, scripts, until, upstream } from "./visit.mjs";

const POLL = { minIntervalMs: 50, maxIntervalMs: 200 };

/** @type {string[]} All that was sent to anybody. */
const seen = [];

/** A laboratory whose watchers tell the callback. @param {Parameters<typeof laboratory>[1]} wishes */
async function watcher(wishes) {
  const own = await laboratory({ after }, { TELL: "callback", poll: POLL, ...wishes });
  return {
    ...own,
    /** @param {string} path @param {RequestInit} [init] */
    async ask(path, init) {
      const response = await fetch(`${own.host.origin}${BASE}/${path}`, init);
      const text = await response.text();
      seen.push(JSON.stringify([...response.headers]) + text);
      return { status: response.status, body: text === "" ? undefined : JSON.parse(text), headers: response.headers };
    },
    /** Watches a video until its end is delivered. @param {string} id @param {...unknown} answers */
    async watchOut(id, ...answers) {
      await own.watch(id, inOrder(...answers));
      await own.pass(id, HOUR_MS);
    },
  };
}

describe("the end of a watch", { timeout: 280_000 }, async () => {
  let refusals = 2;
  const callback = await startCallback(({ id }) => (id === "unheard" && refusals-- > 0 ? 500 : 200));
  const { ask, pass, sentAt, watch, watchOut } = await watcher({ CALLBACK: callback.url, poll: { ...POLL, maxConsecutiveFailures: 2 } });

  it("is delivered again until it is taken, by one name", async () => {
    await watchOut("unheard", done);
    const messages = await callback.about("unheard", 3);
    assert.equal(messages.length, 3, "and not after that");
    assert.deepEqual(new Set(messages.map(({ deliveryId }) => deliveryId)).size, 1);
    for (const { type, kind, video } of messages) assert.deepEqual([type, kind, video.status, video.url], ["done", "video", "DONE", done.url]);
  });

  /** @type {[id: string, answers: unknown[], code: string, status: number][]} */
  const failures = [
    ["failed", [generating(1), { status: "ERROR", message: "no more credits" }], "video_failed", 200],
    ["missing", [404], "not_found", 404],
    ["forbidden", [401], "unauthorized", 502],
    ["moved", [{ status: 302, headers: { location: "https://evil.example/" }, body: "" }], "redirected", 502],
    ["endless", [{ fault: "endless" }], "bad_response", 502],
    ["broken", [{ fault: "reset" }], "network", 502],
    ["down", [generating(1), { status: 503, body: "<h1>down</h1>" }], "http", 502],
  ];
  for (const [id, answers, code, status] of failures) {
    it(`as ${code} is told to all, and is what the API would say: ${status} for ${id}`, async () => {
      const viewing = await socket(await watch(id, inOrder(...answers)));
      await pass(id, HOUR_MS);
      assert.equal(await viewing.over, 1_000);
      const [message] = await callback.about(id);
      assert.deepEqual([message?.type, message?.error.code, message?.error.httpStatus], ["failed", code, viewing.told.at(-1)?.error.httpStatus]);
      const last = viewing.told.at(-1);
      assert.deepEqual([last?.type, last?.error.code], ["failed", code]);
      const answer = await ask(id);
      assert.equal(answer.status, status);
      if (code === "video_failed") assert.deepEqual(answer.body, { status: "ERROR", message: "no more credits" });
      else assert.equal(answer.body.code, code);
      const { ended } = (await ask(`${id}/update`)).body;
      assert.deepEqual(ended, { type: "failed", error: last?.error });
      const { length } = await sentAt(id);
      await pass(id, HOUR_MS);
      assert.equal((await sentAt(id)).length, length, "nothing is requested after the end");
    });
  }

  it("does not come because the API once answers more than can be kept", async () => {
    // As an update, each of these empty clips takes a dozen times the room.
    const huge = { status: "GENERATING_VIDEO", generatedContent: Array.from({ length: 300_000 }, () => ({})) };
    const viewing = await socket(await watch("huge", inOrder(generating(1), huge, done)));
    await pass("huge", HOUR_MS);
    await viewing.over;
    // As any answer over the limit: it is tried again.
    assert.deepEqual(
      viewing.told.map(({ type, update }) => [type, update.status, update.retrying]),
      [["update", "GENERATING_VIDEO", undefined], ["update", "GENERATING_VIDEO", "bad_response"], ["done", "DONE", undefined]],
    );
  });

  it("finds the last body as the API would say it, meanwhile and after a failure too", async () => {
    scripts.set("body", inOrder(generating(2), { status: 500, body: "{}" }, done));
    assert.deepEqual((await ask("body")).body, generating(2));
    while (requests("body") < 2) await pass("body", POLL.minIntervalMs);
    assert.deepEqual((await ask("body")).body, generating(2));
    await pass("body", HOUR_MS);
    const { status, body } = await ask("body");
    assert.deepEqual([status, body], [200, done]);
  });

  it("is still to come where the API says 202 and no status: as the API would say it, or the last body that had one", async () => {
    const accepted = { status: 202, body: '{"id":"accepted"}' };
    scripts.set("accepted", inOrder(accepted, accepted, generating(2), 500, accepted, accepted, done));
    const asked = async (/** @type {number} */ number) => {
      while (requests("accepted") < number) await pass("accepted", POLL.minIntervalMs);
      const { status, body } = await ask("accepted");
      return [status, body];
    };
    // Nobody watches before that.
    assert.deepEqual(await asked(0), [202, {}]);
    assert.deepEqual(await asked(2), [202, {}]);
    for (const number of [3, 4, 5, 6]) assert.deepEqual(await asked(number), [200, generating(2)]);
    assert.deepEqual(await asked(7), [200, done]);
  });

  it("is that of a poll where another word than ERROR is said three times in half a minute", async () => {
    const viewing = await socket(await watch("rejected", inOrder(generating(1), { status: "rejected", error: "no film" })));
    await pass("rejected", HOUR_MS);
    await viewing.over;
    assert.deepEqual(
      viewing.told.map(({ type, update }) => [type, update.status, update.rawStatus]),
      [["update", "GENERATING_VIDEO", undefined], ["update", "UNRECOGNIZED", "rejected"], ["failed", "ERROR", "rejected"]],
    );
    const { error } = viewing.told.at(-1) ?? assert.fail();
    assert.deepEqual([error.code, error.retryable, error.detail], ["video_failed", true, "no film"]);
  });
});

describe("a watch that is over", { timeout: 280_000 }, async () => {
  let refusals = 2;
  const callback = await startCallback(({ id }) => (id === "owed" && refusals-- > 0 ? 500 : 200));
  const { ask, hint, pass, sentAt, watch, watchOut } = await watcher({ CALLBACK: callback.url });
  const begin = async (/** @type {string} */ id) => (await ask(`${id}/watch`, { method: "POST" })).body;

  for (const [id, first, type] of /** @type {const} */ ([
    ["regenerated", { ...done, url: "https://media.example/before.webm" }, "done"],
    ["refused-once", 401, "failed"],
  ])) {
    it(`begins anew for who wants it watched, and for no other: ${id}`, async () => {
      await watchOut(id, first, generating(1), done);
      const [before] = await callback.about(id);
      assert.equal(before?.type, type);
      await ask(id);
      const { id: last } = (await ask(`${id}/update`)).body;
      await ask(`${id}/events`, { headers: { "last-event-id": last } });
      await hint(id);
      await pass(id, HOUR_MS);
      assert.equal((await sentAt(id)).length, 1, "visitors and notifications do not begin it again");

      assert.deepEqual(await begin(id), { id, watching: true });
      const answer = ask(id);
      await pass(id, POLL.minIntervalMs);
      assert.deepEqual((await answer).body, generating(1));
      await pass(id, HOUR_MS);
      const [, then] = await callback.about(id, 2);
      assert.deepEqual([then?.type, then?.video.url], ["done", done.url]);
      assert.notEqual(then?.deliveryId, before?.deliveryId);
      assert.equal((await sentAt(id)).length, 3);
    });
  }

  it("has one name for one end, whichever watch finds it, and another for another", async () => {
    const ends = [done, done, { ...done, url: "https://media.example/other.webm" }, 401, 404, 401, { status: "ERROR", message: "no more credits" }];
    for (const end of ends) {
      scripts.set("named", () => end);
      assert.deepEqual(await begin("named"), { id: "named", watching: true });
      await pass("named", HOUR_MS);
    }
    const names = (await callback.about("named", ends.length)).map((message) => message.deliveryId);
    assert.deepEqual(names.map((name) => names.indexOf(name)), [0, 0, 2, 3, 4, 3, 6]);
    for (const name of names) assert.match(name, /^[0-9a-f]{64}$/);
  });

  it("begins anew no sooner than the next request would have been sent", async () => {
    await watch("again-at-once", inOrder(401, done));
    await pass("again-at-once");
    assert.deepEqual(await begin("again-at-once"), { id: "again-at-once", watching: true });
    await pass("again-at-once", HOUR_MS);
    const [first = NaN, ...others] = await sentAt("again-at-once");
    assert.deepEqual(others, [first + POLL.minIntervalMs]);
  });

  it("begins anew after its end was delivered, and says so", async () => {
    await watch("owed", inOrder(401, done));
    await pass("owed");
    const [{ deliveryId } = assert.fail()] = await callback.about("owed");
    for (let time = 0; time < 5; time += 1) assert.deepEqual(await begin("owed"), { id: "owed", watching: false });
    await pass("owed");
    assert.equal((await callback.about("owed")).length, 1, "whoever asks for it does not set the pace of deliveries");
    await pass("owed", HOUR_MS);
    const messages = await callback.about("owed", 4);
    assert.deepEqual(messages.map(({ type }) => type), ["failed", "failed", "failed", "done"]);
    assert.deepEqual(messages.map((message) => message.deliveryId === deliveryId), [true, true, true, false]);
  });
});

describe("a callback that is signed", { timeout: 280_000 }, async () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, at) => 7 * at));
  const secret = `whsec_${key.toString("base64")}`;
  let refusals = 2;
  const callback = await startCallback(({ id }) => (id === "signed" && refusals-- > 0 ? 500 : 200));
  const { host, ask, give, pass, watch, watchOut } = await watcher({ CALLBACK: callback.url, CALLBACK_SECRET: secret });
  const isSigned = await documented();

  it("is known for one by the documented code, at each attempt anew and by one id", async () => {
    await watchOut("signed", done);
    const messages = await callback.about("signed", 3);
    const requests = callback.requests.filter(({ body }) => JSON.parse(body).id === "signed");
    const times = requests.map(({ headers }) => Number(headers.get("webhook-timestamp")));
    // By the clock of the laboratory, after pauses of one and two seconds.
    assert.deepEqual(times, [0, 1, 3].map((seconds) => BEGIN_MS / 1_000 + seconds));
    for (const [at, { headers, body }] of requests.entries()) {
      assert.equal(headers.get("webhook-id"), messages[0]?.deliveryId);
      const nowMs = Number(times[at]) * 1_000;
      assert.equal(isSigned(headers, body, secret, nowMs), true);
      assert.equal(isSigned(headers, body, key.toString("base64"), nowMs), true, "the prefix is no part of the key");
      // A recording, another text, another secret, another id, nothing.
      assert.equal(isSigned(headers, body, secret, nowMs + 6 * 60_000), false);
      assert.equal(isSigned(headers, `${body} `, secret, nowMs), false);
      assert.equal(isSigned(headers, body, `whsec_${Buffer.alloc(32).toString("base64")}`, nowMs), false);
      assert.equal(isSigned(new Headers([...headers, ["webhook-id", "other"]]), body, secret, nowMs), false);
      assert.equal(isSigned(new Headers(), body, secret, nowMs), false);
      const both = new Headers(headers);
      both.set("webhook-signature", `v1,AAAA ${headers.get("webhook-signature")}`);
      assert.equal(isSigned(both, body, secret, nowMs), true, "as while a secret is changed");
    }
  });

  it("is signed alike by a secret without its prefix", async () => {
    await give("bare", { callbackSecret: `${key.toString("base64").replace(/=+$/, "")}\n` });
    await watchOut("bare", done);
    const [{ headers, body } = assert.fail()] = callback.requests.filter((request) => JSON.parse(request.body).id === "bare");
    assert.equal(isSigned(headers, body, secret, Number(headers.get("webhook-timestamp")) * 1_000), true);
  });

  it("is not begun with a secret that cannot work, of which nobody learns a letter", async () => {
    const bad = ["", "whsec_", 7, "of-no-base64-at-all!", `whsec_${Buffer.alloc(23, 7).toString("base64")}`, Buffer.alloc(65, 7).toString("base64"), "BBBBB".repeat(9), `${secret} ${secret}`];
    for (const [at, callbackSecret] of bad.entries()) {
      const id = `unsigned-${at}`;
      await give(id, { callbackSecret });
      const { status, body } = await ask(`${id}/watch`, { method: "POST" });
      assert.deepEqual([status, body], [500, { error: "the watcher's settings cannot work" }], String(callbackSecret));
      assert.equal((await ask(`${id}/update`)).status, 404);
    }
    await until(() => host.log.split("callbackSecret must be the base64 of 24 to 64 random bytes").length > bad.length);
    for (const text of bad) if (String(text).length > 7) assert.ok(!host.log.includes(String(text)), `${text} is in the log`);
  });

  it("leaves the secret in nothing that is stored, logged or sent", async () => {
    await watch("secretive", () => 401);
    await pass("secretive", HOUR_MS);
    await callback.about("secretive");
    for (const text of [host.stored(), host.log, ...callback.seen, ...seen]) {
      for (const form of [secret.slice(6), key.toString("latin1"), key.toString("hex")]) assert.ok(!text.includes(form));
    }
  });
});

/** The code that docs/durable.md gives to who receives a callback. @returns {Promise<(headers: Headers, body: string, secret: string, nowMs?: number) => boolean>} */
async function documented() {
  const sample = (await samples()).find(({ code }) => code.includes("isSigned")) ?? assert.fail("docs/durable.md has no such code");
  return (await import(`data:text/javascript,${encodeURIComponent(await javascriptOf(sample))}`)).isSigned;
}

describe("patience without settings", { timeout: 280_000 }, async () => {
  const callback = await startCallback();
  // No bounds but these: the laboratory's others are left to the watcher.
  const { watchOut } = await watcher({ CALLBACK: callback.url, poll: { minIntervalMs: 1, maxIntervalMs: 4 } });

  it("outlasts more failures in a row than a client's", async () => {
    await watchOut("patient", generating(1), ...Array.from({ length: 11 }, () => 503), done);
    assert.equal((await callback.about("patient"))[0]?.type, "done");
  });
});

describe("after the retention", { timeout: 280_000 }, async () => {
  const callback = await startCallback();
  const { host, ask, pass, restart, sentAt, watch } = await watcher({ CALLBACK: callback.url, RETENTION_MS: String(DAY_MS / 2) });

  it("nothing is left of a watch, and it can begin anew", async () => {
    const id = "forgotten-sooner";
    await watch(id, () => ({ ...done, mark: "mark-of-the-body" }));
    await pass(id, DAY_MS / 2 - 1);
    const [{ deliveryId } = assert.fail()] = await callback.about(id);
    const before = await ask(`${id}/update`);
    assert.deepEqual(before.body.ended, { type: "done" });
    assert.ok(host.stored().includes("mark-of-the-body"));
    await pass(id, 1);
    assert.equal((await ask(`${id}/update`)).status, 404);
    // Not on the disk either.
    await restart();
    assert.equal((await ask(`${id}/update`)).status, 404);
    const stale = await ask(`${id}/events`, { headers: { "last-event-id": before.body.id } });
    assert.equal(stale.status, 503);

    const { length } = await sentAt(id);
    await pass(id, HOUR_MS);
    assert.equal((await sentAt(id)).length, length);
    assert.equal((await ask(id)).status, 200);
    assert.equal((await sentAt(id)).length, length + 1);
    await pass(id, HOUR_MS);
    const messages = await callback.about(id, 2);
    assert.equal(messages[1]?.deliveryId, deliveryId, "it is the same end");
    const other = await ask(`${id}/events`, { headers: { "last-event-id": before.body.id } });
    assert.equal(other.status, 400);
  });
});

describe("the key", { timeout: 280_000 }, async () => {
  const callback = await startCallback();
  const { host, ask, pass, watch } = await watcher({ CALLBACK: callback.url });

  it("is in nothing that is stored, logged or told, whatever the API repeats", async () => {
    const html = KEY.replaceAll("/", "\\u0026#47;").replaceAll("+", "\\u0026#43;");
    const echo = { text: `your key is ${KEY}`, beside: "what stands beside it", [KEY]: encodeURIComponent(KEY), shortened: `${KEY.slice(0, 20)}...` };
    const clip = { id: KEY, url: `https://media.example/?k=${encodeURIComponent(KEY)}`, status: "success", text: KEY };
    await watch("echo", inOrder({ ...generating(1), generatedContent: [clip], echo }, { status: 503, headers: { "retry-after": KEY }, body: KEY }, { ...done, message: KEY, echo }));
    await watch("echo-failed", () => ({ status: "ERROR", message: `no credits for ${KEY}` }));
    await watch("echo-401", () => ({ status: 401, body: { error: `unknown key ${JSON.stringify(KEY)} ${KEY.replaceAll("/", "\\/")}` } }));
    await watch("echo-html", () => ({ status: 401, body: `{"error":"unknown key ${html}"}` }));
    await watch("echo-utf-16", () => ({ status: 401, headers: { "content-type": "text/plain; charset=utf-16le" }, body: Buffer.from(KEY, "utf16le") }));
    const viewings = await Promise.all([stream(`${host.origin}${BASE}/echo/events`), socket(`${host.origin}${BASE}/echo-failed/events`)]);
    for (const id of ["echo", "echo-failed", "echo-401", "echo-html", "echo-utf-16"]) {
      await pass(id, HOUR_MS);
      await callback.about(id);
      await ask(id);
      await ask(`${id}/update`);
    }
    await Promise.all(viewings.map(({ over }) => over));
    const stored = host.stored();
    assert.ok(stored.includes("what stands beside it"), "what is stored can be read here");
    assert.ok(upstream.arrivals.some(({ headers }) => headers["x-api-key"] === KEY));
    const told = [...seen, ...callback.seen, ...viewings.map((viewing) => JSON.stringify(viewing.told))];
    assert.ok(told.some((text) => text.includes("***")));
    for (const text of [stored, host.log, ...told]) {
      for (const form of [KEY, encodeURIComponent(KEY), KEY.replaceAll("/", "\\/"), Buffer.from(KEY, "utf16le").toString("latin1"), html, html.replaceAll("\\u0026", "&"), KEY.slice(0, 12)]) {
        assert.ok(!text.includes(form), `the key is in ${text.slice(0, 500)}`);
      }
    }
  });

  it("of a callback is not taken within its address, where no request would carry it", async () => {
    const { ask } = await watcher({ CALLBACK: callback.url.replace("//", "//user:password@") });
    const { status, body } = await ask("credentials/watch", { method: "POST" });
    assert.deepEqual([status, body], [500, { error: "the watcher's settings cannot work" }]);
  });

  it("that is missing or too short is no ground to store anything", async () => {
    for (const short of ["", "seven77"]) {
      const { ask, pass, sentAt } = await watcher({ KEY: short });
      const { status, body } = await ask("keyless/watch", { method: "POST" });
      assert.deepEqual([status, body], [500, { error: "the watcher's settings cannot work" }]);
      await pass("keyless", HOUR_MS);
      assert.equal((await ask("keyless/update")).status, 404);
      assert.deepEqual(await sentAt("keyless"), []);
    }
  });
});
