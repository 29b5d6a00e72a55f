// @ts-check
// The way to the real service: the package's own proxy, for pages of this server alone. The key is in its options and
// nowhere else.

import { createVideoProxy } from "../../pkg/dist/edge.js";

const DEFAULT_BASE = "https://iacrea.com";

/**
 * What IACREA_API_KEY and IACREA_BASE_URL ask for; nothing without a key. Throws an Error for what cannot be used.
 * @param {Record<string, string | undefined>} environment
 */
export function liveFrom(environment) {
  const apiKey = environment["IACREA_API_KEY"]?.trim();
  const baseUrl = environment["IACREA_BASE_URL"]?.trim() || DEFAULT_BASE;
  if (!apiKey) return undefined;
  // Each request that the page shows went to the service: none is given another's response.
  const proxy = checked(() => createVideoProxy({ apiKey, baseUrl, authorize: isOfThisSite, shareMs: 0 }));
  return { apiKey, baseUrl, origin: new URL(baseUrl).origin, proxy };
}

/**
 * No page elsewhere can read a response, but a request alone makes the account's videos go on.
 * @param {Request} request
 */
function isOfThisSite({ headers }) {
  return ["same-origin", "none", null].includes(headers.get("sec-fetch-site"));
}

/** @template T @param {() => T} make @returns {T} */
function checked(make) {
  try {
    return make();
  } catch (error) {
    // The package names its own options, and quotes none of their values.
    const why = error instanceof Error ? error.message : "they cannot be used";
    const named = why.replace("apiKey", "IACREA_API_KEY").replace("baseUrl", "IACREA_BASE_URL");
    throw new Error(`real videos cannot be had with IACREA_API_KEY and IACREA_BASE_URL as they are set: ${named}`);
  }
}
