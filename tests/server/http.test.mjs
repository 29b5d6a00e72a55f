// @ts-check
/** What the servers of the demo and of the tests do with a connection, where only a real one shows it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { endWithTest } from "../support/children.mjs";

const HTTP = new URL("../../www/server/http.mjs", import.meta.url).href;

/** What a caller hears of a connection that is reset at some moment, and whether the process ends. @param {string} act what is done to the socket */
async function outcome(act) {
  const program = `
    import { connect, createServer } from "node:net";
    import { reset } from ${JSON.stringify(HTTP)};
    const server = createServer((socket) => {
      socket.on("error", () => {});
      ${act}
    });
    server.listen(0, "127.0.0.1", () => {
      const caller = connect(server.address().port, "127.0.0.1");
      caller.on("error", ({ code }) => console.log(code));
      caller.on("close", () => server.close()).resume();
      caller.end("x");
    });`;
  const child = endWithTest(spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] }));
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return { said: said.trim(), code };
}

describe("a connection that is reset", { timeout: 60_000 }, () => {
  it("is heard of as such", async () => {
    assert.deepEqual(await outcome("reset(socket);"), { said: "ECONNRESET", code: 0 });
    assert.deepEqual(await outcome('socket.write("x", () => reset(socket));'), { said: "ECONNRESET", code: 0 });
  });

  for (const [when, act] of [
    ["in the same moment", 'socket.end("x"); reset(socket);'],
    ["in the next moment", 'socket.end("x"); setImmediate(() => reset(socket));'],
    ["with much to be sent", 'socket.end("x".repeat(1e6)); reset(socket);'],
    ["because its caller has ended it", 'socket.resume().on("end", () => reset(socket));'],
    ["twice", 'socket.end("x"); reset(socket); reset(socket);'],
  ]) {
    it(`while it is shut down lets its process end: ${when}`, async () => {
      assert.equal((await outcome(act ?? "")).code, 0);
    });
  }
});
