// The search field of the header: suggestions as one types, "/" to reach it, Enter for all results.

import * as api from "./api.js";
import { combobox } from "./combobox.js";
import { h } from "./dom.js";
import { facts } from "./format.js";
import { go, itemHash, searchHash } from "./router.js";
import { state, tell } from "./store.js";

const SUGGESTIONS = 7;

/** "words", "meaning" or both: how an item was found, as small quiet tags. */
export const matched = (names) => h("span.tags", {}, names.map((name) => h("span.tag", {}, name)));

/** What the field shows: the query of the results below it, or nothing. */
export function showQuery(query) {
  document.getElementById("search").value = query;
}

export function searchbox() {
  const input = document.getElementById("search");
  document.getElementById("search-form").addEventListener("submit", (event) => event.preventDefault());

  combobox(input, {
    id: "search-options",
    label: "Search results",
    none: "Nothing in the catalogue matches.",
    submit: (query) => go(searchHash(query)),
    async suggest(query, signal) {
      const answer = await api.search({ query, user: state.user, k: SUGGESTIONS }, signal);
      tell("answer", { what: "search", milliseconds: answer.milliseconds });
      const found = answer.items.map((item) => ({
        node: [
          h("span.option-main", {}, h("span.option-title", {}, item.title), " ", matched(item.matched)),
          h("span.option-more", {}, facts(item).join(" · ")),
        ],
        choose: () => {
          input.value = "";
          go(itemHash(item.item_id));
        },
      }));
      if (!found.length) return [];
      return [...found, {
        extra: true,
        node: [h("span.option-on", {}, `All results for “${query}”`)],
        choose: () => go(searchHash(query)),
      }];
    },
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}
