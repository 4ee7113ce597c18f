// What the user did, newest first, and what they hid. Folded on a phone, open on a wide screen.

import { itemLink } from "../card.js";
import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { count, done, isoTime, plural, when } from "../format.js";

const FIRST = 10;
export const wide = matchMedia("(min-width: 52.001rem)"); // as the style sheets have it

/** Keep a <details> open on a wide screen and folded on a narrow one. @returns {() => void} stops */
export function foldOnPhones(details) {
  const follow = () => {
    details.open = wide.matches;
  };
  follow();
  wide.addEventListener("change", follow);
  return () => wide.removeEventListener("change", follow);
}

export function history() {
  const summary = h("summary", {}, h("h2", {}, "History"), h("span.facts"));
  const list = h("ol.past");
  const all = h("button.button.plain", { type: "button" }, "Show all");
  const none = h("p.empty", {}, "No history yet: like something, and it appears here.");
  const hiddenBox = hiddenItems();
  const element = h("details.history", {}, summary, none, list, all, hiddenBox.element);
  const stop = foldOnPhones(element);
  element.hidden = true;
  let rows = [];
  let open = false;
  let owner = null; // whose history it is

  all.addEventListener("click", () => {
    open = true;
    draw();
    list.children[FIRST]?.querySelector("a")?.focus();
  });

  function draw() {
    fill(list, (open ? rows : rows.slice(0, FIRST)).map(row));
    all.hidden = open || rows.length <= FIRST;
    all.textContent = `Show the last ${count(rows.length)}`;
  }

  /** Show the answer of /v1/users/ID, or nothing. */
  function show(answer) {
    element.hidden = answer === null;
    if (answer === null) return;
    if (answer.user_id !== owner) open = false;
    owner = answer.user_id;
    rows = answer.history;
    summary.lastChild.textContent = plural(answer.events, "event");
    none.hidden = rows.length > 0;
    list.hidden = rows.length === 0;
    draw();
    hiddenBox.show(answer.hidden);
  }

  return { element, show, stop };
}

function row(event) {
  const time = when(event.timestamp);
  return h("li.past-row", { "data-live": event.live ? "yes" : null },
    itemLink(event),
    h("span.facts", {}, done(event.event), time && [", ", h("time", { datetime: isoTime(event.timestamp) }, time)]));
}

/** The hidden items; their titles are asked for when the list is opened. */
function hiddenItems() {
  const summary = h("summary.facts");
  const list = h("ul.past");
  const element = h("details.hidden-items", { hidden: true }, summary, list);
  let ids = [];

  async function draw() {
    if (!element.open) return;
    const items = await Promise.all(ids.map((id) => api.item(id).catch(() => ({ item_id: id, title: id }))));
    fill(list, items.map((item) => h("li.past-row", {}, itemLink(item))));
  }

  element.addEventListener("toggle", draw);
  return {
    element,
    show(hidden) {
      ids = hidden.slice(0, 20);
      element.hidden = hidden.length === 0;
      summary.textContent = plural(hidden.length, "hidden item");
      draw();
    },
  };
}
