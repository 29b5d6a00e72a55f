// @ts-check
/**
 * A host of Durable Objects in memory and in virtual time, by the rules of Cloudflare's that a watch lives by: an object
 * dies at any moment, whatever was written before stays, and an alarm whose handler did not come to its end comes again.
 * The real one is what the other tests in this folder run on; here a watch of days takes a moment.
 */

import { leap } from "../node/virtual.mjs";

import { register } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { dist } from "../edge/package.mjs";

const HOOKS = `
const module = (text) => ({ url: "data:text/javascript," + encodeURIComponent(text), shortCircuit: true });
const workers = "class Base { constructor(ctx, env) { this.ctx = ctx; this.env = env; } } export { Base as DurableObject, Base as WorkflowEntrypoint }; export const waitUntil = () => {};";
const wasm = (href) => "import { readFileSync } from 'node:fs'; export default new WebAssembly.Module(readFileSync(new URL(" + JSON.stringify(href) + ")));";
export const resolve = (name, context, next) =>
  name === "cloudflare:workers" ? module(workers) : name.endsWith(".wasm") ? module(wasm(new URL(name, context.parentURL).href)) : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
Object.assign(globalThis, { WebSocketRequestResponsePair: class {} });

/** @type {any} */
export const { VideoWatcher, VideoWorkflow, VideoError } = await import(pathToFileURL(`${dist}/cloudflare.js`).href);

export const KEY = "key-0123456789";

/** One object of a class, over all its lives. */
export class Host {
  #Class;
  /** @type {any} */
  #object;
  #end = () => {};
  /** @type {Promise<void>} */
  #died = Promise.resolve();
  /** What is stored. @type {Map<string, any>} */
  values = new Map();
  /** @type {number | undefined} */
  alarmMs;
  /** How many alarms have come. */
  alarms = 0;
  /** After a handler that did not come to its end its alarm comes again. */
  retryMs = 2_000;

  /** @param {any} Class */
  constructor(Class) {
    this.#Class = Class;
  }

  /** The object that is alive. */
  get object() {
    return (this.#object ??= this.#make());
  }

  /** It dies at this moment: of what it does from now on nobody learns. */
  kill() {
    this.#end();
    this.#object = undefined;
  }

  #make() {
    let isDead = false;
    this.#died = new Promise((resolve) => {
      this.#end = () => {
        isDead = true;
        resolve();
      };
    });
    /** @param {(...given: any[]) => unknown} act */
    const alive = (act) => (/** @type {any[]} */ ...given) => new Promise((resolve) => !isDead && resolve(act(...given)));
    const { values } = this;
    const context = {
      id: {},
      storage: {
        get: alive((/** @type {string[]} */ keys) => new Map(keys.filter((key) => values.has(key)).map((key) => [key, structuredClone(values.get(key))]))),
        list: alive(({ start, end, limit }) => new Map([...values].filter(([key]) => key >= start && key < end).sort().slice(0, limit))),
        put: alive((/** @type {object} */ entries) => Object.entries(structuredClone(entries)).forEach(([key, value]) => values.set(key, value))),
        delete: alive((/** @type {string[]} */ keys) => keys.filter((key) => values.delete(key)).length),
        getAlarm: alive(() => this.alarmMs ?? null),
        setAlarm: alive((/** @type {number} */ atMs) => void (this.alarmMs = atMs)),
        deleteAlarm: alive(() => void (this.alarmMs = undefined)),
        deleteAll: alive(() => values.clear()),
        sync: alive(() => {}),
      },
      blockConcurrencyWhile: (/** @type {() => Promise<void>} */ act) => act(),
      acceptWebSocket() {},
      getWebSockets: () => [],
      setWebSocketAutoResponse() {},
    };
    return new this.#Class(context, this);
  }

  /** @param {"watch" | "status" | "update" | "hint"} path @returns {Promise<{ status: number, body: any }>} */
  async visit(path, query = "id=v&kind=video") {
    const { object } = this;
    // By then it knows what is stored.
    await Promise.resolve();
    const response = await object.fetch(new Request(`https://watcher/${path}?${query}`));
    return { status: response.status, body: await response.json() };
  }

  /** Time passes, alarm by alarm, one at a time, until `ms` are over or there is nothing more to come. @param {number} ms @param {() => boolean} [isOver] */
  async pass(ms, isOver = () => false) {
    leap();
    const untilMs = Date.now() + ms;
    while (!isOver() && this.alarmMs !== undefined && this.alarmMs <= untilMs) {
      if (this.alarmMs > Date.now()) {
        await sleep(this.alarmMs - Date.now());
        continue;
      }
      this.alarmMs = undefined;
      this.alarms += 1;
      const { object } = this;
      const ended = object.alarm().then(() => true);
      ended.catch(() => {});
      const isWhole = await Promise.race([ended, this.#died.then(() => false)]);
      if (!isWhole) this.alarmMs ??= Date.now() + this.retryMs;
    }
    if (Date.now() < untilMs && !isOver()) await sleep(untilMs - Date.now());
  }
}
