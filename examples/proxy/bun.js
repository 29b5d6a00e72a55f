// The proxy in Bun: bun bun.js

import { createVideoProxy } from "iacrea-video/edge";

const proxy = createVideoProxy({
  apiKey: process.env.IACREA_API_KEY,
  baseUrl: process.env.IACREA_BASE_URL,
});

const server = Bun.serve({ port: process.env.PORT ?? 3000, hostname: process.env.HOST, fetch: proxy });
console.log(`Listening on ${server.url}`);
