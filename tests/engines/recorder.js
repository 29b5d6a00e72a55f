// Keeps what a page shows from its first moment on, and everything that goes wrong in it. The first script of each
// page under test; it must change nothing of what the page does.

/** @type {{ percents: number[], complaints: string[] }} */
const recorded = { percents: [], complaints: [] };
Object.assign(globalThis, { recorded });

{
  const { percents, complaints } = recorded;
  const look = () => {
    const now = document.getElementById("progress")?.getAttribute("aria-valuenow");
    if (now && percents.at(-1) !== Number(now)) percents.push(Number(now));
  };
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  });

  addEventListener("error", (event) => {
    const { target } = event;
    const broken = target instanceof Element ? target.getAttribute("src") ?? target.getAttribute("href") : undefined;
    complaints.push(broken == null ? `uncaught: ${event.message}` : `not loaded: ${broken}`);
  }, true);
  addEventListener("unhandledrejection", ({ reason }) => complaints.push(`unhandled: ${reason}`));
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => complaints.push(`forbidden: ${violatedDirective} ${blockedURI}`));
  const { error } = console;
  console.error = (...words) => {
    complaints.push(words.join(" "));
    error.apply(console, words);
  };
}
