// The proxy in Deno: deno run --allow-net --allow-env deno.js

import { createVideoProxy } from "iacrea-video/edge";

const proxy = createVideoProxy({
  apiKey: Deno.env.get("IACREA_API_KEY"),
  baseUrl: Deno.env.get("IACREA_BASE_URL"),
});

Deno.serve({ port: Number(Deno.env.get("PORT") ?? 3000), hostname: Deno.env.get("HOST") ?? "0.0.0.0" }, proxy);
