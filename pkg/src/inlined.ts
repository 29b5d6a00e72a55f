/** The inlined form of a module: its bytes, deflated, as base64. The one form that every bundler leaves alone. */

/** Inflates and compiles it. */
export async function compileInlined(inlined: string): Promise<WebAssembly.Module> {
  const deflated = Uint8Array.from(atob(inlined), (letter) => letter.charCodeAt(0));
  // A Response and not a Blob, for pretend browsers have a Blob that cannot stream.
  const inflated = new Response(deflated).body!.pipeThrough(new DecompressionStream("deflate"));
  return WebAssembly.compile(await new Response(inflated).arrayBuffer());
}
