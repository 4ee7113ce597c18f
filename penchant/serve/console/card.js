// One recommended or found item, as a list entry that can be updated in place.

import { actionButtons } from "./actions.js";
import { fill, h, hidden } from "./dom.js";
import { facts } from "./format.js";
import { itemHash } from "./router.js";
import { matched } from "./searchbox.js";

/** Title that opens the item's panel. */
export const itemLink = (item) => h("a", { href: itemHash(item.item_id) }, item.title || item.item_id);

/**
 * "Because you watched X" with every X named in `because` as a link, and after an interest the items it stands on; the words are the
 * server's.
 */
export function reasonNodes({ text, because = [], interest = null }) {
  const out = [];
  let rest = text;
  const missing = [];
  for (const cause of because) {
    const at = cause.title ? rest.indexOf(cause.title) : -1;
    if (at < 0) missing.push(cause);
    else {
      out.push(rest.slice(0, at), itemLink(cause));
      rest = rest.slice(at + cause.title.length);
    }
  }
  out.push(rest);
  missing.push(...(interest?.evidence ?? []));
  missing.forEach((cause, index) => out.push(index ? ", " : " · ", itemLink(cause)));
  return out;
}

/** The categories that a reason names, from broad to narrow; empty where it names none. */
export const paths = ({ shared = [], interest = null }) =>
  [...shared, ...(interest ? [interest.path] : [])].map((path) => path.join(" › ")).join(" · ");

/**
 * A card for a list.
 * @param {Object} item an item of /v1/recommend or /v1/search
 * @returns {{element: HTMLLIElement, update: (item: Object, change?: Object) => void}}
 *   `change` is {kind: "entered"|"up"|"down", by: number} or null
 */
export function card(item) {
  const rank = h("span.rank");
  const change = h("span.change");
  const reason = h("p.reason");
  const tags = h("p.card-tags");
  const head = facts(item);
  const element = h("li.card", { "data-item": item.item_id },
    h("div.card-rank", {}, rank, change),
    h("h3.card-title", {}, itemLink(item)),
    h("div.card-body", {},
      head.length > 0 && h("p.facts", {}, head.join(" · ")),
      h("div.why", {}, reason, tags)),
    actionButtons(item));

  function update(now, moved = null) {
    fill(rank, hidden("Rank "), String(now.rank));
    element.dataset.change = moved?.kind ?? "";
    fill(change, changeNodes(moved));
    reason.hidden = !now.reason?.text;
    reason.title = now.reason?.text ? paths(now.reason) : "";
    if (now.reason?.text) fill(reason, reasonNodes(now.reason));
    const labels = (now.labels ?? []).map((label) => h("span.tag.tag-label", {}, label));
    if (now.sources) fill(tags, labels, hidden("From "), now.sources.map((name, index) => [index > 0 && hidden(", "), h("span.tag", {}, name)]));
    else if (now.matched) fill(tags, hidden("Matched by "), matched(now.matched));
  }

  update(item);
  return { element, update };
}

function changeNodes(moved) {
  if (!moved) return [];
  if (moved.kind === "entered") return [h("span.change-new", {}, "new")];
  return [h("span", { "aria-hidden": "true" }, `${moved.kind === "up" ? "↑" : "↓"}${moved.by}`),
    hidden(`, moved ${moved.kind} by ${moved.by}`)];
}
