/** What edge runtimes make of an imported module; bundlers are told to leave these imports alone. */

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "*.wasm?module" {
  const module: WebAssembly.Module;
  export default module;
}
