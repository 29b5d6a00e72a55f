// @ts-check
// What a person can choose and press. It reports wishes and shows what is possible; whether a wish is fulfilled is
// decided by app.js.

import { byId, element, setText } from "./element.js";

/** @import { Session } from "./session.js" */
/** @import { Choice, Scenario } from "./source.js" */
/** @import { Stage } from "./app.js" */

/** @type {Record<string, string>} */
const GROUPS = {
  life: "Courses a video takes",
  dialect: "Ways a server words it",
  fault: "Trouble that passes",
  end: "Bad ends",
};

/**
 * @param {object} wishes
 * @param {(choice: Choice) => void} wishes.start
 * @param {() => void} wishes.stop
 * @param {() => void} wishes.resume
 * @param {(video: { id: string, kind: "video" | "auto" }) => void} wishes.watchLive
 */
export function createControls(wishes) {
  const form = byId("simulated", HTMLFormElement);
  const scenario = byId("scenario", HTMLSelectElement);
  const about = byId("scenario-about", HTMLElement);
  const toggle = byId("toggle", HTMLButtonElement);
  const live = byId("live", HTMLFormElement);
  const liveId = byId("live-id", HTMLInputElement);
  const liveAuto = byId("live-auto", HTMLInputElement);
  /** @type {Map<string, Scenario>} */
  let known = new Map();
  /** @type {(() => void) | undefined} */
  let toggled;

  const describe = () => setText(about, known.get(scenario.value)?.description ?? "");
  scenario.addEventListener("change", describe);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    wishes.start(choice());
  });
  toggle.addEventListener("click", () => toggled?.());
  live.addEventListener("submit", (event) => {
    event.preventDefault();
    wishes.watchLive({ id: liveId.value.trim(), kind: liveAuto.checked ? "auto" : "video" });
  });

  function choice() {
    return { scenario: scenario.value || "happy", speed: Number(new FormData(form).get("speed")) };
  }

  return {
    choice,
    toggle,
    offerLive() {
      live.hidden = false;
    },
    /** @param {readonly Scenario[]} scenarios */
    offer(scenarios) {
      const chosen = scenario.value;
      known = new Map(scenarios.map((one) => [one.name, one]));
      const groups = [...new Set(scenarios.map((one) => one.group))];
      scenario.replaceChildren(...groups.map((group) => {
        const options = scenarios.filter((one) => one.group === group)
          .map((one) => element("option", { value: one.name }, one.title));
        return element("optgroup", { label: GROUPS[group] ?? group }, ...options);
      }));
      if (known.has(chosen)) scenario.value = chosen;
      describe();
    },
    /** Shows what a session that is taken up again was started with. @param {Session} chosen */
    choose(chosen) {
      if (chosen.source === "live") {
        liveId.value = chosen.id;
        liveAuto.checked = chosen.kind === "auto";
        return;
      }
      // The list may still be on its way.
      if (!known.has(chosen.scenario)) {
        scenario.append(element("option", { value: chosen.scenario }, chosen.scenario));
      }
      scenario.value = chosen.scenario;
      for (const radio of form.querySelectorAll("input")) radio.checked = Number(radio.value) === chosen.speed;
      describe();
    },
    /** @param {Stage} stage @param {boolean} resumable */
    show(stage, resumable) {
      const running = stage === "running";
      toggled = running ? wishes.stop : resumable ? wishes.resume : undefined;
      setText(toggle, resumable ? "Resume" : "Stop");
      // Not `disabled`: that would throw the keyboard's focus away just when a run ends.
      toggle.setAttribute("aria-disabled", String(toggled === undefined));
    },
  };
}
