/** The inlined form of a module: its bytes, deflated, as base64. The one form that every bundler leaves alone. */

/** Inflates and compiles it. */
export async function compileInlined(inlined: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await inflated(decoded(inlined)));
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  // Not `from` with a function: it takes ten times as long, on the page's own thread.
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Of Node's `process`, where there is one. */
interface Host {
  process?: { getBuiltinModule?: (name: string) => { inflateSync(bytes: Uint8Array): Uint8Array<ArrayBuffer> } | undefined };
}

async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<BufferSource> {
  // A millisecond, where Node's streams take twenty.
  const zlib = (globalThis as Host).process?.getBuiltinModule?.("node:zlib");
  if (zlib) return zlib.inflateSync(bytes);
  // A Response and not a Blob, for pretend browsers have a Blob that cannot stream.
  const stream = new Response(bytes).body!.pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
