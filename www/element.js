// @ts-check
// Finding and making elements. Text always goes in as text: nothing here may ever parse HTML, for what it shows
// comes from a server.

const SVG = "http://www.w3.org/2000/svg";

/**
 * The element with this id, which the page is known to hold.
 * @template {Element} E
 * @param {string} id
 * @param {new () => E} kind
 * @returns {E}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new TypeError(`index.html has no ${kind.name} #${id}`);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/**
 * One of the symbols at the top of index.html, as decoration.
 * @param {string} name
 */
export function icon(name) {
  return svgElement("svg", { class: "icon", "aria-hidden": "true" }, svgElement("use", { href: `#icon-${name}` }));
}

/**
 * A link to a file that a server named: to the web only, since any other scheme could run something.
 * @param {string} url
 * @param {string} words
 */
export function fileLink(url, words) {
  const web = /^https?:\/\//i.test(url);
  return web ? element("a", { href: url, rel: "noreferrer", target: "_blank" }, words) : element("code", {}, url);
}

/**
 * Sets the text only when it differs, so that what follows the DOM (a screen reader, a selection) is left in peace.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
