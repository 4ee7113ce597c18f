// #/portrait, #/portrait/ID: a user's portrait, looked at again every few seconds while somebody sees it.

import * as api from "../api.js";
import { suggestUsers } from "../choose.js";
import { combobox } from "../combobox.js";
import { ask } from "../confirm.js";
import { fill, h } from "../dom.js";
import { plural } from "../format.js";
import { announce } from "../live.js";
import { go, portraitHash, reviewHash } from "../router.js";
import { empty, failure, skeleton } from "../states.js";
import { on, state } from "../store.js";
import { changes, due, intents, interests, source, tree, words } from "./portrait_parts.js";

const PAUSE = 2_000; // milliseconds between two looks: what was just done shows moments later

export function mount(main, arg) {
  const user = arg || state.user;
  const request = new AbortController();
  const box = h("div.portrait");
  const said = h("div", { role: "status", "aria-label": "What became of it" });
  const input = h("input.field", { id: "portrait-user", type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: "256", placeholder: "An id, or a recent title" });
  let timer = 0;
  let drawn = ""; // the answer in sight, without what differs at each look
  const become = (id) => go(portraitHash(id));
  fill(main, h("div.wrap", {},
    h("div.feed-head", {},
      h("h1", { tabindex: "-1" }, user === null ? "Portraits" : `Portrait of ${user}`),
      h("div.combo.portrait-user", {}, h("label", { for: "portrait-user" }, "Look at a user"), input)),
    h("p.portrait-links", {}, h("a", { href: "#/reviews" }, "Review queue")),
    said, box));
  combobox(input, {
    id: "portrait-users",
    label: "Users",
    none: "No user has such an id or recent title.",
    least: 0,
    submit: become,
    suggest: (query, signal) => suggestUsers(query, signal, become, (name) => `Look at “${name}”`),
  });
  if (user === null) {
    fill(box, empty("Nobody is chosen. Look at a user to see what their events say of them."));
    return () => request.abort();
  }

  async function look() {
    clearTimeout(timer);
    try {
      const found = await api.portrait(user, request.signal);
      const { vector, ...rest } = found;
      const now = JSON.stringify([rest, vector && { ...vector, age_seconds: 0 }]);
      if (now !== drawn) redraw(found);
      drawn = now;
    } catch (error) {
      if (api.isAbort(error)) return;
      if (drawn === "" || error.status === 401 || error.status === 403) {
        drawn = "";
        fill(box, failure(error, look));
        announce(`Error: ${error.rule ?? error.message}`);
        return;
      }
    }
    timer = setTimeout(() => document.visibilityState === "visible" && look(), PAUSE);
  }

  /** Draw anew; what was unfolded stays so, and the focus stays where it was. */
  function redraw(found) {
    const open = new Set([...box.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key));
    const focused = box.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : null;
    const first = drawn === "";
    fill(box, content(found));
    for (const one of box.querySelectorAll("details[data-key]")) if (open.has(one.dataset.key)) one.open = true;
    if (focused) box.querySelector(`[data-key="${CSS.escape(focused)}"] > summary`)?.focus({ preventScroll: true });
    if (!first) announce("The portrait has changed.");
  }

  function content(found) {
    const { layers } = found;
    const missing = found.missing.length > 0 && h("p.note", {}, `Could not be read: ${found.missing.join(", ")}.`);
    if (!found.events) {
      return [missing, words(found), empty("Nothing is known of this user yet. What is common among all:"),
        h("div.layers", {}, interests("potential", "May come to like", "what most people have", layers.potential))];
    }
    return [
      missing,
      words(found),
      review(found),
      h("div.layers", {},
        interests("short", "Lately", "the newest events", layers.short),
        interests("long", "All along", plural(found.events, "event"), layers.long),
        interests("potential", "May come to like", "people alike have it", layers.potential)),
      h("div.pair", {}, due(layers.due), interests("rare", "Seldom, but again", "few events, in several months", layers.rare)),
      found.intents.length > 0 && intents(found.intents),
      tree(found.tree),
      changes(found),
      source(found),
    ];
  }

  function review(found) {
    if (found.review !== null) {
      return h("p.note", {}, `This portrait waits for a reviewer (${found.review}). `, h("a", { href: reviewHash(user) }, "Decide"));
    }
    if (found.kept === null) return null;
    return h("p", {}, h("button.button", { type: "button", "data-key": "review", on: { click: askReview } }, "Ask for a review"));
  }

  async function askReview() {
    const why = h("input.field", { id: "why", required: true, maxlength: "200", autocomplete: "off" });
    if (!(await ask("Ask for a review?", [h("p", {}, "A reviewer will look at what is served of this user, and may change it."), h("label", { for: "why" }, "Why"), why], "Ask"))) return;
    try {
      await api.askReview(user, why.value.trim());
      fill(said, h("p.note", {}, "It waits for a reviewer."));
      look();
    } catch (error) {
      fill(said, failure(error));
      announce(`Error: ${error.rule ?? error.message}`);
    }
  }

  const back = () => document.visibilityState === "visible" && look();
  document.addEventListener("visibilitychange", back);
  const stop = on("acted", look);
  timer = setTimeout(() => drawn === "" && !box.firstChild && fill(box, skeleton(5, "Loading the portrait")), 120);
  look();
  return () => {
    document.removeEventListener("visibilitychange", back);
    stop();
    clearTimeout(timer);
    request.abort();
  };
}
