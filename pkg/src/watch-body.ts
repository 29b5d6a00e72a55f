/**
 * A response that is valid, but longer than its host can keep. The video is paid for, so what is left out is what can be
 * fetched again or done without, and never the outcome: first what clips say of themselves, then the clips, then all
 * that is neither a short value nor a web address.
 */

const WEB_ADDRESS = /^\s*https?:\/\//i;
/** Whole code points: half of a surrogate pair would be no JSON to a strict reader. */
const BEGINNING = /^[^]{0,1000}/u;
const LONGEST_MEMBER = 1_000;

/** The same response ever shorter, and at last none at all, which the machine takes for a response without a status. */
export function* shortened(body: string): Generator<string> {
  let status: unknown;
  try {
    status = JSON.parse(body);
  } catch {
    // It has no status either.
  }
  if (typeof status === "object" && status !== null && !Array.isArray(status)) {
    const { generatedContent } = status as { generatedContent?: unknown };
    const clips = Array.isArray(generatedContent) ? generatedContent : [];
    yield JSON.stringify({ ...status, generatedContent: clips.map(essenceOf) });
    // An empty list, since one that is missing stands for the last one.
    yield JSON.stringify({ ...status, generatedContent: [] });
    yield JSON.stringify({ ...Object.fromEntries(Object.entries(status).flatMap(shortMember)), generatedContent: [] });
  }
  yield "";
}

/** Where a clip is and how far; not its texts. */
function essenceOf(clip: unknown): unknown {
  if (typeof clip !== "object" || clip === null) return clip;
  const { id, url, status } = clip as Readonly<Record<string, unknown>>;
  return { id, url, status };
}

function shortMember([name, value]: [string, unknown]): [string, unknown][] {
  if (typeof value === "string") return [[name, WEB_ADDRESS.test(value) ? value : BEGINNING.exec(value)?.[0]]];
  const isShort = name.length + JSON.stringify(value).length <= LONGEST_MEMBER;
  return isShort ? [[name, value]] : [];
}
