// The proxy as a Cloudflare Worker. It needs the key as a secret: `wrangler secret put IACREA_API_KEY`.

import { createVideoProxy } from "iacrea-video/edge";

let proxy;

export default {
  fetch(request, env) {
    // One for all requests: callers of the same video share their answers through it.
    proxy ??= createVideoProxy({ apiKey: env.IACREA_API_KEY, baseUrl: env.IACREA_BASE_URL });
    return proxy(request);
  },
};
