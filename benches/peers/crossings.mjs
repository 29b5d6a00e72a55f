// @ts-check
/**
 * Counts each call between JavaScript and each WebAssembly module that is instantiated from now on: by name, in both
 * directions. What wasm-bindgen's glue does by itself (reading a string out of memory) is no crossing.
 */

/** @returns {{ into: Map<string, number>, out: Map<string, number>, clear: () => void, end: () => void }} */
export function countCrossings() {
  /** @type {Map<string, number>} */
  const into = new Map();
  /** @type {Map<string, number>} */
  const out = new Map();

  /**
   * @param {Record<string, any>} functions
   * @param {Map<string, number>} counts
   */
  function counted(functions, counts) {
    const all = Object.entries(functions).map(([name, value]) => {
      if (typeof value !== "function") return [name, value];
      const count = (/** @type {unknown[]} */ ...given) => {
        counts.set(name, (counts.get(name) ?? 0) + 1);
        return value(...given);
      };
      return [name, count];
    });
    return Object.fromEntries(all);
  }
  /** @param {WebAssembly.Imports} [imports] */
  const watched = (imports = {}) =>
    Object.fromEntries(Object.entries(imports).map(([name, functions]) => [name, counted(functions, out)]));

  const real = WebAssembly.instantiate;
  /** The package compiles first, so what it instantiates is a module. */
  const instantiate = async (/** @type {WebAssembly.Module} */ module, /** @type {WebAssembly.Imports} */ imports) => {
    const instance = await real(module, watched(imports));
    return { exports: counted(instance.exports, into) };
  };
  WebAssembly.instantiate = /** @type {typeof WebAssembly.instantiate} */ (/** @type {unknown} */ (instantiate));
  return {
    into,
    out,
    clear() {
      into.clear();
      out.clear();
    },
    /** What is instantiated later is not counted. */
    end() {
      WebAssembly.instantiate = real;
    },
  };
}
