// @ts-check
/**
 * The server of all of them, a process of its own on the loopback interface, so that its work is nobody's. The first
 * segment of a path names the client, whose words it then speaks; `/reset?pendings=` says how often a job is not done.
 * It prints where it listens, and ends with its input.
 */

import { once } from "node:events";
import { createServer } from "node:http";
import { field, jobs } from "./field.mjs";

let scripts = scripted(0);
/** @param {number} pendings */
function scripted(pendings) {
  return new Map(field.map((entry) => [entry.file, jobs(entry, { pendings, changing: true })]));
}

const server = createServer({ keepAlive: true, keepAliveTimeout: 60_000 }, (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://local");
  if (pathname === "/reset") {
    scripts = scripted(Number(searchParams.get("pendings")));
    return response.end();
  }
  const [, file = ""] = pathname.split("/");
  const script = scripts.get(file);
  if (!script) return response.writeHead(404).end();
  const body = script.answer(pathname);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
console.log(`http://127.0.0.1:${port}`);
process.stdin.resume().once("end", () => process.exit());
