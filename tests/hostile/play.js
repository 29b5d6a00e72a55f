// @ts-check
/**
 * One user of the package, the same in Node, browsers and workerd: it does what a situation asks of it and tells,
 * as plain data, how that ended. It sees the package from outside alone, and must look for nothing of a host's own.
 */

/**
 * @typedef {{ requestTimeoutMs?: number, maxResponseBytes?: number }} ClientChoice
 * @typedef {{ timeoutMs?: number, minIntervalMs?: number, maxIntervalMs?: number, maxConsecutiveFailures?: number }} PollChoice
 *
 * @typedef {object} Task plain data too; a number that is missing in JSON is Infinity
 * @property {string} id
 * @property {string} base
 * @property {string} key
 * @property {string} [act]
 * @property {ClientChoice} [client]
 * @property {{ [option: string]: number | null }} [poll]
 *
 * @typedef {object} Told
 * @property {string} id
 * @property {string} outcome "done", the code of a VideoError, or what else came
 * @property {number} calls of fetch, by when it had settled
 * @property {number} later calls of fetch after that
 * @property {number} ms from the start to the end
 * @property {string} url of the video
 * @property {string} wrong what was broken on the way, or nothing
 *
 * @typedef {any} Package
 */

const QUIET_MS = 150;
const PACE = { minIntervalMs: 10, maxIntervalMs: 20, maxConsecutiveFailures: 3, timeoutMs: 60_000 };

/** @param {number} ms @returns {Promise<void>} */
const sleep = (ms) => new Promise((wake) => void setTimeout(wake, ms));

/** Calls of fetch by the id that they ask for. @type {Map<string, number>} */
const calls = new Map();
/** Who waits for a request or the head of its answer. @type {{ id: string, what: "asked" | "answered", act: () => void }[]} */
let awaiting = [];

const realFetch = globalThis.fetch;
const counting = (/** @type {any} */ url, /** @type {any} */ init) => {
  const id = decodeURIComponent(String(url).split("/").at(-1) ?? "");
  calls.set(id, (calls.get(id) ?? 0) + 1);
  const answer = realFetch(url, init);
  happened(id, "asked");
  answer.then(
    () => happened(id, "answered"),
    () => {},
  );
  return answer;
};
globalThis.fetch = /** @type {any} */ (counting);

/** @param {string} id @param {"asked" | "answered"} what */
function happened(id, what) {
  const now = awaiting.filter((one) => one.id === id && one.what === what);
  awaiting = awaiting.filter((one) => !now.includes(one));
  for (const { act } of now) act();
}

/** @param {string} id @param {"asked" | "answered"} what @returns {Promise<void>} */
const whenFetch = (id, what) => new Promise((act) => void awaiting.push({ id, what, act }));

/** What other people's engines say when there is no answer, and what careless code throws. @type {(() => unknown)[]} */
const REJECTIONS = [
  () => new TypeError("fetch failed", { cause: Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }) }),
  () => new TypeError("Failed to fetch"),
  () => new TypeError("Load failed"),
  () => new TypeError("NetworkError when attempting to fetch resource."),
  () => new TypeError("The network connection was lost."),
  () => new TypeError("terminated"),
  () => new Error("Network connection lost."),
  () => new Error("internal error; reference = 0123456789"),
  () => new Error("error sending request for url"),
  () => new Error(""),
  () => new RangeError("x"),
  () => new DOMException("The operation was aborted.", "AbortError"),
  () => new DOMException("signal timed out", "TimeoutError"),
  () => "socket hang up",
  () => "",
  () => undefined,
  () => null,
  () => 0,
  () => Symbol("no"),
  () => ({ status: 200, code: "invalid_argument", message: "no VideoError" }),
  () => Object.create(null),
  () => new Proxy({}, { get: thrower, has: thrower, getPrototypeOf: thrower, ownKeys: thrower }),
];

/** @returns {never} */
function thrower() {
  throw new Error("not even this");
}

/** @param {Package} iacrea @param {unknown} error @param {unknown} [reason] */
function nameOf({ VideoError }, error, reason) {
  if (error instanceof VideoError) return String(/** @type {any} */ (error).code);
  if (reason !== undefined && error === reason) return "the reason";
  return `neither a VideoError nor the reason: ${error}`;
}

/**
 * Whether a text is anywhere in a value: in names, in texts, in what an error says. Step by step, since a body may
 * be nested deeper than any stack.
 * @param {unknown} value @param {string} wanted
 */
function holds(value, wanted) {
  const rest = [value];
  const seen = new Set();
  while (rest.length > 0) {
    const one = rest.pop();
    if (typeof one === "string" && one.includes(wanted)) return true;
    if (typeof one !== "object" || one === null || seen.has(one)) continue;
    seen.add(one);
    // What an error says is not enumerable.
    for (const name of Object.getOwnPropertyNames(one)) rest.push(name, Reflect.get(one, name));
  }
  return false;
}

/**
 * @param {Package} iacrea
 * @param {Task} task
 * @returns {Promise<Told>}
 */
export async function play(iacrea, task) {
  const { id, base, key, act = "wait", client = {}, poll = {} } = task;
  const numbers = Object.entries(poll).map(([name, value]) => [name, value ?? Infinity]);
  const options = { ...PACE, ...Object.fromEntries(numbers) };
  /** @type {string[]} */
  const wrong = [];
  const look = (/** @type {unknown} */ value) => {
    if (holds(value, key)) wrong.push("the key is shown");
  };
  /** @type {any[]} */
  const updates = [];
  const watching = {
    ...options,
    onUpdate: (/** @type {any} */ update) => {
      const last = updates.at(-1);
      if (last && update.overall < last.overall) wrong.push(`overall fell from ${last.overall} to ${update.overall}`);
      updates.push(update);
      look(update);
    },
  };
  const own = new iacrea.VideoClient({ baseUrl: base, apiKey: key, requestTimeoutMs: 20_000, ...client });
  const chosen = acts[act];
  if (!chosen) throw new Error(`nothing is called ${act}`);
  const total = () => [...calls].reduce((sum, [of, count]) => (of === id || of.startsWith(`${id}~`) ? sum + count : sum), 0);
  const began = performance.now();
  let url = "";
  let outcome;
  const reason = { left: true };
  /** @type {Stage} */
  const stage = { iacrea, own, id, base, key, options: watching, bare: options, wrong, reason };
  try {
    const ended = await chosen(stage);
    if (typeof ended === "string") outcome = ended;
    else {
      outcome = "done";
      url = ended.url;
      if (ended.overall !== 1 || ended.status !== "DONE") wrong.push("it is done, but does not say so");
      look(ended);
    }
  } catch (error) {
    outcome = nameOf(iacrea, error, reason);
    look(error);
  }
  const ms = performance.now() - began;
  const before = total();
  const { asked = before } = stage;
  const told = updates.length;
  await sleep(QUIET_MS);
  if (updates.length !== told) wrong.push("an update came after the end");
  return { id, outcome, calls: asked, later: total() - before, ms, url, wrong: [...new Set(wrong)].join(", ") };
}

/**
 * @typedef {object} Stage
 * @property {Package} iacrea
 * @property {any} own
 * @property {string} id
 * @property {string} base
 * @property {string} key
 * @property {any} options which watch what is told
 * @property {any} bare
 * @property {string[]} wrong
 * @property {unknown} reason
 * @property {number} [asked] calls of a fetch of its own, if it has one
 */

/** What there is to do; each gives the video, says how it ended, or throws what it was rejected with. @type {{ [act: string]: (stage: Stage) => Promise<any> }} */
const acts = {
  wait: ({ own, id, options }) => own.waitForVideo(id, options),

  "abort asleep": (stage) => aborted(stage, (poll) => firstUpdate(poll)),
  "abort in flight": (stage) => aborted(stage, () => whenFetch(stage.id, "asked")),
  "abort in the body": (stage) => aborted(stage, () => whenFetch(stage.id, "answered")),

  "clock forward": (stage) => underStep(stage, 3_600_000),
  "clock back": (stage) => underStep(stage, -3_600_000),

  async "look later"({ own, id, options }) {
    const poll = own.poll(id, options);
    await Promise.race([poll.done, sleep(500)]);
    poll.cancel();
    return "still waiting";
  },

  async "fetch rejects"(stage) {
    const { iacrea, id, base, key, options } = stage;
    /** @type {any} */
    let video;
    const ways = REJECTIONS.flatMap((make) => [
      () => Promise.reject(make()),
      () => {
        throw make();
      },
    ]);
    for (const [at, reject] of [...ways, ...[undefined, null, "", 7, {}].map((value) => () => value)].entries()) {
      let asked = 0;
      const fetch = (/** @type {any} */ url, /** @type {any} */ init) => {
        asked += 1;
        return asked <= 2 ? reject() : counting(url, init);
      };
      const own = new iacrea.VideoClient({ baseUrl: base, apiKey: key, fetch });
      video = await own.waitForVideo(`${id}~${at}`, { ...options, onUpdate: undefined });
      if (stage.asked !== undefined && asked !== stage.asked) throw new Error(`rejection ${at} took ${asked} requests`);
      stage.asked = asked;
    }
    return video;
  },

  async "throwing listener"({ own, id, options }) {
    const { reportError } = globalThis;
    let reported = 0;
    globalThis.reportError = () => void (reported += 1);
    const { error } = console;
    console.error = () => void (reported += 1);
    try {
      let told = 0;
      const video = await own.waitForVideo(id, {
        ...options,
        onUpdate(/** @type {any} */ update) {
          options.onUpdate(update);
          told += 1;
          throw new Error("of the listener");
        },
      });
      if (reported !== told) throw new Error(`${told} thrown, ${reported} reported`);
      return video;
    } finally {
      console.error = error;
      if (reportError) globalThis.reportError = reportError;
      else Reflect.deleteProperty(globalThis, "reportError");
    }
  },

  async "two waits"({ own, id, options, bare }) {
    const [video, second] = await Promise.all([own.waitForVideo(id, options), own.waitForVideo(id, bare)]);
    if (video.url !== second.url) throw new Error("they end apart");
    return video;
  },

  async listeners({ own, id, options }) {
    const { signal } = new AbortController();
    let hung = 0;
    const { addEventListener, removeEventListener } = signal;
    const listeners = new Set();
    signal.addEventListener = (/** @type {any[]} */ ...of) => {
      hung += 1;
      listeners.add(of[1]);
      return Reflect.apply(addEventListener, signal, of);
    };
    signal.removeEventListener = (/** @type {any[]} */ ...of) => {
      listeners.delete(of[1]);
      return Reflect.apply(removeEventListener, signal, of);
    };
    // One after the other, and some at the same time: the two ways to leave something behind.
    for (let at = 0; at < 10; at += 1) await own.waitForVideo(`${id}~${at}`, { ...options, onUpdate: undefined, signal });
    await Promise.all(Array.from({ length: 10 }, (_, at) => own.waitForVideo(`${id}~${at + 10}`, { ...options, onUpdate: undefined, signal })));
    if (hung === 0) throw new Error("nobody listened to the signal");
    return listeners.size === 0 && signal.onabort === null ? "none left" : `${listeners.size} left`;
  },

  async webhook({ iacrea, own, id, base, options }) {
    const poll = own.poll(id, options);
    await firstUpdate(poll);
    const body = JSON.stringify({ status: "DONE", id, url: "https://elsewhere.example/wrong.webm", timestamp: 1_000_000_000 });
    const hint = await iacrea.readWebhook(new Request(`${base}/hook?videoId=${id}&status=DONE`, { method: "POST", body }));
    if (hint?.videoId !== id || Object.keys(hint).length !== 1) throw new Error("a webhook is a hint, and no more");
    const asked = whenFetch(id, "answered");
    poll.pollNow();
    await asked;
    await Promise.race([poll.done, sleep(100)]);
    poll.cancel();
    return "still waiting";
  },

  async "damaged tokens"({ iacrea, own, id, options }) {
    const poll = own.poll(id, options);
    const token = poll.resumeToken();
    poll.cancel();
    const damaged = [token.slice(0, -1), token.slice(1), `${token}x`, `${token}${token}`, token.toUpperCase(), [...token].reverse().join("")];
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === "7" ? "8" : "7";
      damaged.push(token.slice(0, at) + other + token.slice(at + 1));
    }
    return refusals(iacrea, own, id, damaged);
  },

  "foreign tokens": ({ iacrea, own, id }) =>
    refusals(iacrea, own, id, ['{"state":null}', "{}", "null", "", " ", "it1", "it1,", "it1-new,x,0,,,,0", "eyJhbGciOiJub25lIn0.e30.", "\0", "[".repeat(100_000), 7, null, {}, []]),
};

/** How all of these are refused, if alike. @param {Package} iacrea @param {any} own @param {string} id @param {unknown[]} tokens */
async function refusals(iacrea, own, id, tokens) {
  const ends = new Set();
  for (const resumeToken of tokens) {
    ends.add(await own.waitForVideo(id, { resumeToken }).then(() => `done with ${resumeToken}`, (/** @type {unknown} */ error) => nameOf(iacrea, error)));
  }
  return [...ends].join(", ");
}

/** @param {any} poll @returns {Promise<void>} */
const firstUpdate = (poll) =>
  new Promise((resolve, reject) => {
    poll.subscribe(() => resolve());
    poll.done.catch(reject);
  });

/** Aborts once the poll is somewhere, and wants the reason itself. @param {Stage} stage @param {(poll: any) => Promise<void>} reach */
async function aborted({ own, id, options, reason }, reach) {
  const controller = new AbortController();
  const poll = own.poll(id, { ...options, signal: controller.signal });
  await reach(poll);
  await sleep(20); // so that it is there for good, as far as can be told from here
  controller.abort(reason);
  return poll.done;
}

/** Steps the wall clock after the first answer. @param {Stage} stage @param {number} by */
async function underStep({ own, id, options, wrong }, by) {
  const { now } = Date;
  try {
    return await own.waitForVideo(id, {
      ...options,
      onUpdate(/** @type {any} */ update) {
        options.onUpdate(update);
        if (update.elapsedMs > 60_000) wrong.push("it believes the wall clock");
        Date.now = () => now() + by;
      },
    });
  } finally {
    Date.now = now;
  }
}

/**
 * Plays them, some at a time, in their order.
 * @param {Package} iacrea
 * @param {Task[]} tasks
 * @param {number} together
 */
export async function playAll(iacrea, tasks, together) {
  /** @type {Told[]} */
  const told = [];
  const rest = tasks[Symbol.iterator]();
  const work = async () => {
    for (const task of rest) told.push(await play(iacrea, task));
  };
  await Promise.all(Array.from({ length: together }, work));
  return told;
}

/**
 * How late a poll settles after its signal or at its deadline, one sample for each id; and how late a bare timer is
 * that was set for the same moment.
 * @param {Package} iacrea
 * @param {{ base: string, key: string, ids: string[], cause: "abort" | "deadline", place: "asleep" | "in flight" | "in the body", together: number }} choice
 */
export async function latencies({ VideoClient }, { base, key, ids, cause, place, together }) {
  /** @type {{ late: number, bare: number }[]} */
  const samples = [];
  let later = 0;
  const own = new VideoClient({ baseUrl: base, apiKey: key });
  const pace = { minIntervalMs: 60_000, maxIntervalMs: 60_000 };
  const sample = async (/** @type {string} */ id) => {
    const controller = new AbortController();
    const timeoutMs = 60;
    const there = place === "asleep" ? undefined : whenFetch(id, place === "in flight" ? "asked" : "answered");
    const began = performance.now();
    // What a machine that is busy does to any timer is no work of the package.
    const bare = cause === "abort" ? Promise.resolve(0) : sleep(timeoutMs).then(() => performance.now() - began - timeoutMs);
    const poll = own.poll(id, { ...pace, signal: controller.signal, ...(cause === "deadline" && { timeoutMs }) });
    let due = began + timeoutMs;
    // On a busy machine the end may come first.
    await Promise.race([there ?? firstUpdate(poll), poll.done]).catch(() => {});
    if (cause === "abort") {
      await sleep(3);
      due = performance.now();
      controller.abort("enough");
    }
    await poll.done.catch(() => {});
    const late = performance.now() - due;
    samples.push({ late, bare: await bare });
    return calls.get(id) ?? 0;
  };
  const rest = ids[Symbol.iterator]();
  /** @type {Map<string, number>} */
  const settled = new Map();
  const work = async () => {
    for (const id of rest) settled.set(id, await sample(id));
  };
  await Promise.all(Array.from({ length: together }, work));
  await sleep(QUIET_MS);
  for (const [id, count] of settled) later += (calls.get(id) ?? 0) - count;
  return { samples, later };
}
