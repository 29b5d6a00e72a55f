// @ts-check
// The copy button of the code. Where a page may not write to the clipboard (plain http), it selects the code instead
// and says so.

/** @param {HTMLButtonElement} button @param {HTMLElement} code @param {HTMLElement} outcome */
export function createCopy(button, code, outcome) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent ?? "");
      outcome.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(code);
      outcome.textContent = "Selected: copy it with your keyboard";
    }
    setTimeout(() => { outcome.textContent = ""; }, 3_000);
  });
}
