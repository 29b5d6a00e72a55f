// @ts-check

import Replicate from "replicate";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch, intervalMs }) {
  const replicate = new Replicate({ auth: "a-key", baseUrl, fetch });
  const started = /** @type {import("replicate").Prediction} */ ({ status: "starting" });
  return (id) => replicate.wait({ ...started, id }, { interval: intervalMs });
}
