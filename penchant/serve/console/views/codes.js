// #/codes/12,7: the semantic-ID tree of the catalogue, walked one code at a time.

import * as api from "../api.js";
import { itemLink } from "../card.js";
import { bar, fill, h, hidden } from "../dom.js";
import { facts, percent, plural } from "../format.js";
import { announce } from "../live.js";
import { codesHash } from "../router.js";
import { load } from "../states.js";
import { beam } from "./beam.js";
import { codePath } from "./item.js";

const PAGE = 24; // branches shown at a time

export function mount(main, arg) {
  const prefix = arg.split(",").filter(Boolean);
  const box = h("div");
  const request = new AbortController();
  fill(main, h("div.wrap", {},
    h("h1", { tabindex: "-1" }, prefix.length ? `Semantic ID ${prefix.join(" · ")}` : "Semantic IDs"),
    prefix.length > 0 && breadcrumb(prefix),
    box));
  load(box, () => api.codes(prefix, request.signal), (node) => {
    announce(plural(node.items, "item"));
    return [summary(node), prefix.length === 0 && beam(request.signal), branches(node), leaves(node)].filter(Boolean);
  }, { rows: 6, label: "Loading the tree" });
  return () => request.abort();
}

function breadcrumb(prefix) {
  const steps = [["All items", []], ...prefix.map((code, level) => [code, prefix.slice(0, level + 1)])];
  return h("nav.crumbs", { "aria-label": "Path of codes" }, h("ol", {}, steps.map(([name, path], index) => {
    const here = index === steps.length - 1;
    return h("li", {}, here
      ? h("span", { "aria-current": "page" }, index > 0 && hidden("Code "), name)
      : h("a", { href: codesHash(path) }, index > 0 && hidden("Code "), name));
  })));
}

function summary(node) {
  const depth = node.prefix.length;
  return h("section.node", { "aria-label": "This part of the tree" },
    h("div", {}, h("p.lead", {}, depth === 0
      ? `Every item has ${node.levels} numbers, learned from what it is. Items that begin with the same numbers are alike, and each further number narrows it down. `
      : `${plural(node.items, "item")} share${node.items === 1 ? "s" : ""} the first ${depth === 1 ? "number" : `${depth} numbers`} of ${node.levels}. `,
    depth === 0 && h("strong", {}, `${plural(node.items, "item")}, ${plural(node.children.length, "first number")}.`)),
    node.words.length > 0 && h("p.words", {}, h("span.facts", {}, "Common words "), node.words.join(", "))),
    shares(node.categories));
}

function shares(categories) {
  if (!categories.length) return null;
  return h("ul.shares", { "aria-label": "Categories" }, categories.map(({ name, share }) =>
    h("li", {}, h("span.share-name", {}, name), bar(share), h("span.share-number", {}, percent(share)))));
}

function branches(node) {
  const children = [...node.children].sort((a, b) => b.items - a.items || a.code - b.code);
  if (!children.length) return null;
  const grid = h("ul.branches");
  const more = h("button.button", { type: "button", on: { click: () => grow(true) } }, "Show more branches");
  let shown = 0;

  function grow(focus) {
    const next = children.slice(shown, shown + PAGE).map((child) => branch(node, child));
    grid.append(...next);
    shown += next.length;
    more.hidden = shown >= children.length;
    more.textContent = `Show more (${children.length - shown} left)`;
    if (focus) next[0]?.querySelector("a").focus();
  }

  grow(false);
  return h("section", {},
    h("h2", {}, `${plural(children.length, "branch", "branches")}`, h("span.facts", {}, " largest first")), grid, more);
}

function branch(node, child) {
  const many = child.items > 1; // of a single item, its title says it all
  return h("li.branch", {},
    h("h3.branch-title", {},
      h("a.stretch", { href: codesHash([...node.prefix, child.code]) }, hidden("Code "), String(child.code)),
      h("span.facts", {}, ` ${plural(child.items, "item")}, ${percent(child.items / node.items)}`)),
    bar(child.items / node.items),
    many && child.words.length > 0 && h("p.words", {}, child.words.join(", ")),
    many && shares(child.categories.slice(0, 3)),
    child.examples.length > 0 && h("p.examples", {}, many && h("span.facts", {}, "Such as "), child.examples.join("; ")));
}

function leaves(node) {
  if (!node.leaves?.length) return null;
  return h("section", {},
    h("h2", {}, "Items here"),
    h("ul.past.leaves", {}, node.leaves.map((item) =>
      h("li.past-row", {}, itemLink(item), h("span.facts", {}, facts(item).join(" · ")), codePath(item.codes)))));
}
