// The parts of a portrait: words, layers, tree, changes, and what each source knows.

import { itemLink } from "../card.js";
import { bar, h, hidden } from "../dom.js";
import { count, duration, isoTime, percent, plural, when } from "../format.js";

const SHOWN = 8; // interests of a layer before the others fold away
const NAMES = { short: "Lately", long: "All along", rare: "Seldom, but again", due: "Due again" };
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

/** A path as its last name, with those above it before it. */
export const named = (path) => [path.length > 1 && h("span.facts", {}, `${path.slice(0, -1).join(" / ")} / `), path.at(-1)];

/** Who wrote the words, and of which state they are. */
export function signed(prose) {
  const made = prose.made === null ? "" : `, ${when(prose.made)}`;
  const by = { events: "From the events alone", model: `Written by ${prose.author}`, person: `Looked at by ${prose.author}` }[prose.by];
  return h("p.facts.signed", {}, by, made, prose.current ? "" : "; the portrait has changed since");
}

export function words({ prose, written, left_out: gone }) {
  return h("section.words-of", { "aria-label": "In words" },
    h("p.portrait-words", {}, prose.text), signed(prose),
    gone.length > 0 && h("p.facts", {}, `Left out by a reviewer: ${gone.map((path) => path.join(" / ")).join(", ")}.`),
    written && h("details.older", { "data-key": "written" }, h("summary", {}, written.current ? "What a model wrote" : "What a model wrote of an older state"),
      h("p", {}, written.text), signed(written)));
}

/** One layer: each interest unfolds to the items that it stands on. */
export function interests(layer, title, about, found) {
  const rows = found.map((one) => interest(`${layer}:${one.path.join("/")}`, one.path, layer === "potential" ? hidden(`${percent(one.weight)} as probable as the first`) : percent(one.weight), one.weight, one.evidence));
  return h("section.layer", { "aria-labelledby": `layer-${layer}` },
    h("h2", { id: `layer-${layer}` }, title, h("span.facts", {}, ` ${about}`)),
    rows.length ? h("ul", {}, rows.slice(0, SHOWN)) : h("p.empty", {}, "Nothing."),
    rows.length > SHOWN && h("details.more", { "data-key": `more:${layer}` }, h("summary", {}, `${rows.length - SHOWN} more`), h("ul", {}, rows.slice(SHOWN))));
}

function interest(key, path, told, share, evidence) {
  const head = [h("span.interest-name", {}, named(path)), h("span.share-number", {}, told), bar(share)];
  if (!evidence.length) return h("li.interest", {}, h("div.interest-head", {}, head));
  return h("li.interest", {}, h("details", { "data-key": key }, h("summary.interest-head", {}, head), because(evidence)));
}

const because = (evidence) => h("div.because", {}, h("p.facts", {}, "Because of"),
  h("ul.past", {}, evidence.map((item) => h("li.past-row", {}, itemLink(item)))));

/** What somebody may want of departments they have nothing of, each with the categories that say so. */
export function intents(found) {
  const most = Math.max(...found.map((one) => one.strength), 2);
  const rows = found.map((one) => h("li.interest", {}, h("details", { "data-key": `intent:${one.path.join("/")}` },
    h("summary.interest-head", {}, h("span.interest-name", {}, named(one.path)), h("span.share-number", {}, `${one.strength.toFixed(1)}\u00d7`, hidden(" as probable as usual")), bar((one.strength - 1) / (most - 1))),
    h("div.because", {}, h("p.facts", {}, "Because of"),
      h("ul.past", {}, one.because.map((source) => h("li.past-row", {}, itemLink(source), h("span.facts", {}, named(source.path)))))))));
  return h("section.layer", { "aria-labelledby": "layer-intents" },
    h("h2", { id: "layer-intents" }, "May want elsewhere", h("span.facts", {}, " where they have nothing, or hardly anything")),
    h("ul", {}, rows));
}

export function due(found) {
  const rows = found.map((one) => {
    const at = one.at === null ? `in ${duration(one.days * 86_400)}` : ["about ", h("time", { datetime: isoTime(one.at) }, day.format(new Date(one.at * 1000)))];
    return h("li.interest", {}, h("details", { "data-key": `due:${one.path.join("/")}` },
      h("summary.interest-head", {}, h("span.interest-name", {}, named(one.path), h("span.facts", {}, " ", at)), h("span.share-number", {}, percent(one.chance)), bar(one.chance)),
      because(one.evidence)));
  });
  return h("section.layer", { "aria-labelledby": "layer-due" },
    h("h2", { id: "layer-due" }, "Due again", h("span.facts", {}, " chance within four weeks of the newest event")),
    rows.length ? h("ul", {}, rows) : h("p.empty", {}, "Nothing is bought again and again."));
}

/** All long-term interests: a branch is its children and a rest. */
export function tree(root) {
  return h("section", { "aria-labelledby": "tree-title" },
    h("h2", { id: "tree-title" }, "All interests", h("span.facts", {}, " a branch is what is below it and a rest")),
    h("ul.tree", {}, root.children.map((child) => branch(child)), rest(root)));
}

function branch(node) {
  const head = [h("span.interest-name", {}, node.path.at(-1)), h("span.share-number", {}, percent(node.weight)), bar(node.weight)];
  const below = node.children.length ? h("ul.tree", {}, node.children.map(branch), rest(node)) : because(node.evidence);
  return h("li", {}, h("details", { "data-key": `tree:${node.path.join("/")}` }, h("summary.interest-head", {}, head), below));
}

function rest(node) {
  if (node.rest < 0.0005) return null;
  return h("li.interest-head.rest", {}, h("span.interest-name", {}, "The rest"), h("span.share-number", {}, percent(node.rest)), bar(node.rest));
}

export function changes({ changes: found, kept }) {
  const none = kept === null ? "The portrait is not stored yet." : "Nothing has changed since it was first stored.";
  return h("section", { "aria-labelledby": "changes-title" }, h("h2", { id: "changes-title" }, "What changed"),
    found.length ? h("ol.changes", {}, found.slice(0, SHOWN).map(change)) : h("p.empty", {}, none),
    found.length > SHOWN && h("details.more", { "data-key": "more:changes" }, h("summary", {}, `${found.length - SHOWN} older`), h("ol.changes", {}, found.slice(SHOWN).map(change))));
}

export function change(one) {
  const share = one.layer === "due" ? "" : { entered: ` (${percent(one.after)})`, left: ` (${percent(one.before)})` }[one.kind] ?? ` from ${percent(one.before)} to ${percent(one.after)}`;
  const did = { entered: "came in", left: "went", rose: "rose", fell: "fell" }[one.kind];
  return h("li.past-row", { "data-kind": one.kind },
    h("strong", {}, named(one.path)), ` ${did}${share}`,
    h("span.facts", {}, `${NAMES[one.layer] ?? one.layer}, `, h("time", { datetime: isoTime(one.time) }, when(one.time))));
}

/** What the release, the events since, and the stored vector know. */
export function source({ offline, near_line: since, vector, kept, known }) {
  const pair = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h("section", { "aria-labelledby": "source-title" }, h("h2", { id: "source-title" }, "What it is made of"),
    h("dl.counts", {},
      pair("In the release", known ? plural(offline.events, "event") : "not known"),
      pair("Followed since", since === null ? "nobody follows" : plural(since.events, "event")),
      pair("Stored portrait", kept === null ? "none yet" : [when(kept.made), kept.fresh ? "" : ", to be made anew"]),
      pair("Vector", vector === null ? "none yet" : [`${count(vector.values.length)} numbers`, vector.fresh ? "" : ", older than the events"])),
    vector !== null && h("p.facts", {}, hidden("The vector was "), `Vector made ${when(vector.made)} of ${plural(vector.events, "event")}.`));
}
