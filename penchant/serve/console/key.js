// The key of this tab, where the server asks for one: kept until the tab is closed, sent with every question.

import { ask } from "./confirm.js";
import { h } from "./dom.js";

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

/** Ask for another key where the one of this tab opens too little. @returns {Promise<boolean>} whether one was given */
export const change = () => prompt(false);

async function prompt(wrong) {
  const input = h("input.field", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", maxlength: "200", required: true });
  const why = wrong ? "That key is not valid, or no longer." : "Whoever runs it makes one with penchant keys add. It is kept until this tab is closed.";
  const given = await ask("This server asks for a key", [h("p", {}, why), h("label", { for: "key" }, "Key"), input], "Go on");
  if (given) keep(input.value.trim());
  return given;
}
