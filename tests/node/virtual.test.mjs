// @ts-check
/** Virtual time itself: what all tests in it rely on. */

import { clock, leap, still } from "./virtual.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { setInterval as ticks, setTimeout as sleep } from "node:timers/promises";

leap();
const DAY = 86_400_000;
const realNow = () => Number(process.hrtime.bigint() / 1_000_000n);

test("a month passes in a moment, to the millisecond, and all clocks agree", async () => {
  const before = [performance.now(), Date.now(), clock.now, realNow()];
  await sleep(DAY);
  for (let days = 1; days < 30; days += 1) await new Promise((resolve) => setTimeout(resolve, DAY));
  const passed = [performance.now(), Date.now(), clock.now].map((now, at) => now - (before[at] ?? NaN));
  assert.deepEqual(passed, [30 * DAY, 30 * DAY, 30 * DAY]);
  assert.ok(realNow() - (before[3] ?? NaN) < DAY);
});

test("timers ring in the order of their times, each after all that the one before set off", async () => {
  /** @type {string[]} */
  const order = [];
  setTimeout(() => order.push("third"), 20);
  setTimeout(async () => {
    order.push("first");
    const { body } = new Response(new ReadableStream({ start: (to) => (to.enqueue(new TextEncoder().encode("x".repeat(1e6))), to.close()) }).pipeThrough(new TransformStream()));
    for await (const _ of /** @type {any} */ (body).pipeThrough(new TextDecoderStream()));
    await new Response("text").text();
    await new Promise((resolve) => process.nextTick(resolve));
    order.push("second");
  }, 19);
  await sleep(21);
  assert.deepEqual(order, ["first", "second", "third"]);
});

test("messages between ports and channels arrive before the next timer", async () => {
  const { port1, port2 } = new MessageChannel();
  const [sender, receiver] = [new BroadcastChannel("virtual"), new BroadcastChannel("virtual")];
  /** @type {string[]} */
  const order = [];
  port1.onmessage = () => order.push("port");
  receiver.onmessage = () => order.push("channel");
  port2.postMessage("");
  sender.postMessage("");
  await sleep(1);
  assert.deepEqual(order.sort(), ["channel", "port"]);
  for (const each of [port1, sender, receiver]) each.close();
});

test("time stands still for what is awaited as real, and for modules and digests by itself", async () => {
  const before = Date.now();
  sleep(1).then(() => assert.equal(order.length, 3));
  /** @type {unknown[]} */
  const order = [];
  const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  await Promise.all([
    WebAssembly.instantiate(bytes).then((made) => order.push(made)),
    crypto.subtle.digest("SHA-256", new Uint8Array(1e7)).then((made) => order.push(made)),
    still(import("node:tls")).then((made) => order.push(made)),
  ]);
  assert.equal(Date.now(), before);
  await sleep(2);
});

test("AbortSignal.timeout, cleared timers and intervals are of the same time", async () => {
  const began = performance.now();
  const signal = AbortSignal.timeout(1_000);
  clearTimeout(setTimeout(assert.fail, 500));
  await assert.rejects(sleep(DAY, undefined, { signal }), { name: "TimeoutError" });
  assert.equal(performance.now() - began, 1_000);
  let count = 0;
  for await (const _ of ticks(10)) if ((count += 1) === 5) break;
  assert.equal(performance.now() - began, 1_050);
});

test("a timer that throws is an uncaught exception, and time goes on", async (test) => {
  /** @type {unknown[]} */
  const caught = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => caught.push(error));
  test.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
  setTimeout(() => {
    throw "mine";
  }, 1);
  await sleep(2);
  assert.deepEqual(caught, ["mine"]);
});

test("the clocks can be mocked", async (test) => {
  const timers = test.mock.method(globalThis, "setTimeout", setTimeout);
  const now = Date.now();
  const { now: real } = Date;
  test.mock.method(Date, "now", () => real() + DAY);
  setTimeout(() => {}, 1);
  assert.equal(timers.mock.callCount(), 1);
  assert.equal(Date.now(), now + DAY);
});

test("the limits of the test runner are real: in virtual time this one is over", { timeout: 3_600_000 }, async () => {
  await sleep(DAY);
});
