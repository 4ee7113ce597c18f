// #/recommend: who you are, your history, and the list that follows what you do.

import * as api from "../api.js";
import { card } from "../card.js";
import { arrange, compare } from "../changes.js";
import { fill, h } from "../dom.js";
import { plural } from "../format.js";
import { announce } from "../live.js";
import { PATIENCE, empty, failure, skeleton } from "../states.js";
import { on, setModel, state, tell } from "../store.js";
import { listed } from "../travel.js";
import { person } from "./person.js";

const STEP = 20; // items asked for at a time
const MOST = 200; // the API's largest k; it refuses more than the catalogue holds as well
const most = () => Math.min(MOST, state.health?.items ?? MOST);

export function mount(main) {
  const title = h("h1", { tabindex: "-1" });
  const lead = h("p.lead");
  const note = h("p.note", { hidden: true });
  const list = h("ol.cards", { "aria-labelledby": "list-title" });
  const trouble = h("div");
  const more = h("button.button", { type: "button", hidden: true, on: { click: () => refresh({ k: Math.min(k + STEP, most()) }) } }, "Show more");
  const models = modelSelect();
  const people = person();
  let k = STEP;
  let cards = new Map(); // item id -> {element, update}
  let request = null;
  let foreign = false; // the list in sight is another user's or model's: what moved against it means nothing
  let slow = 0; // timer: the old list stays until the new one is there, unless that takes long

  fill(main, h("div.wrap.split", {},
    h("aside.side", { "aria-label": "You and your history" }, people.element),
    h("section.feed", { "aria-labelledby": "list-title" },
      h("header.feed-head", {}, h("div", {}, title, lead), models.element),
      h("h2.vh", { id: "list-title" }, "Recommendations"),
      note, trouble, list, more)));

  /** Ask for the list again. `mark` shows what moved; otherwise it is simply another list. `trip` is the action that it follows. */
  async function refresh({ mark = false, fresh = false, say = true, trip = null, k: wanted = k } = {}) {
    request?.abort();
    request = new AbortController();
    const { signal } = request;
    clearTimeout(slow);
    foreign ||= fresh;
    if (fresh || !cards.size) slow = setTimeout(() => clear(skeleton(6, "Loading recommendations")), PATIENCE);
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await api.recommend({ user: state.user, model: state.model, k: wanted > STEP ? wanted : undefined }, signal);
      clearTimeout(slow);
      fill(trouble, !answer.items.length && empty("There is nothing left to recommend."));
      const change = show(answer, mark, say, wanted);
      if (trip) listed(trip, change);
      k = wanted;
    } catch (error) {
      if (api.isAbort(error)) return;
      clearTimeout(slow);
      if (fresh) clear();
      fill(trouble, failure(error, () => refresh({ mark, fresh, k: wanted })));
      announce(`Error: ${error.rule ?? error.message}`);
    }
    list.removeAttribute("aria-busy");
  }

  function clear(...instead) {
    cards = new Map();
    list.replaceChildren();
    fill(trouble, instead);
  }

  /** @returns {{entered: string[], left: string[], moved: number}|null} titles that came and left, where that means something */
  function show(answer, mark, say, wanted) {
    const items = answer.items.filter((item) => !state.hidden.has(item.item_id));
    const before = new Map([...cards].map(([id, one]) => [id, one.element.querySelector(".card-title").textContent]));
    const change = mark && !foreign ? compare([...before.keys()], items.map((item) => item.item_id)) : null;
    place(items, (item) => change?.of.get(item.item_id) ?? null);
    foreign = false;
    more.hidden = answer.items.length < wanted || wanted >= most();
    headings(answer);
    note.hidden = !answer.parts.missing.length;
    note.textContent = `Answered without ${answer.parts.missing.join(" and ")}: ${answer.parts.missing.length > 1 ? "those parts are" : "that part is"} not available now.`;
    tell("answer", { what: "recommend", milliseconds: answer.milliseconds, parts: answer.parts });
    if (change) announce(`List updated: ${change.entered} new, ${change.moved} moved.`);
    else if (say) announce(`${plural(items.length, "recommendation")} shown.`);
    return change && {
      entered: items.filter((item) => change.of.get(item.item_id)?.kind === "entered").map((item) => item.title),
      left: [...before].filter(([id]) => !cards.has(id)).map(([, title]) => title),
      moved: change.moved,
    };
  }

  function place(items, changeOf) {
    const lost = focusAt(items);
    const next = new Map(items.map((item) => [item.item_id, cards.get(item.item_id) ?? card(item)]));
    items.forEach((item) => next.get(item.item_id).update(item, changeOf(item)));
    cards = next;
    arrange(list, [...next.values()].map((one) => one.element));
    if (lost >= 0) (list.children[Math.min(lost, list.children.length - 1)]?.querySelector("a") ?? title).focus({ preventScroll: true });
  }

  /** The position of the focused card if it is about to leave, else -1. */
  function focusAt(items) {
    const focused = document.activeElement?.closest(".cards > .card");
    if (!focused || !list.contains(focused) || items.some((item) => item.item_id === focused.dataset.item)) return -1;
    return [...list.children].indexOf(focused);
  }

  function name() {
    title.textContent = state.user === null ? "Popular with everyone" : `For ${state.user}`;
  }

  function headings(answer) {
    name();
    if (state.user === null) {
      lead.textContent = "Choose a user or start as a new visitor, and this list becomes theirs.";
    } else if (!answer.personalised) {
      lead.textContent = "You opted out: this list is the same for everybody who did.";
    } else if (!answer.history_length) {
      lead.textContent = "No history yet: like something, and the list follows.";
    } else {
      lead.textContent = `Chosen from ${plural(answer.history_length, "event")} of history.`;
    }
  }

  /** A hidden item leaves at once; the server's own list follows. */
  function leave({ kind, item, present } = {}) {
    if (kind !== "hide" || !present || !cards.has(item.item_id)) return;
    const rest = [...cards].filter(([id]) => id !== item.item_id);
    const lost = focusAt(rest.map(([id]) => ({ item_id: id })));
    cards = new Map(rest);
    arrange(list, rest.map(([, one]) => one.element));
    if (lost >= 0) (list.children[Math.min(lost, list.children.length - 1)]?.querySelector("a") ?? title).focus({ preventScroll: true });
  }

  const stops = [
    on("user", ({ quiet }) => {
      name();
      if (!quiet) refresh({ fresh: true, k: STEP });
    }),
    on("model", () => refresh({ fresh: true, k: STEP })),
    on("marks", leave),
    on("acted", ({ trip } = {}) => refresh({ mark: true, trip })),
    on("failed", () => refresh({ say: false })),
    models.stop, people.stop,
  ];
  name();
  refresh();
  return () => {
    request?.abort();
    clearTimeout(slow);
    stops.forEach((stop) => stop());
  };
}

/** The merged pipeline, or any one model of the release. */
function modelSelect() {
  const select = h("select.field", { id: "model", on: { change: () => setModel(select.value || null) } });
  const draw = () => {
    fill(select, h("option", { value: "" }, "Merged: all models"),
      (state.health?.models ?? []).map((name) => h("option", { value: name }, `${name} alone`)));
    select.value = state.model ?? "";
  };
  draw();
  return { element: h("div.model", {}, h("label", { for: "model" }, "Answered by"), select), stop: on("health", draw) };
}
