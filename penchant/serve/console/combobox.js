// The combobox pattern (ARIA 1.2, list suggestions, the choice is always the person's own):
// the focus stays in the text field, the arrow keys move through the suggestions.

import { isAbort } from "./api.js";
import { debounce, fill, h } from "./dom.js";
import { plural } from "./format.js";
import { announce } from "./live.js";

/**
 * Make `input` a combobox; its suggestions are put right after it.
 * @param {HTMLInputElement} input
 * @param {Object} with_
 * @param {string} with_.id of the list
 * @param {string} with_.label of the list
 * @param {(query: string, signal: AbortSignal) => Promise<Array<{node: Node[], choose: () => void, extra?: boolean}>>} with_.suggest
 *   `extra` marks a way on (such as "all results") that is not counted as a result
 * @param {(query: string) => void} with_.submit Enter with no suggestion chosen
 * @param {string} with_.none said when there is no suggestion
 * @param {number} [with_.least] characters before suggestions are asked for
 */
export function combobox(input, { id, label, suggest, submit, none, least = 1 }) {
  const list = h("ul.options", { id, role: "listbox", "aria-label": label });
  const message = h("p.popup-message", { hidden: true });
  const popup = h("div.popup", { hidden: true }, list, message);
  input.after(popup);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, "aria-haspopup": "listbox",
  })) input.setAttribute(name, value);

  let options = [];
  let active = -1;
  let request = null;

  const ask = debounce(async () => {
    const query = input.value.trim();
    request?.abort();
    if (query.length < least) return close();
    request = new AbortController();
    const { signal } = request;
    try {
      const found = await suggest(query, signal);
      if (!signal.aborted) show(found);
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      show([], `${error.rule ?? error.message}; ${error.remedy ?? ""}`);
    }
  }, 150);

  function show(found, problem) {
    options = found;
    active = -1;
    input.removeAttribute("aria-activedescendant");
    fill(list, found.map((option, index) =>
      h("li.option", {
        id: `${id}-${index}`,
        role: "option",
        "aria-selected": "false",
        on: {
          mousedown: (event) => event.preventDefault(), // keep the focus in the field
          click: () => choose(index),
        },
      }, option.node)));
    const results = found.filter((option) => !option.extra).length;
    const said = problem ?? (results ? "" : none);
    message.hidden = !said;
    message.textContent = said;
    list.hidden = !found.length;
    popup.hidden = false;
    input.setAttribute("aria-expanded", String(found.length > 0));
    announce(said || plural(results, "suggestion"));
  }

  function close() {
    ask.cancel();
    request?.abort();
    popup.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    const option = options[index];
    close();
    option.choose();
  }

  function move(to) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = (to + options.length) % options.length;
    const option = list.children[active];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }

  input.addEventListener("input", ask);
  input.addEventListener("focus", () => input.value.trim().length >= least && popup.hidden && ask());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const open = !popup.hidden && options.length > 0;
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) ask();
      else if (event.key === "ArrowDown") move(active + 1);
      else move(active < 0 ? options.length - 1 : active - 1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (open && active >= 0) return choose(active);
      const query = input.value.trim();
      close();
      if (query) submit(query);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (!popup.hidden) close();
      else input.value = "";
    }
  });
  return { close };
}
