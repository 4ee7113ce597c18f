// Like, hide and undo: marked at once, sent to the server, taken back with a word if it refuses.

import * as api from "./api.js";
import { fill, h, icon } from "./dom.js";
import { announce } from "./live.js";
import { randomText, setVisitor, state, tell } from "./store.js";
import { begin, end, known, logged } from "./travel.js";

const MARK = { like: "liked", hide: "hidden" };
let last = null; // {kind, item} that Undo takes back
let queue = Promise.resolve(); // actions reach the server in the order they were made
let waiting = 0; // actions that the server's answers about the user do not know yet
let fade = 0; // timer of a notice that asks for nothing

/** True while the page knows more than the server: its marks are then not to be overwritten. */
export const pending = () => waiting > 0;

/**
 * Like or hide `item`, or take it back if it already is.
 * @param {"like"|"hide"} kind
 * @param {{item_id: string, title: string}} item
 */
export function act(kind, item) {
  if (state[MARK[kind]].has(item.item_id)) return undo(kind, item);
  if (state.user === null) setVisitor({ quiet: true }); // acting makes a person of a passer-by
  return change({ event: kind, kind, item, present: true, id: randomText(16) });
}

/** Take back a like or hide. */
export function undo(kind, item) {
  return change({ event: "undo", kind, item, present: false, id: randomText(16) });
}

/** Log a click on `item`, as if it had been opened in a list. */
export function click(item) {
  if (state.user === null) setVisitor({ quiet: true });
  return change({ event: "click", kind: "click", item, present: true, id: randomText(16) });
}

/** Mark, say and send one change; its id makes a second try of the same change count once. */
function change(one) {
  const { kind, item, present } = one;
  mark(kind, item, present);
  last = present && MARK[kind] ? { kind, item } : null;
  if (kind === "click") notice(`Clicked: ${item.title}`);
  else if (present) notice(`${kind === "like" ? "Liked" : "Hidden"}: ${item.title}`, { undo: () => undo(kind, item) });
  else notice(`Taken back: ${item.title} is no longer ${MARK[kind]}`);
  const { user } = state; // the one who acted, even if another is chosen before its turn comes
  waiting += 1;
  queue = queue.then(() => send(one, user));
  return queue;
}

function mark(kind, item, present) {
  if (!MARK[kind]) return; // a click leaves no mark
  const marks = state[MARK[kind]];
  if (present) marks.add(item.item_id);
  else marks.delete(item.item_id);
  tell("marks", { kind, item, present });
}

async function send(one, user) {
  const { event, kind, item, present, id } = one;
  const trip = begin({ event, item, user });
  try {
    const body = { event_id: `console-${id}`, user_id: user, item_id: item.item_id, event };
    const answer = await api.logEvent(body);
    if (answer.refused?.length) throw new api.ApiError(422, answer.refused[0]);
    logged(trip, answer);
    arrive(one, trip); // the next action need not wait for it
  } catch (error) {
    waiting -= 1;
    end(trip);
    if (state.user !== user) return;
    mark(kind, item, !present);
    last = null;
    tell("failed");
    notice(`Not saved (${item.title}): ${error.rule ?? error.message}; ${error.remedy ?? "try again"}`, { retry: () => change(one) });
  }
}

/** Say that the server took it, once the user's state has it: a list that is asked for earlier may not know it. */
async function arrive({ kind, item, present }, trip) {
  const person = await known(trip);
  waiting -= 1;
  if (state.user === trip.user) tell("acted", { kind, item, present, person, trip });
}

/**
 * The bar at the foot of the page: what was just done, and the way back. It stays until dismissed,
 * until the next view, or, where nothing can be done about it, for a few seconds.
 */
function notice(text, { undo: back, retry } = {}) {
  const bar = document.getElementById("notice");
  const inside = bar.contains(document.activeElement);
  clearTimeout(fade);
  fill(bar,
    h("p.notice-text", {}, text),
    back && h("button.button.plain", { type: "button", "aria-keyshortcuts": "Control+Z", title: "Control Z", on: { click: back } }, "Undo"),
    retry && h("button.button.plain", { type: "button", on: { click: retry } }, "Try again"),
    h("button.quiet.square", { type: "button", "aria-label": "Dismiss", on: { click: closeNotice } }, icon("close")));
  bar.hidden = false;
  if (inside) bar.querySelector("button").focus();
  if (!back && !retry) fade = setTimeout(() => !bar.contains(document.activeElement) && closeNotice(), 6_000);
  announce(text);
}

/** Take the notice away; the focus, if it was there, goes to the content. */
export function closeNotice() {
  const bar = document.getElementById("notice");
  const inside = bar.contains(document.activeElement);
  bar.hidden = true;
  if (inside) document.getElementById("main").focus({ preventScroll: true });
}

/** Control Z (or Command Z) takes back the last action, except while typing. */
export function undoKey() {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    if (!last || event.target.closest?.("input, textarea, select")) return;
    event.preventDefault();
    undo(last.kind, last.item);
  });
}

/** The two buttons of an item, which keep themselves in step with the marks; with `clicks` a third one that logs a click. */
export function actionButtons(item, { clicks = false } = {}) {
  const buttons = ["like", "hide"].map((kind) => {
    const button = h("button.action", {
      type: "button", "data-act": kind, "data-item": item.item_id, on: { click: () => act(kind, item) },
    }, icon(kind), h("span", { "data-word": "" }), h("span.vh", {}, ` ${item.title}`));
    paint(button);
    return button;
  });
  return h("div.actions", {}, buttons, clicks && h("button.action", {
    type: "button", title: "Log a click, as if this item had been opened in a list", on: { click: () => click(item) },
  }, icon("click"), "Click", h("span.vh", {}, ` ${item.title}`)));
}

function paint(button) {
  const { act: kind, item } = button.dataset;
  const pressed = state[MARK[kind]].has(item);
  button.setAttribute("aria-pressed", String(pressed));
  button.querySelector("[data-word]").textContent = kind === "like" ? (pressed ? "Liked" : "Like") : pressed ? "Hidden" : "Hide";
  if (kind === "like") button.querySelector("use").setAttribute("href", `console/icons.svg#${pressed ? "liked" : "like"}`);
}

/** Repaint every button on the page. */
export const paintActions = () => document.querySelectorAll("[data-act]").forEach(paint);
