// @ts-check
// The time a video has been watched, in ms: it stands still while the watch is stopped or the page is gone, and it
// never follows a wall clock that somebody sets.

export class Stopwatch {
  #before;
  /** @type {number | undefined} */
  #since;

  /** @param {number} before what an earlier page has counted */
  constructor(before = 0) {
    this.#before = before;
  }

  start() {
    this.#since ??= performance.now();
  }

  stop() {
    this.#before = this.elapsed;
    this.#since = undefined;
  }

  get elapsed() {
    return this.#before + (this.#since === undefined ? 0 : performance.now() - this.#since);
  }
}
