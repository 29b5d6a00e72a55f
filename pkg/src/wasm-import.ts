/** What `import module from "./iacrea-video.wasm"` comes to, which hosts and their bundlers read each in their own way. */

import { LOADING_MS, within } from "./deadline.js";
import { outside } from "./error.js";
import { begin, precompiled, type Glue, type Instance, type Loader } from "./instantiate.js";

/** What a function that instantiates a module may resolve with. */
type Made = WebAssembly.WebAssemblyInstantiatedSource | WebAssembly.Instance | WebAssembly.Exports;
type Instantiate = (imports: WebAssembly.Imports) => Promise<Made>;

type Imported =
  /** On workerd, and wherever a bundler leaves the import to it. */
  | WebAssembly.Module
  /** From unwasm (Nitro's plugin) where a module must not await at its top. */
  | Promise<WebAssembly.Module>
  /** From unwasm without "?module", and from @rollup/plugin-wasm. */
  | Instantiate;

/** Instances of what was imported; its type says what the first of these hosts makes of it. */
export function imported<T>(createGlue: () => Glue<T>, module: WebAssembly.Module): Loader<T> {
  const given = module as Imported;
  if (typeof given === "function") return bundled(createGlue, given as Instantiate);
  if (given instanceof Promise) return bundled(createGlue, async (imports) => WebAssembly.instantiate(await given, imports));
  return precompiled(createGlue, given);
}

/** Calls that come together share one instance, as they share its glue. */
function bundled<T>(createGlue: () => Glue<T>, instantiate: Instantiate): Loader<T> {
  let loading: Promise<Instance<T>> | undefined;
  let last: WebAssembly.Exports | undefined;
  const forget = () => {
    loading = undefined;
  };
  const start = async () => {
    const glue = createGlue();
    const made = await instantiate(glue.imports);
    const { exports } = ("instance" in made ? made.instance : "exports" in made ? made : { exports: made }) as WebAssembly.Instance;
    if (exports === last) {
      // unwasm gives the same instance each time: what has trapped is linked to glue of its own, and cannot begin anew.
      throw outside("single_instance");
    }
    last = exports;
    return begin(glue, { exports }, forget);
  };
  return {
    load() {
      if (!loading) {
        loading = within(LOADING_MS, start(), "internal", forget);
        loading.catch(forget);
      }
      return loading;
    },
    forget,
  };
}
