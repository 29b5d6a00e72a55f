// @ts-check
/**
 * Inputs at random, by rules that shrink: a failure ends with the smallest input that still fails, and with its seed. The
 * same cases in each run of the gate, and a hundred times as many with `cargo xtask test --all`, from another seed.
 */

import fc from "fast-check";

/** @param {number} cases in the gate */
export function runs(cases) {
  return process.env.ALL ? { numRuns: cases * 100 } : { numRuns: cases, seed: 1 };
}

/** The words of the API, and what is like them. */
const WORDS = [
  "status", "progress", "url", "videoUrl", "video_url", "finalVideoUrl", "outputUrl", "id", "videoId", "video_id", "message", "error",
  "generatedContent", "effect", "format", "category", "text", "creditsTotal", "creditsUsed", "data", "payload", "video", "__proto__", "constructor", "",
];
const VALUES = [
  "GENERATING_VIDEO", "START_RENDERING_VIDEO", "RENDERING_VIDEO", "DONE", "PENDING", "ERROR", "done", "pending", "success", "error",
  "https://media.example/v.mp4", "https://", "javascript:alert(1)", "0.5", "45%", "\u0000", "\ud800", "%00", "..", "null",
];

/** @type {{ status: fc.Arbitrary<object>, value: fc.Arbitrary<unknown> }} */
const { status } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    { arbitrary: fc.constantFrom(...VALUES), weight: 4 },
    { arbitrary: fc.oneof(fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.string()), weight: 3 },
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...WORDS), tie("value"), { maxKeys: 6 }),
  ),
  status: fc.record(
    {
      status: fc.oneof(fc.constantFrom(...VALUES.slice(0, 8)), tie("value")),
      progress: tie("value"),
      url: tie("value"),
      id: tie("value"),
      message: tie("value"),
      generatedContent: fc.array(fc.dictionary(fc.constantFrom(...WORDS), tie("value"), { maxKeys: 8 }), { maxLength: 5 }),
      creditsTotal: tie("value"),
      creditsUsed: tie("value"),
      videoUrl: tie("value"),
    },
    { requiredKeys: ["status"] },
  ),
}));
/** A value in the shape of a status, more or less: few letters of it are by chance, most are words that the API uses. */
export const statusLike = status;

/** A body: mostly a status as JSON, cut or changed in places; else any text. */
export const body = fc.oneof(
  { arbitrary: statusLike.map((value) => JSON.stringify(value)), weight: 4 },
  { arbitrary: edited(statusLike.map((value) => JSON.stringify(value))), weight: 3 },
  fc.json(),
  fc.string({ unit: "binary" }),
);

/**
 * A text with a few places changed.
 * @param {fc.Arbitrary<string>} texts
 */
export function edited(texts) {
  const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), length: fc.nat(6), put: fc.oneof(fc.constantFrom(...VALUES, '"', "{", "]", ",", "\\", "&#47;", "%2"), fc.string({ unit: "binary", maxLength: 4 })) });
  return fc.tuple(texts, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([text, edits]) => {
    let changed = text;
    for (const { at, length, put } of edits) {
      const from = Math.floor(at * changed.length);
      changed = changed.slice(0, from) + put + changed.slice(from + length);
    }
    return changed;
  });
}

/** What a header can hold, as far as fetch has it. */
export const headerValue = fc.string({ unit: fc.constantFrom(..."0123456789abcxyz ,:;=/\"+-GMTSun".split(""), "\u00e9", "\t"), maxLength: 40 });

/** The status line of a response that has a body. */
export const httpStatus = fc.oneof({ arbitrary: fc.constant(200), weight: 4 }, fc.integer({ min: 200, max: 599 }).filter((status) => ![204, 205, 304].includes(status)));
