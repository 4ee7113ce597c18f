// The key of this tab, where the server asks for one: kept until the tab is closed, sent with every question.

import { fill, h } from "./dom.js";

const KEY = "penchant.key";
let kept = recall();
let asking = null; // the promise of the open question: whoever else needs a key waits for the same answer

function recall() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keep(key) {
  kept = key;
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    // private mode: kept for this page only
  }
}

export const key = () => kept;

/** The header that carries the key; none without one. */
export const authorization = () => (kept === null ? {} : { authorization: `Bearer ${kept}` });

/**
 * Ask the person for a key, as `refused` (null: none was sent) did not open the door.
 * @returns {Promise<boolean>} whether there is another one to try
 */
export function another(refused) {
  if (kept !== refused) return Promise.resolve(true); // somebody else has asked meanwhile
  asking ??= prompt(refused !== null).finally(() => {
    asking = null;
  });
  return asking;
}

function prompt(wrong) {
  return new Promise((resolve) => {
    const input = h("input.field", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", maxlength: "200", required: true });
    const cancel = h("button.button.plain", { type: "button", on: { click: () => dialog.close() } }, "Cancel");
    const form = h("form", {},
      h("h2", { id: "key-title" }, "This server asks for a key"),
      h("p", {}, wrong ? "That key is not valid, or no longer." : "Whoever runs it makes one with penchant keys add. It is kept until this tab is closed."),
      h("label", { for: "key" }, "Key"), input,
      h("div.row", {}, h("button.button", { type: "submit" }, "Go on"), cancel));
    const dialog = fill(h("dialog.ask", { "aria-labelledby": "key-title" }), form);
    let given = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      keep(input.value.trim());
      given = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(given);
    });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}
