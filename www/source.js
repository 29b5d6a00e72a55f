// @ts-check
// Where videos come from: the simulator in this page, the simulator behind the demo server, or the real service
// through that server; and whether a Worker watches them. It gives out client options; no key may ever appear here.

/** @import { ClientOptions } from "./iacrea-video/index.js" */
/** @import { SavedVideo, Simulator, SimulatorScenario } from "./iacrea-video/simulator.js" */
/** @import { Session } from "./session.js" */

/** @typedef {{ scenario: string, speed: number }} Choice */
/** @typedef {Pick<SimulatorScenario, "name" | "title" | "description" | "group">} Scenario */

const servers = document.querySelector("meta[name=demo-server]")?.getAttribute("content")?.split(" ") ?? [];
export const overHttp = servers.includes("sim");
export const hasLive = servers.includes("live");
export const hasWatcher = servers.includes("watcher");

/**
 * Whether a Worker watches these videos: they go on without this page.
 * @param {Session["source"]} source
 */
export function isWatched(source) {
  // Where there is no real service, the simulator is what the Worker asks.
  return hasWatcher && (source === "live" || (overHttp && !hasLive));
}

/**
 * What can be simulated, for a list.
 * @returns {Promise<readonly Scenario[]>}
 */
export async function scenarios() {
  if (overHttp) return controlPlane("scenarios");
  return (await import("./iacrea-video/simulator.js")).scenarioCatalogue;
}

/**
 * Has a new video made up; its id.
 * @param {Choice} choice
 * @returns {Promise<string>}
 */
export async function createVideo(choice) {
  const video = { ...choice, seed: anySeed() };
  if (!overHttp) return (await inPage()).createVideo(video);
  const { id } = await controlPlane("videos", { method: "POST", body: JSON.stringify(video) });
  return id;
}

/**
 * How a client reaches the session's video.
 * @param {Session} session
 * @returns {Promise<ClientOptions>}
 */
export async function connect(session) {
  const { kind } = session;
  // Its first answer waits for the service's, whatever the speed.
  if (isWatched(session.source)) return { kind, baseUrl: "/live", follow: "events", requestTimeoutMs: 30_000 };
  if (session.source === "live") return { kind, baseUrl: "/live" };
  if (overHttp) return { kind, baseUrl: "/sim" };
  const simulator = await inPage();
  // After a reload the new simulator does not know the old one's video.
  if (session.simulated !== undefined && simulator.saveVideo(session.id) === undefined) {
    simulator.createVideo(session.simulated);
  }
  return { kind, baseUrl: "/", fetch: simulator.fetch };
}

/**
 * What a later page needs to know the session's video again; nothing where a server keeps it.
 * @param {Session} session
 * @returns {SavedVideo | undefined}
 */
export function saved(session) {
  return made?.saveVideo(session.id);
}

/** @type {Simulator | undefined} */
let made;

async function inPage() {
  const { createSimulator } = await import("./iacrea-video/simulator.js");
  made ??= createSimulator({ seed: anySeed(), mediaBase: new URL("media", document.baseURI) });
  return made;
}

const anySeed = () => Math.floor(Math.random() * 2 ** 32);

/** @param {string} path @param {RequestInit} [init] */
async function controlPlane(path, init) {
  const response = await fetch(`/sim/simulator/${path}`, init);
  if (!response.ok) throw new Error(`The simulator answered ${response.status}`);
  return response.json();
}
