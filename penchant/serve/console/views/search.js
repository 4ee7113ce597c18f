// #/search/QUERY: every result of a search, each to like or hide.

import * as api from "../api.js";
import { card } from "../card.js";
import { fill, h } from "../dom.js";
import { plural } from "../format.js";
import { announce } from "../live.js";
import { empty, load } from "../states.js";
import { on, state, tell } from "../store.js";

export function mount(main, query) {
  const box = h("div");
  const request = new AbortController();
  fill(main, h("div.wrap.reading", {}, h("h1", { tabindex: "-1" }, `Results for “${query}”`), box));

  load(box, () => api.search({ query, user: state.user, k: 50 }, request.signal), (answer) => {
    tell("answer", { what: "search", milliseconds: answer.milliseconds });
    announce(plural(answer.items.length, "result"));
    if (!answer.items.length) return empty("Nothing in the catalogue matches. Try fewer words, or words of the kind rather than of the name.");
    return [
      h("p.lead", {}, `${plural(answer.items.length, "result")}. “words”: the item’s own text has what you typed; “meaning”: it is about the same thing.`),
      h("h2.vh", {}, "Items found"),
      h("ol.cards", {}, answer.items.map((item) => card(item).element)),
    ];
  }, { rows: 6, label: "Searching" });

  const stop = on("marks", ({ kind, item, present } = {}) => {
    const found = [...box.querySelectorAll(".card")].find((one) => one.dataset.item === item?.item_id);
    if (kind === "hide") found?.classList.toggle("faded", present);
  });
  return () => {
    request.abort();
    stop();
  };
}
