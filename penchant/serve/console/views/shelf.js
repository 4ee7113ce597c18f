// The releases on the shelf: which one is served, and making another one live, by hand and with a reason.

import * as api from "../api.js";
import { ask } from "../confirm.js";
import { fill, h } from "../dom.js";
import { announce } from "../live.js";
import { empty, failure } from "../states.js";
import { table } from "./tables.js";

const LOOK = 500; // milliseconds between two looks while the server changes over
const PATIENCE = 120_000; // after which nobody watches it any more
const SHOWN = 8; // newest releases, and moves
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const time = (iso) => h("time", { datetime: iso }, moment.format(new Date(iso)));

/** @param {AbortSignal} signal of the view */
export function shelf(signal) {
  const box = h("div");
  const said = h("div", { role: "status", "aria-label": "What became of it" });
  const element = h("section", { "aria-labelledby": "shelf-title", hidden: true }, h("h2", { id: "shelf-title" }, "Releases"), said, box);
  let drawn = ""; // the answer that is in sight, so that nothing moves without need
  let timer = 0;

  /** Ask which releases there are, and show it. @returns {Promise<Object|null>} the answer */
  async function look() {
    try {
      const found = await api.releases(signal);
      if (drawn !== JSON.stringify(found)) {
        drawn = JSON.stringify(found);
        fill(box, content(found));
      }
      element.hidden = false;
      return found;
    } catch (error) {
      if (api.isAbort(error)) return null;
      drawn = "";
      fill(box, failure(error, look));
      element.hidden = false;
      return null;
    }
  }

  function none() {
    element.hidden = false;
    if (box.firstChild) return;
    fill(box, empty("This server serves one release. To change releases while it runs, start it over a shelf:",
      h("p", {}, h("code", {}, "penchant serve --release SHELF"))));
  }

  function content(found) {
    const live = found.releases.find((one) => one.live);
    const been = new Set(found.moves.map((move) => move.after));
    return [
      found.refused && h("p.note", {}, `Not served: ${found.refused}`),
      found.loading && h("p.note", {}, `${found.loading} is being loaded; ${found.served} answers until it is there.`),
      h("div.texts", {}, table("On the shelf, the newest first", ["Release", "Change", "State", "Data set", "Made"], found.releases.toReversed().slice(0, SHOWN).map((one) => [
        one.name, choice(one, live, been), states(one, found.served), one.dataset, time(one.created)]))),
      found.releases.some((one) => !been.has(one.name)) && h("p.facts", {}, "One that was never live has to pass checks first: ", h("code", {}, "penchant release promote"), "."),
      found.moves.length > 0 && h("div.row", {}, h("button.button", {
        type: "button", disabled: found.moves.length < 2, on: { click: () => move("Roll back?", `${live?.name} is live. The release that was live before it takes its place.`, "Roll back", api.rollback) },
      }, "Roll back")),
      found.moves.length > 0 && h("div.texts", {}, table("Changes, the newest first", ["When", "Made live", "How", "Checks", "Why"], found.moves.toReversed().slice(0, SHOWN).map((one) => [
        time(one.at), one.after, one.way, one.passed === null ? "not asked" : one.passed ? "passed" : "failed", one.why || "–"]))),
    ];
  }

  function choice(one, live, been) {
    if (one.live) return "–";
    if (!been.has(one.name)) return h("span.facts", {}, "needs checks");
    return h("button.button", { type: "button", "aria-label": `Promote ${one.name}`, on: {
      click: () => move("Promote this release?", `${one.name} takes the place of ${live?.name ?? "none"}. It has been live before.`, "Promote", (why) => api.promote(one.name, why)),
    } }, "Promote");
  }

  async function move(title, text, word, change) {
    const why = h("input.field", { id: "why", required: true, maxlength: "500", autocomplete: "off" });
    if (!(await ask(title, [h("p", {}, text), h("p", {}, "Requests under way end with the release they began with."), h("label", { for: "why" }, "Why"), why], word))) return;
    try {
      const done = await change(why.value.trim());
      say(`${done.after} is live now, ${done.way}; it was ${done.before ?? "none"}. The server changes over.`);
      watch(done.after, performance.now());
    } catch (error) {
      fill(said, failure(error));
      announce(`Error: ${error.rule ?? error.message}`);
    }
  }

  /** Follow the change-over to its end. */
  async function watch(name, since) {
    clearTimeout(timer);
    const found = await look();
    if (signal.aborted) return;
    const took = (performance.now() - since) / 1_000;
    if (found?.served === name) say(`${name} is served, ${took.toFixed(1)} s after it was made live.`);
    else if (found?.refused) say(`The server could not change over. ${found.served} still answers.`);
    else if (took * 1_000 < PATIENCE) timer = setTimeout(() => watch(name, since), LOOK);
    else say(`${name} is live but is not served yet. Look at the server’s log.`);
  }

  const say = (text) => fill(said, h("p.note", {}, text));

  return {
    element,
    look,
    none,
    hide: () => {
      element.hidden = true;
    },
    stop: () => clearTimeout(timer),
  };
}

function states(one, served) {
  if (one.live) return one.name === served ? "live, served" : "live, not served yet";
  return one.name === served ? "still served" : "on the shelf";
}
