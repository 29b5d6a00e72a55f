// @ts-check
// Its pause is 4.5 to 7.5 s and cannot be set.

import RunwayML from "@runwayml/sdk";

/** @param {import("./place.d.ts").Place} place @returns {import("./place.d.ts").Wait} */
export function open({ baseUrl, fetch }) {
  const client = new RunwayML({ apiKey: "a-key", baseURL: baseUrl, fetch });
  return (id) => client.tasks.retrieve(id).waitForTaskOutput();
}
