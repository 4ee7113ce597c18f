// The foot of the page: which release answers, over what, how fast, and what is missing.

import { fill, h } from "./dom.js";
import { count, milliseconds, plural } from "./format.js";
import { on, state } from "./store.js";

let last = null; // the last answer: {what, milliseconds, parts}

export function footer() {
  const box = document.getElementById("foot");
  const draw = () => fill(box, h("dl.foot-facts", {}, rows()));
  on("health", draw);
  on("answer", (answer) => {
    last = { parts: last?.parts, ...answer };
    draw();
  });
  draw();
}

function rows() {
  const { health } = state;
  const out = [];
  if (health) {
    out.push(["Release", health.release], ["Data set", health.dataset],
      ["Catalogue", plural(health.items, "item")], ["Trained on", plural(health.users, "user")],
      ["Logged live", health.events_logged === null ? "by a broker" : plural(health.events_logged, "event")], ["Penchant", health.version]);
  } else out.push(["Release", "not known yet"]);
  if (last) out.push([`Last answer (${last.what})`, timing(last.milliseconds)]);
  const missing = last?.parts?.missing ?? [];
  if (last?.parts) out.push(["Parts missing", missing.length ? missing.join(", ") : "none"]);
  return out.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
}

function timing(stages) {
  const { total = 0, ...rest } = stages;
  const largest = Object.entries(rest).sort((a, b) => b[1] - a[1]).slice(0, 3);
  const detail = largest.map(([name, time]) => `${name} ${time < 10 ? time.toFixed(1) : count(Math.round(time))}`).join(", ");
  return detail ? `${milliseconds(total)} (${detail})` : milliseconds(total);
}
