// @ts-check
/**
 * The field: who is measured, and what each asks and is told. All are told the same of a job, each in the words of
 * its own protocol: that it is not done, so many times, then that it is; and each time the same clips.
 */

/**
 * @typedef {object} Entry
 * @property {string} file its program in clients/
 * @property {string} label
 * @property {string} [npm] the package, where its version is of interest
 * @property {boolean} [ours]
 * @property {boolean} [wasm] whether the module is a file of its own
 * @property {{ pending: object, done: object }} says
 * @property {[number, number]} [pauseMs] where it cannot be set
 * @property {boolean} [refusesPages] whether it runs on servers alone
 */

const ours = { pending: { status: "GENERATING_VIDEO" }, done: { status: "DONE", url: "https://media.example/v.mp4" } };

/** @type {Entry[]} */
export const field = [
  { file: "hand-written", label: "hand-written loop", says: ours },
  { file: "iacrea-video-slim", label: "iacrea-video/slim", ours: true, wasm: true, says: ours },
  { file: "iacrea-video", label: "iacrea-video", ours: true, says: ours },
  { file: "p-wait-for", label: "p-wait-for + fetch", npm: "p-wait-for", says: ours },
  {
    file: "azure-core-lro",
    label: "@azure/core-lro",
    npm: "@azure/core-lro",
    says: { pending: { status: "running" }, done: { status: "succeeded" } },
  },
  {
    file: "replicate",
    label: "replicate",
    npm: "replicate",
    says: { pending: { status: "processing" }, done: { status: "succeeded" } },
  },
  {
    file: "runwayml",
    label: "@runwayml/sdk",
    npm: "@runwayml/sdk",
    says: { pending: { status: "RUNNING" }, done: { status: "SUCCEEDED" } },
    pauseMs: [4_500, 7_500],
    refusesPages: true,
  },
  {
    file: "fal",
    label: "@fal-ai/client",
    npm: "@fal-ai/client",
    says: { pending: { status: "IN_PROGRESS" }, done: { status: "COMPLETED" } },
  },
  { file: "ai", label: "ai (no provider)", npm: "ai", says: { pending: { status: "pending" }, done: { status: "completed" } } },
  {
    file: "openai",
    label: "openai",
    npm: "openai",
    says: { pending: { status: "in_progress" }, done: { status: "completed" } },
  },
];

/** @param {string} file */
export function entryOf(file) {
  const entry = field.find((entry) => entry.file === file);
  if (!entry) throw new Error(`clients/${file}.mjs is not in the field: ${field.map(({ file }) => file).join(", ")}`);
  return entry;
}

/** The usual size of an answer: a few clips. */
export const CLIPS = 8;

/**
 * What a client is told, as texts: two that differ while the job is on its way, and one at its end.
 * @param {Entry} entry
 * @param {number} [clips]
 */
function bodies({ says }, clips = CLIPS) {
  const body = (/** @type {object} */ said, /** @type {number} */ ready, creditsUsed = 10) =>
    JSON.stringify({
      id: "job",
      ...said,
      creditsTotal: 90,
      creditsUsed,
      generatedContent: Array.from({ length: clips }, (_, at) => ({
        id: `clip-${at}`,
        url: at < ready ? `https://media.example/clip-${at}.mp4` : undefined,
        effect: "CAMERA_PUSH_IN",
        category: "kitchen",
        status: at < ready ? "success" : "pending",
      })),
    });
  const half = clips >> 1;
  return { pending: [body(says.pending, half), body(says.pending, half, 11)], done: body(says.done, clips) };
}

/**
 * @typedef {object} Script
 * @property {number} pendings
 * @property {number} [clips]
 * @property {boolean} [changing] whether no two answers in a row are the same, so that each must be read
 */

/**
 * Answers questions by their path: about each job "not done" so many times, then "done" for ever.
 * @param {Entry} entry
 * @param {Script} script
 * @returns {{ answer: (path: string) => string, count: () => number }}
 */
export function jobs(entry, { pendings, clips, changing = false }) {
  const { pending, done } = bodies(entry, clips);
  /** @type {Map<string, number>} */
  const asked = new Map();
  let count = 0;
  return {
    answer(path) {
      const before = asked.get(path) ?? 0;
      asked.set(path, before + 1);
      count += 1;
      if (before >= pendings) return done;
      return /** @type {string} */ (pending[changing ? before % 2 : 0]);
    },
    count: () => count,
  };
}
