// @ts-check
// What a test may ask of a browser engine, whatever drives it: one small interface, and waiting built on it
// that listens for changes instead of asking again and again. No engine may be named here.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {(colorScheme?: ColorScheme) => Promise<Browser>} launch
 *
 * @typedef {"light" | "dark"} ColorScheme
 *
 * @typedef {object} Browser
 * @property {(url: string, size?: Size) => Promise<Page>} open with storage of its own; one page at a time
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Size
 * @property {number} width
 * @property {number} height
 *
 * @typedef {object} Page
 * @property {string} version of the engine, as whoever drives it is told
 * @property {(expression: string) => Promise<any>} run evaluates, awaits, and gives back what JSON can carry
 * @property {(size: Size) => Promise<void>} resize as near to it as the engine's window gets
 * @property {() => Promise<void>} reload
 * @property {(path: string) => Promise<void>} screenshot
 * @property {readonly string[]} complaints of the engine, as far as it tells them to whoever drives it
 * @property {() => Promise<void>} close
 */

/** @type {Size} */
export const WIDE = { width: 1440, height: 900 };
/** @type {Size} */
export const NARROW = { width: 360, height: 780 };

/** @param {string} name */
export function required(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run these tests with \`cargo xtask test --only engines\``);
  return value;
}

/**
 * Calls a function in the page. It sees its arguments and nothing else of here.
 * @template {unknown[]} A
 * @template T
 * @param {Page} page
 * @param {(...args: A) => T | Promise<T>} act
 * @param {A} args
 * @returns {Promise<T>}
 */
export function evaluate(page, act, ...args) {
  return page.run(`(${act})(...${JSON.stringify(args)})`);
}

/**
 * Waits until something holds in the page.
 * @template {unknown[]} A
 * @param {Page} page
 * @param {(...args: A) => boolean} holds
 * @param {A} args
 */
export async function until(page, holds, ...args) {
  const condition = `() => (${holds})(...${JSON.stringify(args)})`;
  const cameTrue = await page.run(`(${whenTrue})(${condition})`);
  assert.ok(cameTrue, `never came true: ${holds} of ${JSON.stringify(args)}`);
}

/**
 * Runs in the page: looks whenever the document changes or a film goes on.
 * @param {() => boolean} holds
 * @returns {Promise<boolean>}
 */
function whenTrue(holds) {
  return new Promise((resolve) => {
    const look = () => {
      if (holds()) end(true);
    };
    const observer = new MutationObserver(look);
    const limit = setTimeout(() => end(false), 90_000);
    /** @param {boolean} outcome */
    const end = (outcome) => {
      observer.disconnect();
      removeEventListener("timeupdate", look, true);
      clearTimeout(limit);
      resolve(outcome);
    };
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    addEventListener("timeupdate", look, true);
    look();
  });
}

/**
 * Waits until a selector finds something.
 * @param {Page} page
 * @param {string} selector
 */
export function shows(page, selector) {
  return until(page, (wanted) => document.querySelector(wanted) !== null, selector);
}

/**
 * @param {Page} page
 * @param {string} selector
 * @returns {Promise<string>}
 */
export function textOf(page, selector) {
  return evaluate(page, (wanted) => document.querySelector(wanted)?.textContent ?? "", selector);
}

/**
 * All that the page, see record.js, and the engine have complained of.
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
export async function complaintsOf(page) {
  const own = await page.run("globalThis.recorded.complaints");
  return [...own, ...page.complaints];
}

/**
 * @param {Page} page
 * @param {string} name
 */
export async function picture(page, name) {
  const folder = fileURLToPath(new URL("../screenshots", import.meta.url));
  mkdirSync(folder, { recursive: true });
  await page.screenshot(`${folder}/${name}.png`);
}
