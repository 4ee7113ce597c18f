// The honest states every part shares: loading, empty, failed.

import { isAbort } from "./api.js";
import { fill, h } from "./dom.js";
import { announce } from "./live.js";

export const PATIENCE = 120; // milliseconds before a skeleton shows, so that fast answers do not flicker

/** Grey rows in the shape of what is coming. */
export function skeleton(rows, label) {
  return h("div.skeleton", {}, h("p.vh", {}, label), Array.from({ length: rows }, () =>
    h("div.ghost", { "aria-hidden": "true" }, h("span.ghost-line"), h("span.ghost-line.short"), h("span.ghost-line.shorter"))));
}

/** What to say where there is nothing yet. */
export const empty = (text, ...more) => h("div.empty", {}, h("p", {}, text), more);

/** The server's three parts (or our own, where it did not answer), and a way to try again. */
export function failure(error, retry) {
  return h("div.failure", { role: "group", "aria-label": "Error" },
    h("p.failure-title", {}, h("strong", {}, "That did not work: "), error.rule ?? "the page met something it did not expect"),
    h("dl", {},
      h("div", {}, h("dt", {}, "What was found"), h("dd", {}, error.value ?? String(error))),
      h("div", {}, h("dt", {}, "What to do"), h("dd", {}, error.remedy ?? "reload the page"))),
    retry && h("button.button", { type: "button", on: { click: retry } }, "Try again"));
}

/**
 * Fill `box` with `show(answer)`, going through loading and failure on the way.
 * @param {HTMLElement} box
 * @param {() => Promise<Object>} ask
 * @param {(answer: Object) => (Node|Node[])} show
 * @param {{rows?: number, label?: string}} [options] shape of the skeleton
 */
export async function load(box, ask, show, { rows = 4, label = "Loading" } = {}) {
  box.setAttribute("aria-busy", "true");
  const timer = setTimeout(() => fill(box, skeleton(rows, label)), PATIENCE);
  try {
    const answer = await ask();
    clearTimeout(timer);
    fill(box, show(answer));
  } catch (error) {
    clearTimeout(timer);
    if (isAbort(error)) return;
    fill(box, failure(error, () => load(box, ask, show, { rows, label })));
    announce(`Error: ${error.rule ?? error.message}`);
    if (error.name !== "ApiError") console.error(error);
  }
  box.removeAttribute("aria-busy");
}
