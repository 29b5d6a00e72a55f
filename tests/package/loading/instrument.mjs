// @ts-check
/**
 * Counts the calls of whatever could cost something, in a global list called `calls`. Runs before
 * anything else, in a page and in Node, and is handed over as text: it may name nothing outside itself.
 */

export function instrument() {
  /** @type {string[]} */
  const calls = [];
  Object.assign(globalThis, { calls });
  const watch = (/** @type {any} */ owner, /** @type {string} */ name) => {
    const real = owner[name];
    if (typeof real !== "function") return;
    const note = (/** @type {any} */ act) => (/** @type {any} */ target, /** @type {any[]} */ ...parameters) => {
      // Node's own fetch compiles a module and sets timers.
      if (!new Error().stack?.includes("node:internal/deps/")) calls.push(name);
      return act(target, ...parameters);
    };
    owner[name] = new Proxy(real, { apply: note(Reflect.apply), construct: note(Reflect.construct) });
  };
  for (const name of ["atob", "fetch", "setInterval", "setTimeout", "DecompressionStream", "XMLHttpRequest", "Worker"]) {
    watch(globalThis, name);
  }
  const host = /** @type {any} */ (globalThis).process;
  if (host) watch(host, "getBuiltinModule");
  for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming", "validate", "Instance", "Module"]) {
    watch(WebAssembly, name);
  }
}
