// @ts-check
/**
 * What a key would look like wherever it turned up, and a heap of all that was seen while a test ran. Nothing
 * is judged where it is gathered: a test gathers what it can get hold of and looks through it at the end.
 */

import assert from "node:assert/strict";
import { inspect } from "node:util";

/** Every kind of letter that some layer writes differently, and no innocent text has nine of them in a row. */
export const KEY = "sk-live/Qz7+vX9_kW2=jH4&pT6~mD";

/** Longer than what an innocent text shares with the key. */
const PART = 9;

/** @param {string} text @param {(letter: string, code: number) => string} write */
const each = (text, write) => [...text].map((letter) => write(letter, letter.charCodeAt(0))).join("");
/** @param {number} code @param {number} digits */
const hex = (code, digits) => code.toString(16).padStart(digits, "0");
/** @type {Record<string, string>} */
const NAMES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
/** @type {Record<string, string>} */
const MORE_NAMES = { "/": "&sol;", "+": "&plus;", _: "&lowbar;", "=": "&equals;" };

/**
 * Ways in which some layer between two programs writes a text, each of which another layer undoes unasked.
 * @type {Record<string, (text: string) => string>}
 */
export const WRITINGS = {
  "as it is": (text) => text,
  "in JSON, slashes escaped": (text) => text.replaceAll("/", "\\/"),
  "in JSON, punctuation escaped": (text) => text.replace(/[^a-z0-9]/gi, (letter) => `\\u${hex(letter.charCodeAt(0), 4)}`),
  "in JSON, all escaped": (text) => each(text, (_, code) => `\\u${hex(code, 4)}`),
  "in JSON in JSON": (text) => each(text, (_, code) => `\\\\u${hex(code, 4).toUpperCase()}`),
  "in a URL": (text) => encodeURIComponent(text),
  "in a URL, all escaped": (text) => each(text, (_, code) => `%${hex(code, 2)}`),
  "in a URL in a URL": (text) => encodeURIComponent(encodeURIComponent(text)),
  "in HTML, by name": (text) => text.replace(/[&<>"']/g, (letter) => NAMES[letter] ?? letter),
  "in HTML, punctuation by number": (text) => text.replace(/[^a-z0-9]/gi, (letter) => `&#x${hex(letter.charCodeAt(0), 2).toUpperCase()};`),
  "in HTML, all by number": (text) => each(text, (_, code) => `&#${code};`),
  "in HTML, by more names": (text) => text.replace(/[/+_=]/g, (letter) => MORE_NAMES[letter] ?? letter),
  "in HTML in JSON": (text) => text.replace(/[^a-z0-9]/gi, (letter) => `\\u0026#${letter.charCodeAt(0)};`),
  "in JSON in a URL": (text) => encodeURIComponent(text.replaceAll("/", "\\/")),
  "in a URL, as JavaScript once did": (text) => text.replace(/[^a-z0-9]/gi, (letter) => `%u${hex(letter.charCodeAt(0), 4)}`),
  "in quotes, octal": (text) => text.replace(/[^a-z0-9]/gi, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, "0")}`),
};

/** What a text must not hold, in lower case: any part of the key, or all of it in some writing or code. */
const forms = (() => {
  const parts = Array.from({ length: KEY.length - PART + 1 }, (_, at) => KEY.slice(at, at + PART));
  const written = Object.values(WRITINGS).map((write) => write(KEY));
  // Without what the letters before and behind the key have a hand in.
  const base64 = [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.from(" ".repeat(before) + KEY);
    return [bytes.toString("base64"), bytes.toString("base64url")].map((text) => text.slice(before ? 4 : 0, -4));
  });
  const all = [...parts, ...written, ...base64, Buffer.from(KEY).toString("hex")];
  return [...new Set(all.map((form) => form.toLowerCase()))];
})();

/** Whether a text holds the key, or enough of it to matter. @param {string} text */
export function holdsKey(text) {
  // As it is in UTF-16, too, also where that is shown with escapes.
  const low = text.toLowerCase().replace(/\0|\\x00|\\u0000/g, "");
  return forms.some((form) => low.includes(form));
}

/** Everything that can be made of a value by looking at it. @param {unknown} value @returns {string} */
export function everyView(value) {
  if (typeof value === "string") return value;
  const views = [inspect(value, { depth: 30, showHidden: true, getters: true, maxStringLength: Infinity, maxArrayLength: Infinity })];
  for (const look of [String, JSON.stringify]) {
    try {
      views.push(look(value) ?? "");
    } catch {
      // a circle, or nothing that becomes a text
    }
  }
  if (value instanceof Error) {
    const { message, stack, cause } = value;
    views.push(message, stack ?? "", cause === undefined ? "" : everyView(cause));
    for (const name of Object.getOwnPropertyNames(value)) views.push(everyView(Reflect.get(value, name)));
  }
  return views.join("\n");
}

/** What was seen. */
export class Evidence {
  /** @type {{ what: string, text: string }[]} */
  #seen = [];

  /** @param {string} what @param {unknown} value */
  add(what, value) {
    this.#seen.push({ what, text: everyView(value) });
  }

  get size() {
    return this.#seen.length;
  }

  /** Whether anything seen holds this text. @param {string} text */
  mentions(text) {
    return this.#seen.some((one) => one.text.includes(text));
  }

  /** Fails where the key is in it. */
  isClean() {
    const found = this.#seen.filter(({ text }) => holdsKey(text));
    const shown = found.slice(0, 5).map(({ what, text }) => `${what}: ${text.slice(0, 600)}`);
    assert.equal(found.length, 0, `the key is in ${found.length} of ${this.#seen.length}:\n${shown.join("\n\n")}`);
  }
}

/**
 * Gathers all that this process lets out by itself from now on: console, warnings, reported errors, rejections
 * that nobody handles, what it writes, and the entries of its performance timeline. Returns how to end that.
 * @param {Evidence} evidence
 */
export function watchProcess(evidence) {
  /** @type {(() => void)[]} */
  const undo = [];
  /** @param {any} object @param {string} name @param {boolean} silent */
  const tap = (object, name, silent) => {
    const original = object[name];
    object[name] = (/** @type {unknown[]} */ ...values) => {
      for (const value of values) evidence.add(name, value);
      return silent ? undefined : original?.apply(object, values);
    };
    undo.push(() => (object[name] = original));
  };
  for (const method of ["log", "info", "warn", "error", "debug", "trace", "dir", "table", "group", "assert", "count", "timeLog"]) tap(console, method, true);
  for (const stream of [process.stdout, process.stderr]) tap(stream, "write", false);
  tap(globalThis, "reportError", true);
  for (const event of /** @type {const} */ (["warning", "unhandledRejection"])) {
    const note = (/** @type {unknown} */ value) => evidence.add(event, value);
    process.on(/** @type {any} */ (event), note);
    undo.push(() => process.off(event, note));
  }
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) evidence.add("performance", { ...entry.toJSON() });
  });
  // Not "http": those are of the servers in this process, which are sent the key.
  observer.observe({ entryTypes: ["resource", "mark", "measure", "net", "dns"] });
  undo.push(() => observer.disconnect());
  return () => {
    for (const act of undo) act();
  };
}
