// #/item/ID: one item in a panel over the view below; Escape closes it and the focus goes back.

import { actionButtons } from "../actions.js";
import * as api from "../api.js";
import { itemLink } from "../card.js";
import { fill, h, icon } from "../dom.js";
import { facts, plural, tier } from "../format.js";
import { codesHash } from "../router.js";
import { load } from "../states.js";
import { state } from "../store.js";

let request = null;
let opener = null; // what had the focus before the panel opened

/** Open the panel on `id`; `close` is called when the person wants it gone. */
export function openPanel(panel, id, close) {
  request?.abort();
  request = new AbortController();
  const { signal } = request;
  const title = h("h2", { id: "panel-title", tabindex: "-1" }, "Item");
  const box = h("div.panel-body");
  fill(panel,
    h("div.panel-head", {}, title,
      h("button.quiet.square", { type: "button", "aria-label": "Close", on: { click: close } }, icon("close"))),
    box,
    h("div.vh", { "aria-live": "polite" }));
  if (!panel.open) {
    opener = document.activeElement;
    panel.showModal();
    panel.oncancel = (event) => {
      event.preventDefault();
      close();
    };
    panel.onclose = () => location.hash.startsWith("#/item/") && close(); // the browser closed it by itself
    panel.onclick = (event) => event.target === panel && close(); // the backdrop
  }
  panel.scrollTop = 0;
  title.focus({ preventScroll: true });
  load(box, () => api.item(id, { user: state.user }, signal), (item) => {
    title.textContent = item.title || item.item_id;
    document.title = `${title.textContent} · Penchant`;
    return details(item);
  }, { rows: 3, label: "Loading the item" });
}

export function closePanel(panel) {
  if (!panel.open) return;
  request?.abort();
  panel.close();
  panel.replaceChildren();
  const back = opener?.isConnected && opener !== document.body ? opener : document.querySelector("#main h1");
  back?.focus({ preventScroll: true });
  opener = null;
}

function details(item) {
  const known = facts(item);
  return [
    known.length > 0 && h("p.facts", {}, known.join(" · ")),
    actionButtons(item, { clicks: true }),
    item.description && h("p.description", {}, item.description),
    h("dl.details", {},
      pair("In the log", plural(item.events, "event")),
      pair("Popularity", tier(item.tier)),
      item.codes?.length > 0 && pair("Semantic ID", codePath(item.codes))),
    related("Similar items", item.similar),
    related("Chosen by the same users", item.bought_with),
  ];
}

const pair = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

/** Each code links to the part of the tree that shares the codes up to it. */
export function codePath(codes) {
  return h("span.codes", {}, codes.map((code, level) => [
    level > 0 && h("span", { "aria-hidden": "true" }, "·"),
    h("a", { href: codesHash(codes.slice(0, level + 1)), "aria-label": `Code ${code} at level ${level + 1}: show the tree there` }, String(code)),
  ]));
}

function related(title, items) {
  if (!items?.length) return null;
  return h("section", {}, h("h3", {}, title), h("ul.past", {}, items.map((item) =>
    h("li.past-row", {}, itemLink(item), h("span.facts", {}, facts(item).join(" · "))))));
}
