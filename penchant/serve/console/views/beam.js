// A beam search along the tree of semantic IDs: what the model held after each code, revealed a level at a time.

import * as api from "../api.js";
import { itemLink } from "../card.js";
import { bar, fill, h, hidden } from "../dom.js";
import { chance, milliseconds, plural } from "../format.js";
import { announce } from "../live.js";
import { codesHash } from "../router.js";
import { empty, load } from "../states.js";
import { on, state } from "../store.js";

const WIDTH = 8; // prefixes kept a level
const STEP = 1400; // milliseconds between levels

/**
 * The section; it starts searching when it is asked to, and again when the user changes.
 * @param {AbortSignal} signal ends everything
 */
export function beam(signal) {
  const box = h("div");
  const who = h("span");
  const start = h("button.button", { type: "button", on: { click: search } }, "Watch");
  let timer = 0;

  function name() {
    who.textContent = state.user === null ? "somebody without a past" : state.user;
  }

  function search() {
    clearTimeout(timer);
    start.textContent = "Watch again";
    load(box, () => api.beam({ user: state.user, width: WIDTH }, signal), show, { rows: 3, label: "Searching" });
  }

  function show(answer) {
    if (!answer.items.length) return empty("Nothing is left that could be shown: everything is in the history or hidden.");
    const columns = [...answer.levels.map((held, level) => column(held, level, answer.levels.length)), ends(answer)];
    const stage = h("ol.beam", { tabindex: "0", "aria-label": "What was held after each code" });
    const next = h("button.button", { type: "button", on: { click: () => reveal(true) } }, "Next");
    let shown = 0;

    function reveal(byHand) {
      clearTimeout(timer);
      const part = columns[shown];
      stage.append(part);
      shown += 1;
      next.hidden = shown === columns.length;
      if (byHand) part.scrollIntoView({ block: "nearest", inline: "nearest" });
      if (!next.hidden) timer = setTimeout(reveal, STEP);
      else announce(`${plural(answer.items.length, "item")} generated`);
    }

    stage.addEventListener("pointerover", (event) => trace(stage, event.target));
    stage.addEventListener("focusin", (event) => trace(stage, event.target));
    stage.addEventListener("pointerleave", () => trace(stage, null));
    reveal(false);
    const read = answer.events ? `${plural(answer.events, "event")} read` : "no events to read";
    return [h("p.facts", {}, `${read}; ${answer.width} beginnings kept after each code; ${milliseconds(answer.milliseconds)}. `,
      "What is grey was dropped at the next code."), stage, next];
  }

  name();
  const stop = on("user", () => {
    name();
    clearTimeout(timer);
    if (box.childElementCount) search();
  });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    stop();
  });
  return h("section", { "aria-labelledby": "beam-title" },
    h("h2", { id: "beam-title" }, "Watch a beam search"),
    h("p.lead.beam-lead", {}, "The model writes the numbers of the next item one by one, and keeps the beginnings it finds most likely. For ", who, "."),
    start, box);
}

function column(held, level, levels) {
  const likeliest = Math.max(...held.map((one) => one.chance));
  return h("li.beam-level", {},
    h("h3", {}, `Code ${level + 1}`, h("span.facts", {}, ` of ${levels}`)),
    h("ol", {}, held.map((one) => h("li.held", { "data-prefix": one.prefix.join(","), "data-dropped": !one.kept },
      h("div.held-head", {},
        h("a.codes", { href: codesHash(one.prefix), "aria-label": `Codes ${one.prefix.join(", ")}: show the tree there` },
          one.prefix.slice(0, -1).map((code) => h("span.held-before", {}, `${code}·`)), h("strong", {}, String(one.prefix.at(-1)))),
        h("span.facts", {}, chance(one.chance), !one.kept && hidden(", dropped"))),
      bar(one.chance / likeliest),
      h("p.held-words", {}, one.words.length ? one.words.slice(0, 3).join(", ") : plural(one.items, "item"))))));
}

function ends(answer) {
  return h("li.beam-level.beam-ends", {},
    h("h3", {}, "Items"),
    h("ol", {}, answer.items.map((item) => h("li.held", { "data-prefix": item.codes.join(",") },
      h("div.held-head", {}, itemLink(item), h("span.facts", {}, chance(item.chance)))))));
}

/** Mark the way to and from what is pointed at. */
function trace(stage, target) {
  const here = target?.closest?.("[data-prefix]")?.dataset.prefix ?? null;
  for (const one of stage.querySelectorAll("[data-prefix]")) {
    const prefix = one.dataset.prefix;
    const way = here !== null && (`${here},`.startsWith(`${prefix},`) || `${prefix},`.startsWith(`${here},`));
    one.toggleAttribute("data-way", way);
  }
}
