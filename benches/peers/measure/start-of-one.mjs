// @ts-check
/** One client in a process of its own, from `import()` to the call of `fetch`. Prints one JSON. */

import { bring } from "./client.mjs";

const [file = ""] = process.argv.slice(2);
// What the host loads for its first module and its first request is nobody's.
await import("node:url");
new Request("http://memory.example");
new Response();

/** @param {Promise<{ open: Awaited<ReturnType<typeof bring>>["open"] }>} brought @param {number} began */
async function first(brought, began) {
  const { open } = await brought;
  return new Promise((resolve) => {
    const fetch = () => {
      resolve(performance.now() - began);
      return new Promise(() => {});
    };
    void open({ baseUrl: "http://memory.example", fetch, intervalMs: 1 })("job");
  });
}

const brought = bring(file, { hastened: false });
const cold = await first(brought, performance.now());
const warm = await first(brought, performance.now());
console.log(JSON.stringify({ cold, warm }));
process.exit();
