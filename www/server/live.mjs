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
  try {
    createVideoProxy({ apiKey });
  } catch {
    throw new Error("IACREA_API_KEY holds a character that no header can hold: copy it again");
  }
  try {
    // Each request that the page shows went to the service: none is given another's response.
    const proxy = createVideoProxy({ apiKey, baseUrl, authorize: isOfThisSite, shareMs: 0 });
    return { apiKey, baseUrl, origin: new URL(baseUrl).origin, proxy };
  } catch (error) {
    // The package quotes nothing of what it is given.
    const why = error instanceof Error ? error.message.replace(/^invalid argument: |; only in a browser.*$/g, "").replace("baseUrl", "it") : "";
    throw new Error(`IACREA_BASE_URL cannot be used: ${why}. Set it to one like ${DEFAULT_BASE}, or not at all`);
  }
}

/**
 * No page elsewhere can read a response, but a request alone makes the account's videos go on.
 * @param {Request} request
 */
function isOfThisSite({ headers }) {
  return ["same-origin", "none", null].includes(headers.get("sec-fetch-site"));
}
