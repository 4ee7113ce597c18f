// Questions that stop everything else until they are answered.

import { fill, h } from "./dom.js";

/**
 * Show a form in a dialog.
 * @param {string} title
 * @param {Array<Node|string>} content of the form, above its buttons
 * @param {string} word on the button that goes on
 * @returns {Promise<boolean>} whether the person went on; Escape does not
 */
export function ask(title, content, word) {
  return new Promise((resolve) => {
    const form = h("form", {}, h("h2", { id: "ask-title", tabindex: "-1" }, title), content,
      h("div.row", {},
        h("button.button", { type: "submit" }, word),
        h("button.button.plain", { type: "button", on: { click: () => dialog.close() } }, "Cancel")));
    const dialog = fill(h("dialog.ask", { "aria-labelledby": "ask-title" }), form);
    let given = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      given = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(given);
    });
    document.body.append(dialog);
    dialog.showModal();
    (form.querySelector("input") ?? form.querySelector("h2")).focus();
  });
}

/** Ask whether to go on. The focus is on the question, so that Enter alone does nothing. */
export const confirm = (title, text, word) => ask(title, [h("p", {}, text)], word);
