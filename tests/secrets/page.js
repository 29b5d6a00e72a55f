// @ts-check
// Polls a list of videos with a key, shows all that comes of it, and keeps it where pages keep things. What a page
// can see of a value is told as text: `seen` is the test's to read.

import { VideoClient } from "./dist/index.js";

/** @type {Set<string>} */
const seen = new Set();
const known = new WeakSet();

/** Every property of a value, hidden and inherited ones too, as far as script can reach. @param {unknown} value @param {string} path */
function walk(value, path) {
  if (typeof value === "function" || (typeof value === "object" && value !== null)) {
    if (known.has(value)) return;
    known.add(value);
    for (let object = value; object && (object === value || !known.has(object)); object = Reflect.getPrototypeOf(object)) {
      known.add(object);
      for (const name of Reflect.ownKeys(object)) {
        seen.add(`${path}.${String(name)}`);
        try {
          walk(Reflect.get(object, name, value), `${path}.${String(name)}`);
        } catch (error) {
          seen.add(String(error));
        }
      }
    }
  }
  try {
    seen.add(`${path}: ${String(value)} ${JSON.stringify(value)}`);
  } catch {
    // a circle
  }
}

for (const event of ["error", "unhandledrejection", "securitypolicyviolation"]) {
  addEventListener(event, (happened) => walk(happened, event));
}

Object.assign(globalThis, {
  /** @param {{ apiKey: string, baseUrl: string, videos: { id: string, pace: object, limits: object }[] }} order */
  async run({ apiKey, baseUrl, videos }) {
    /** @type {Record<string, string>} */
    const ends = {};
    const next = videos.values();
    // A browser opens few connections to one host, and some videos keep theirs for long.
    const one = async () => {
      for (const { id, pace, limits } of next) {
        // One for each: one that is refused slows down all of its client.
        const client = new VideoClient({ apiKey, baseUrl, ...limits });
        walk(client, "client");
        const poll = client.poll(id, {
          ...pace,
          onUpdate: (update) => {
            walk(update, `an update of ${id}`);
            localStorage.setItem(id, poll.resumeToken());
            throw new Error(`of a listener of ${id}`, { cause: update });
          },
        });
        const [end] = await Promise.allSettled([poll.done]);
        walk(end, `the end of ${id}`);
        walk(poll, `the poll of ${id}`);
        console.log(end.status === "fulfilled" ? end.value : end.reason);
        history.replaceState({ id, token: poll.resumeToken() }, "", `?id=${encodeURIComponent(id)}&token=${encodeURIComponent(poll.resumeToken())}`);
        document.body.append(JSON.stringify(end));
        ends[id] = end.status === "fulfilled" ? "done" : String(end.reason.code);
      }
    };
    await Promise.all(Array.from({ length: 8 }, one));
    // The browser quotes an answer's type in its entries, whatever the server wrote there.
    for (const entry of performance.getEntries()) seen.add(JSON.stringify({ ...entry.toJSON(), contentType: "" }));
    for (const kept of [{ ...localStorage }, history.state, document.cookie, location.href]) seen.add(JSON.stringify(kept));
    return ends;
  },
  seen: () => [...seen].join("\n"),
});
