// What Nitro's documentation has for Cloudflare, and its switch for WebAssembly.
export default { compatibilityDate: "2026-07-01", experimental: { wasm: true }, telemetry: false };
