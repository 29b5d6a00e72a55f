// What can befall the module on its way, as scenarios that run alike in a page and in Node. Each imports
// the package itself, after the counting of calls has begun.

import { watch } from "../consumers/common/watch.js";

/** What a call comes to. */
async function outcome(work) {
  try {
    const { status } = await work();
    return { status };
  } catch (error) {
    return { name: error.name, code: error.code, message: error.message, retryable: error.retryable };
  }
}

const MAKES_INSTANCES = ["instantiate", "instantiateStreaming", "Instance"];
const instances = () => calls.filter((name) => MAKES_INSTANCES.includes(name)).length;

export const scenarios = {
  /** Imports everything, then makes a client, then waits for a video. */
  async importing({ root, entries, baseUrl, apiKey, id }) {
    for (const entry of entries) await import(root + entry);
    const atImport = [...calls];
    const { VideoClient } = await import(`${root}dist/index.js`);
    const client = new VideoClient({ baseUrl, apiKey });
    const atConstruction = [...calls];
    await watch(client, id);
    return { atImport, atConstruction, later: [...new Set(calls)] };
  },

  /** The default entry as it is. */
  async plain({ root, baseUrl, apiKey, id }) {
    const { VideoClient, VideoError } = await import(`${root}dist/index.js`);
    const client = new VideoClient({ baseUrl, apiKey });
    const error = await client.waitForVideo(id, { minIntervalMs: 30, maxIntervalMs: 80 }).catch((reason) => reason);
    const { name, code, message, status } = error;
    return { name, code, message, status, isVideoError: error instanceof VideoError, isError: error instanceof Error };
  },

  /** Two clients and three calls at once. */
  async together({ root, baseUrl, apiKey, id }) {
    const { VideoClient } = await import(`${root}dist/index.js`);
    const [one, other] = [new VideoClient({ baseUrl, apiKey }), new VideoClient({ baseUrl, apiKey })];
    const statuses = await Promise.all([one.getStatus(id), one.getStatus(id), other.getStatus(id)]);
    return { answers: statuses.length, instances: instances() };
  },

  /** The same, and the caller says where the module is. */
  async togetherSlim({ root, baseUrl, apiKey, id, wasm }) {
    const { VideoClient } = await import(`${root}dist/slim.js`);
    const options = { baseUrl, apiKey, wasm };
    const [one, other] = [new VideoClient(options), new VideoClient(options)];
    const statuses = await Promise.all([one.getStatus(id), one.getStatus(id), other.getStatus(id)]);
    return { answers: statuses.length, instances: instances(), fetches: calls.filter((name) => name === "fetch").length };
  },

  /** Inflating fails at the first call. */
  async inflating({ root, baseUrl, apiKey, id }) {
    const { VideoClient } = await import(`${root}dist/index.js`);
    // What inflates here: Node's own, or a stream.
    const [owner, name] = globalThis.process?.getBuiltinModule
      ? [process, "getBuiltinModule"]
      : [globalThis, "DecompressionStream"];
    const real = owner[name];
    owner[name] = function () {
      owner[name] = real;
      throw new TypeError("out of order");
    };
    const client = new VideoClient({ baseUrl, apiKey });
    return { first: await outcome(() => client.getStatus(id)), second: await outcome(() => watch(client, id)) };
  },

  /** The address of the module fails at the first call, in some way. */
  async fetching({ root, baseUrl, apiKey, id, wasm, form, timeoutMs }) {
    const { VideoClient } = await import(`${root}dist/slim.js`);
    const client = new VideoClient({ baseUrl, apiKey, wasm: form === "function" ? () => fetch(wasm) : wasm });
    return {
      first: await outcome(() => client.waitForVideo(id, { timeoutMs })),
      second: await outcome(() => watch(client, id)),
    };
  },

  /** The caller's function fails at the first call. */
  async bringing({ root, baseUrl, apiKey, id, wasm }) {
    const { VideoClient } = await import(`${root}dist/slim.js`);
    const troubles = [
      () => {
        throw new Error("thrown");
      },
      () => Promise.reject(new Error("rejected")),
      () => undefined,
    ];
    const bring = () => (troubles.shift() ?? (() => fetch(wasm)))();
    const client = new VideoClient({ baseUrl, apiKey, wasm: bring });
    const outcomes = [];
    for (let call = 0; call < 4; call += 1) outcomes.push(await outcome(() => client.waitForVideo(id, { minIntervalMs: 30, maxIntervalMs: 80 })));
    return outcomes;
  },

  /** Every form in which the module may be given. */
  async forms({ root, baseUrl, apiKey, id, wasm }) {
    const { VideoClient } = await import(`${root}dist/slim.js`);
    const bytes = await (await fetch(wasm)).arrayBuffer();
    const module = await WebAssembly.compile(bytes);
    const forms = {
      text: wasm,
      URL: new URL(wasm),
      Response: await fetch(wasm),
      ArrayBuffer: bytes,
      view: new Uint8Array(bytes),
      "view on a part": new Uint8Array([1, 2, 3, ...new Uint8Array(bytes)]).subarray(3),
      Module: module,
      namespace: { default: module },
      "promise of a Response": fetch(wasm),
      "promise of a Module": Promise.resolve(module),
      "function to text": () => wasm,
      "function to a promise of a Response": () => fetch(wasm),
      "function to bytes": () => bytes,
    };
    const outcomes = {};
    for (const [form, given] of Object.entries(forms)) {
      outcomes[form] = await outcome(() => watch(new VideoClient({ baseUrl, apiKey, wasm: given }), id));
    }
    return outcomes;
  },

  /** By its address, and how it was compiled. */
  async compiling({ root, baseUrl, apiKey, id, wasm }) {
    const { VideoClient } = await import(`${root}dist/slim.js`);
    const { status } = await watch(new VideoClient({ baseUrl, apiKey, wasm }), id);
    return { status, compiled: calls.filter((name) => /^compile/.test(name)) };
  },
};
