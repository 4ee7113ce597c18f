// Who the recommendations are for: the present user, ways to be another, and their history.

import * as api from "../api.js";
import { pending } from "../actions.js";
import { suggestUsers } from "../choose.js";
import { combobox } from "../combobox.js";
import { fill, h } from "../dom.js";
import { plural } from "../format.js";
import { PATIENCE, failure, skeleton } from "../states.js";
import { on, setMarks, setUser, setVisitor, state } from "../store.js";
import { foldOnPhones, history, wide } from "./history.js";
import { trip } from "./trip.js";
import { yours } from "./yours.js";

export function person() {
  const name = h("p.person-name");
  const about = h("p.facts");
  const portrait = h("p.facts", {}, h("a", { href: "#/portrait" }, "Portrait"));
  const input = h("input.field", {
    id: "user", type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: "256", placeholder: "An id, or a recent title",
  });
  const visitor = h("button.button", { type: "button", on: { click: () => setVisitor({ fresh: state.user === state.visitor }) } });
  const nobody = h("button.button.plain", { type: "button", on: { click: () => setUser(null) } }, "No user");
  const past = history();
  const data = yours();
  const last = trip();
  const trouble = h("div");
  const chooser = h("details.chooser", {}, h("summary", {}, "Change user"),
    h("div.combo", {}, h("label", { for: "user" }, "Choose a user"), input),
    h("div.row", {}, visitor, nobody));
  const element = h("div", {},
    h("section.person", { "aria-labelledby": "person-title" },
      h("h2", { id: "person-title" }, "You are"),
      name, about, portrait,
      chooser),
    trouble, last.element, past.element, data.element);
  let request = null;
  let slow = 0; // timer: the old history stays until the new one is there, unless that takes long

  combobox(input, {
    id: "user-options",
    label: "Users",
    none: "No user has such an id or recent title.",
    least: 0,
    submit: become,
    suggest: (query, signal) => suggestUsers(query, signal, become, (name) => `Start as “${name}”`),
  });

  function become(id) {
    input.value = "";
    setUser(id);
  }

  function clear() {
    past.show(null);
    data.show(null);
  }

  /** Ask for the user's history; `quiet` keeps the old one in sight until the new one is there. */
  async function refresh(quiet) {
    request?.abort();
    clearTimeout(slow);
    request = new AbortController();
    const { user } = state;
    name.textContent = user ?? "nobody in particular";
    visitor.textContent = state.visitor && user !== state.visitor ? `Back to ${state.visitor}` : "New visitor";
    nobody.hidden = portrait.hidden = user === null;
    if (!quiet) chooser.open = wide.matches || user === null;
    trouble.replaceChildren();
    if (user === null) {
      about.textContent = "Without a history everyone gets the same list.";
      return clear();
    }
    if (!quiet) {
      slow = setTimeout(() => {
        about.textContent = "";
        clear();
        fill(trouble, skeleton(3, "Loading history"));
      }, PATIENCE);
    }
    try {
      const answer = await api.user(user, request.signal);
      clearTimeout(slow);
      show(answer);
    } catch (error) {
      if (api.isAbort(error)) return;
      clearTimeout(slow);
      clear();
      about.textContent = "";
      fill(trouble, failure(error, () => refresh(false)));
    }
  }

  /** Show the answer of /v1/users/ID. */
  function show(answer) {
    if (answer.user_id !== state.user) return;
    state.person = answer;
    trouble.replaceChildren();
    about.textContent = answer.events
      ? `${plural(answer.events, "event")}, ${answer.known ? "known from training" : "not seen in training"}`
      : "new here: nothing is known yet";
    if (!pending()) setMarks(answer.liked, answer.hidden);
    past.show(answer);
    data.show(answer);
  }

  /** Another user; on a phone the chooser folds away, so the focus goes on to their list. */
  function changed({ quiet }) {
    const inside = chooser.contains(document.activeElement);
    refresh(quiet);
    if (inside && !wide.matches) document.querySelector("#main h1")?.focus({ preventScroll: true });
  }

  const stops = [foldOnPhones(chooser), past.stop, last.stop, on("user", changed), on("known", show),
    on("acted", ({ person: answer } = {}) => (answer ? show(answer) : refresh(true)))];
  refresh(false);
  return {
    element,
    stop: () => {
      request?.abort();
      clearTimeout(slow);
      stops.forEach((stop) => stop());
    },
  };
}
