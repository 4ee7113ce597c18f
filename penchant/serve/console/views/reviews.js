// #/reviews: portraits that wait for a person, and what was decided; #/reviews/ID: one of them, with what it would change.

import * as api from "../api.js";
import { bar, fill, h } from "../dom.js";
import { percent, plural, when } from "../format.js";
import { announce } from "../live.js";
import { go, portraitHash, reviewHash } from "../router.js";
import { empty, failure, load } from "../states.js";
import { recall, remember } from "../store.js";
import { change, named, signed } from "./portrait_parts.js";
import { table } from "./tables.js";

const REVIEWER = "penchant.reviewer";
const DONE = { accept: "accepted", edit: "edited", reject: "rejected" };

export function mount(main, user) {
  const request = new AbortController();
  const box = h("div.reviews");
  const crumbs = user && h("p.crumbs", {}, h("a", { href: "#/reviews" }, "Review queue"));
  fill(main, h("div.wrap", {}, crumbs, h("h1", { tabindex: "-1" }, user ? `Review of ${user}` : "Review queue"),
    !user && h("p.lead", {}, "Portraits that a language model wrote about, that changed much since somebody decided, or that somebody wants to be looked at."), box));
  if (user) load(box, () => api.review(user, request.signal), (found) => entry(found), { label: "Loading the entry" });
  else load(box, async () => [await api.reviews(request.signal), await api.reviewed(request.signal)], overview, { label: "Loading the queue" });
  return () => request.abort();
}

function overview([queue, audit]) {
  return [
    queue.waiting.length ? h("ul.queue", {}, queue.waiting.map(row)) : empty("Nothing waits for a decision."),
    queue.after !== null && h("p.facts", {}, "More wait; these come first."),
    h("section.texts", { "aria-labelledby": "audit-title" }, h("h2", { id: "audit-title" }, "Decisions", h("span.facts", {}, " without names and words")),
      audit.decisions.length ? table("The newest first", ["When", "Decision", "Reviewer", "Why", "Proposed by", "Left out"], audit.decisions.map((one) => [
        when(one.time), DONE[one.decision], one.reviewer, one.why, one.author, String(one.left_out)])) : empty("Nobody has decided yet.")),
  ];
}

function row(one) {
  return h("li.queue-row", {},
    h("h2", {}, h("a", { href: reviewHash(one.user_id) }, one.user_id), " ", h("span.tag.tag-label", {}, one.why)),
    h("p", {}, one.text),
    h("p.facts", {}, `${one.author}, of ${plural(one.events, "event")}, ${when(one.asked)}`, one.holds ? ". No model's words are served until then" : ""));
}

function entry(found) {
  const text = h("textarea.field", { id: "review-text", rows: "5", maxlength: "5000" });
  text.value = found.text;
  const reviewer = h("input.field", { id: "reviewer", required: true, maxlength: "100", autocomplete: "name", value: recall(REVIEWER) ?? "" });
  const gone = new Set((found.decided?.left_out ?? []).map((path) => JSON.stringify(path)));
  const now = new Set(found.interests.map((one) => JSON.stringify(one.path)));
  const past = [...gone].filter((path) => !now.has(path)).map((path) => ({ path: JSON.parse(path), weight: null })); // left out, and not seen at present
  const boxes = [...found.interests, ...past].map((one, place) => leave(one, place, gone.has(JSON.stringify(one.path))));
  const said = h("div", { role: "status", "aria-label": "What became of it" });
  const button = (decision, word, plain) => h(`button.button${plain ? ".plain" : ""}`, { type: "submit", value: decision }, word);
  const form = h("form.decide", { on: { submit: decide } },
    h("h2", {}, "Decide"),
    h("div", {}, h("label", { for: "review-text" }, "Text, as it is to be served"), text),
    boxes.length > 0 && h("fieldset", {}, h("legend", {}, "Interests to leave out, with all below them"), h("ul.leave", {}, boxes.map((one) => one.element))),
    h("div.pick", {}, h("label", { for: "reviewer" }, "Your name"), reviewer),
    h("div.row", {}, button("accept", "Accept as proposed"), button("edit", "Save this text"), button("reject", "Reject", true)), said);

  async function decide(event) {
    event.preventDefault();
    const decision = event.submitter?.value ?? "edit";
    const left = boxes.filter((one) => one.input.checked).map((one) => one.path);
    remember(REVIEWER, reviewer.value.trim());
    try {
      await api.decide(found.user_id, { version: found.version, decision, text: decision === "edit" ? text.value : null, left_out: left, reviewer: reviewer.value.trim() });
      announce(`${found.user_id}: ${DONE[decision]}.`);
      go("#/reviews");
    } catch (error) {
      fill(said, failure(error));
      announce(`Error: ${error.rule ?? error.message}`);
    }
  }

  return [
    h("p.lead", {}, h("span.tag.tag-label", {}, found.why), ` Asked ${when(found.asked)}. `, h("a", { href: portraitHash(found.user_id) }, "See the portrait")),
    h("div.sides", {},
      h("section", { "aria-labelledby": "served-title" }, h("h2", { id: "served-title" }, "Served now"), h("p", {}, found.served.text), signed(found.served)),
      h("section", { "aria-labelledby": "proposed-title" }, h("h2", { id: "proposed-title" }, "Proposed"), h("p", {}, found.text),
        h("p.facts", {}, found.author === "events" ? "From the events alone" : `By ${found.author}`, `, of ${plural(found.events, "event")}`, found.holds ? ". No model's words are served until somebody has decided" : ""))),
    h("section", { "aria-labelledby": "diff-title" }, h("h2", { id: "diff-title" }, "Difference"), difference(found.diff)),
    found.decided && h("section", { "aria-labelledby": "last-title" }, h("h2", { id: "last-title" }, "Since the last decision"),
      h("p.facts", {}, `${found.decided.reviewer} ${DONE[found.decided.decision]}, ${when(found.decided.time)}.`),
      found.changes.length ? h("ol.changes", {}, found.changes.map(change)) : h("p.empty", {}, "No interest has changed much.")),
    form,
  ];
}

function difference(pieces) {
  if (pieces.every((one) => one.kind === "same")) return h("p.empty", {}, "None: what is proposed is served already.");
  return h("p.diff", {}, pieces.map((one) => ({ same: one.text, added: h("ins", {}, one.text), removed: h("del", {}, one.text) })[one.kind]));
}

function leave({ path, weight }, place, checked) {
  const input = h("input", { type: "checkbox", id: `leave-${place}`, checked });
  const element = h("li", {}, h("div.check", {}, input, h("label", { for: `leave-${place}` }, named(path))), 
    weight === null ? h("span.share-number", {}, "not now") : [h("span.share-number", {}, percent(weight)), bar(weight)]);
  return { element, input, path };
}
