/**
 * How the end of a watch reaches the user's own server: under a name that is the same whenever this end is found, and
 * signed as https://www.standardwebhooks.com has it, so that a receiver can tell our callbacks from anybody's.
 */

import { invalidArgument } from "./error.js";
import type { Video } from "./route.js";
import { TIME_LIMIT_MS } from "./upstream.js";
import type { WatchedVideo, WatchFailure, WatchMessage } from "./watcher.js";

/** A change after which there is no other. */
export type LastChange =
  | { readonly type: "done"; readonly update: WatchedVideo }
  | { readonly type: "failed"; readonly error: WatchFailure };

/** With the prefix that Standard Webhooks gives to secrets, or without; the padding may be left out. */
const SECRET = /^(?:whsec_)?([A-Za-z0-9+/]+)={0,2}$/;
const [SHORTEST_SECRET, LONGEST_SECRET] = [24, 64];

/**
 * The name of an end: a digest of what the video is known by and what came of it. A watch that is begun anew and
 * finds the same end must not look like news. It is made of hexadecimal digits, since a header must be able to hold it,
 * and a signature's text is cut at full stops.
 */
export async function deliveryIdOf({ kind, id }: Video, change: LastChange): Promise<string> {
  const end = change.type === "done" ? [change.update.url, change.update.videoId] : [change.error.code, change.error.httpStatus];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify([kind, id, change.type, ...end])));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of a signing secret. What is wrong with another is said without a letter of it. */
export function signingKeyFrom(secret: unknown): Uint8Array<ArrayBuffer> {
  const base64 = typeof secret === "string" ? SECRET.exec(secret.trim())?.[1] : undefined;
  // A last group of one letter is half a byte, which no encoder writes and `atob` throws on.
  const text = base64 === undefined || base64.length % 4 === 1 ? "" : atob(base64);
  if (text.length < SHORTEST_SECRET || text.length > LONGEST_SECRET) {
    throw invalidArgument(
      `callbackSecret must be the base64 of ${SHORTEST_SECRET} to ${LONGEST_SECRET} random bytes, after "whsec_" or alone; \`openssl rand -base64 32\` makes one`,
    );
  }
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** Sends a message to the callback, signed where there is a key; any response but 2xx is a failure. */
export async function post(url: string, message: WatchMessage, key: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
  const body = JSON.stringify(message);
  const response = await globalThis.fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key && (await signatureOf(message.deliveryId, body, key))) },
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the callback answered ${response.status}`);
}

/** Made anew for each attempt: a receiver refuses what was signed some minutes ago, as somebody's recording. */
async function signatureOf(id: string, body: string, key: Uint8Array<ArrayBuffer>): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", hmac, new TextEncoder().encode(`${id}.${timestamp}.${body}`));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(signature)));
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${base64}` };
}
