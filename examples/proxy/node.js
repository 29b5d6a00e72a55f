// The proxy in Node: node node.js

import { createServer } from "node:http";
import { createVideoProxy } from "iacrea-video/edge";

const proxy = createVideoProxy({
  apiKey: process.env.IACREA_API_KEY,
  baseUrl: process.env.IACREA_BASE_URL,
});

const server = createServer(async (incoming, outgoing) => {
  // A caller who leaves need not be waited for.
  const leaving = new AbortController();
  outgoing.once("close", () => leaving.abort());
  try {
    const { method, headers, url } = incoming;
    const response = await proxy(new Request(`http://localhost${url}`, { method, headers, signal: leaving.signal }));
    outgoing.setHeaders(response.headers);
    outgoing.writeHead(response.status).end(Buffer.from(await response.arrayBuffer()));
  } catch {
    outgoing.writeHead(400).end(); // a method or path that no Request can have
  }
});

server.listen(process.env.PORT ?? 3000, process.env.HOST, () => {
  console.log(`Listening on port ${server.address().port}`);
});
