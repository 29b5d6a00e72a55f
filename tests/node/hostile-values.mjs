// @ts-check
/** Values that fight whoever looks at them, and ordinary ones of another realm. */

import { createContext, runInContext } from "node:vm";

/** Another realm, as a test runner or a pretend browser makes it. */
export const realm = createContext({ fetch: (/** @type {Parameters<typeof fetch>} */ ...call) => fetch(...call), URL, Headers, AbortController, setTimeout });

/** @param {string} text */
export const inRealm = (text) => runInContext(`(${text})`, realm);

/** Not even what it throws may be looked at. */
const worst = revoked({});
const bombs = [() => { throw new Error("of a trap"); }, () => { throw worst; }, () => { throw Object.create(null); }, () => { throw { code: "ENOENT" }; }, () => { throw undefined; }];

/** @template {object} T @param {T} target @returns {T} */
function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** @template {ArrayBufferView<ArrayBuffer>} T @param {T} view @returns {T} */
function takenAway(view) {
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

/** Every trap throws. @template {object} T @param {T} target @param {() => never} bomb @returns {T} */
function trapped(target, bomb) {
  return new Proxy(target, new Proxy({}, { get: () => bomb }));
}

/**
 * By name; a new one each time, for some remember what was done to them.
 * @returns {Record<string, any>}
 */
export function hostileValues() {
  /** @type {Record<string, any>} */
  const values = {
    "a revoked object": revoked({}),
    "a revoked list": revoked([]),
    "a revoked function": revoked(() => {}),
    "a text of ten million letters": "x".repeat(1e7),
    "a text of lone surrogates": "\ud800".repeat(10),
    "a symbol": Symbol("s"),
    "a bigint": 10n ** 400n,
    "an object without a prototype": Object.create(null),
    "a class": class {},
    "an endless prototype": (() => {
      let object = {};
      for (let depth = 0; depth < 10_000; depth += 1) object = Object.create(object);
      return object;
    })(),
    "a promise that rejects with it": (() => {
      const promise = Promise.reject(worst);
      promise.catch(() => {});
      return promise;
    })(),
    "a proxy of itself": new Proxy({}, { get: (_, __, self) => self, has: () => true }),
    "an object of numbers": { [Symbol.toPrimitive]: () => 7 },
    "a list of its own kind": Object.assign([], { map: null, [Symbol.iterator]: null, length: 2 ** 32 - 1 }),
    "an object of another realm": inRealm("{}"),
    "a list of another realm": inRealm("[1]"),
    "a text object of another realm": inRealm("new String('text')"),
    "an error of another realm": inRealm("Object.assign(new Error('elsewhere'), { code: 'ENOENT' })"),
    "a promise of another realm": inRealm("Promise.resolve(1)"),
    "a list of bigints": new BigInt64Array(2),
    "a list that was taken away": takenAway(new Int8Array(8)),
    "bytes that were taken away": takenAway(new Uint8Array(8)),
    "bytes that lie of their length": Object.defineProperty(new Uint8Array(8), "length", { value: 4 }),
    "bytes of a length that throws": Object.defineProperty(new Uint8Array(8), "length", { get: () => bombs[0]?.() }),
  };
  for (const [at, bomb] of bombs.entries()) {
    values[`an object of traps (${at})`] = trapped({}, bomb);
    values[`a function of traps (${at})`] = trapped(() => {}, bomb);
    values[`a list of traps (${at})`] = trapped([], bomb);
    values[`an object that is no text (${at})`] = { [Symbol.toPrimitive]: bomb, toString: bomb, valueOf: bomb, toJSON: bomb };
    values[`a thenable (${at})`] = Object.defineProperty({}, "then", { get: bomb });
    values[`a function that throws (${at})`] = bomb;
    values[`an iterable (${at})`] = { [Symbol.iterator]: bomb };
    // As a signal, a response or a URL would begin.
    values[`half a signal (${at})`] = { aborted: false, addEventListener: bomb, removeEventListener: bomb };
    values[`a signal that cannot be left (${at})`] = { aborted: false, addEventListener() {}, removeEventListener: bomb };
    values[`a signal without a reason (${at})`] = Object.defineProperty({ aborted: true, addEventListener() {}, removeEventListener() {} }, "reason", { get: bomb });
  }
  return values;
}

/** Options of which one throws when it is read. @param {string} name */
export function* optionsThatThrow(name) {
  for (const bomb of bombs) yield Object.defineProperty({}, name, { get: bomb, enumerable: true });
}
