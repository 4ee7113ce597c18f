// Making elements. Text only ever enters the page as text nodes, so data can never become markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * @param {string} tag "div", or "div.card.wide" with classes.
 * @param {Object} [props] attributes; `on` holds listeners by event name; null, undefined and false are left out.
 * @param {...(Node|string|number|null|false|Array)} children strings and numbers become text nodes.
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

/** Flatten children to nodes and strings, dropping what is empty. */
function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Replace everything inside `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

/** Text for screen readers only. */
export const hidden = (text) => h("span.vh", {}, text);

/** A decorative icon of the sprite. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `console/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** An element of a drawing. */
export function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** A bar of `share` (0..1) of the full width; decorative, the number stands beside it in words. */
export function bar(share) {
  const fillPart = h("span.bar-fill");
  fillPart.style.width = `${Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10}%`;
  return h("span.bar", { "aria-hidden": "true" }, fillPart);
}

/** Run `work` once the calls have paused for `milliseconds`; `.cancel()` drops what is waiting. */
export function debounce(work, milliseconds) {
  let timer = 0;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), milliseconds);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
