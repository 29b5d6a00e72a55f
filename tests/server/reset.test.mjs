// @ts-check
/** The servers of the demo and of the tests break connections off, and end all the same. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { endWithTest } from "../support/children.mjs";

const HTTP = JSON.stringify(new URL("../../www/server/http.mjs", import.meta.url).href);

/** What a client and the server see, as a program of its own: the promise is that it ends. @param {string} before what is done to the socket first */
async function outcome(before) {
  const program = `
    import { connect, createServer } from "node:net";
    import { reset } from ${HTTP};
    const server = createServer((socket) => {
      server.close();
      socket.on("error", (error) => console.log("server", error.code));
      ${before}
      process.nextTick(reset, socket);
    });
    server.listen(0, "127.0.0.1", () => connect(server.address().port, "127.0.0.1")
      .on("error", (error) => console.log("client", error.code))
      .on("end", () => console.log("client end"))
      .resume());
  `;
  const child = endWithTest(spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] }));
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  assert.equal(code, 0);
  return printed.trim();
}

describe("a connection that is broken off", { timeout: 60_000 }, () => {
  it("is reset", async () => {
    assert.equal(await outcome(""), "client ECONNRESET");
  });

  it("just ends where it is being closed already, and the program with it", async () => {
    assert.equal(await outcome("socket.end();"), "client end");
  });
});
