// The proxy in Next.js, as app/api/video-editor/generate/video/[...id]/route.js

import { createVideoProxy } from "iacrea-video/edge";

const proxy = createVideoProxy({
  apiKey: () => process.env.IACREA_API_KEY, // asked for at each request: `next build` has none
  baseUrl: process.env.IACREA_BASE_URL,
});

export { proxy as GET, proxy as HEAD, proxy as OPTIONS };
