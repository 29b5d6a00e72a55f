// @ts-check
// `cargo xtask demo` itself: it hands its switches, its environment and its place over to the demo server. XTASK_BIN
// names the program.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { it } from "node:test";

const { XTASK_BIN } = process.env;
assert.ok(XTASK_BIN, "run this test with `cargo xtask test --only server`");
const program = XTASK_BIN;

it("becomes the server, which has the key, and ends when it is asked to", { timeout: 60_000 }, async () => {
  const env = { ...process.env, IACREA_API_KEY: "secret-key", IACREA_BASE_URL: "https://example.invalid/below" };
  const child = spawn(program, ["demo", "--no-build", "--port", "0"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const errors = text(child.stderr);
  const [address] = await once(createInterface(child.stdout), "line");
  const page = await (await fetch(address)).text();
  assert.match(page, /content="sim live"/);
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.match(await errors, /^Real videos: https:\/\/example\.invalid with IACREA_API_KEY$/m);
});

it("says before it builds anything that the port is in use", { timeout: 60_000 }, async () => {
  const child = spawn(program, ["demo", "--no-build", "--port", "0", "--static"], { stdio: ["ignore", "pipe", "ignore"] });
  const [address] = await once(createInterface(child.stdout), "line");
  const { port } = new URL(address);
  const late = spawn(program, ["demo", "--port", port], { stdio: ["ignore", "ignore", "pipe"] });
  const [said, [code]] = await Promise.all([text(late.stderr), once(late, "exit")]);
  assert.equal(code, 1);
  assert.match(said, new RegExp(`^error: port ${port} is in use: .*\`--port 0\` for a free one\n$`));
  child.kill();
});
