// How the last action travelled, as a small timeline beside the list.

import { fill, h } from "../dom.js";
import { count, done, milliseconds, percent, plural } from "../format.js";
import { on, state } from "../store.js";
import { foldOnPhones } from "./history.js";

const NAMED = 3; // items of a list that are named

export function trip() {
  const summary = h("summary", {}, h("h2", {}, "The last click"), h("span.facts"));
  const about = h("p.trip-about");
  const steps = h("ol.steps");
  const element = h("details.trip", { hidden: true }, summary, about, steps);
  const stop = foldOnPhones(element);

  function draw() {
    const one = state.trip?.user === state.user ? state.trip : null;
    element.hidden = one === null;
    if (one === null) return;
    about.textContent = `${one.item.title || one.item.item_id}: ${one.event === "undo" ? "taken back" : done(one.event)}`;
    summary.lastChild.textContent = one.listed ? `list after ${milliseconds(one.listed.after)}` : "on its way";
    const made = stepsOf(one);
    const last = Math.max(...made.map((step) => step.after ?? 0)) || 1;
    fill(steps, made.sort((a, b) => (a.after ?? Infinity) - (b.after ?? Infinity)).map((step) => row(step, last)));
  }

  const stops = [on("trip", draw), on("user", draw), stop];
  draw();
  return { element, stop: () => stops.forEach((end) => end()) };
}

function row({ name, after, text }, last) {
  const mark = h("span.track-mark");
  mark.style.left = `${Math.round((1_000 * (after ?? 0)) / last) / 10}%`;
  return h("li.step", { "data-waits": after === null ? "yes" : null },
    h("div.step-head", {}, h("strong", {}, name), h("span.step-time", {}, after === null ? "…" : after === 0 ? "0 ms" : `+${milliseconds(after)}`)),
    after !== null && h("span.track", { "aria-hidden": "true" }, mark),
    [text].flat().map((line) => h("p.facts", {}, line)));
}

/** Every step, `after` null for those that have not come. */
function stepsOf({ event, logged, known, followed, listed, before, over }) {
  return [
    { name: "Sent", after: 0, text: `as “${event}”` },
    { name: "In the log", after: logged?.after ?? null, text: logged ? written(logged) : "waiting for the server’s word" },
    { name: "In the history", after: known?.after ?? null, text: known ? grown(before, known.person) : over ? "not within ten seconds" : "waiting" },
    { name: "Followed", after: followed?.after ?? null, text: followed ? interests(before, followed.person)
      : !over ? "waiting for the worker" : known?.person.followed_to === null ? "nobody follows the log here" : "not within ten seconds: is a worker running?" },
    { name: "New list", after: listed?.after ?? null, text: listed ? changed(listed.change) : "waiting" },
  ];
}

const written = ({ place, again }) => `${again ? "known already, at or before" : "durable at"} partition ${place.partition}, offset ${place.offset}`;

function grown(before, person) {
  if (before === null) return plural(person.events, "event");
  const rows = [["event", before.events, person.events], ["like", before.liked.length, person.liked.length], ["hidden item", before.hidden.length, person.hidden.length]];
  const told = rows.filter(([, from, to]) => from !== to).map(([word, from, to]) => `${plural(from, word)} → ${to}`);
  return told.length ? told.join(", ") : `${plural(person.events, "event")}, as before`;
}

/** The interests that changed most. */
function interests(before, { interests: now }) {
  const was = new Map((before?.interests ?? []).map((one) => [one.name, one.share]));
  const moved = now.map(({ name, share }) => ({ name, share, from: was.get(name) ?? 0 })).filter(({ share, from }) => Math.abs(share - from) >= 0.005);
  moved.sort((a, b) => Math.abs(b.share - b.from) - Math.abs(a.share - a.from));
  return moved.length ? moved.slice(0, 2).map(({ name, share, from }) => `${name} ${percent(from)} → ${percent(share)}`).join(", ") : "interests as before";
}

function changed(change) {
  if (change === null) return "another list than before";
  const named = (words, titles) => titles.length > 0 && `${count(titles.length)} ${words}: ${titles.slice(0, NAMED).join(", ")}${titles.length > NAMED ? ", …" : ""}`;
  const parts = [named("came in", change.entered), named("left", change.left), change.moved > 0 && `${count(change.moved)} moved`].filter(Boolean);
  return parts.length ? parts : "the same list";
}
