// #/report: the evaluation of this release, with what it does not beat said as plainly as what it does.

import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { count } from "../format.js";
import { load } from "../states.js";
import { decimals, intervals, mean, metricName, quantity, table } from "./tables.js";

const DEFAULT_CUTOFF = "10";
const MAIN_METRIC = "ndcg";

export function mount(main) {
  const box = h("div.report");
  const request = new AbortController();
  fill(main, h("div.wrap", {}, h("h1", { tabindex: "-1" }, "Evaluation report"), box));
  load(box, () => api.report(request.signal), show, { rows: 6, label: "Loading the report" });
  return () => request.abort();
}

function show(report) {
  return [
    h("p.lead", {}, report.title),
    dataset(report.dataset),
    verdicts(report.verdicts, report.notes),
    numbers(report),
    figures(report.figures),
    measured(report),
  ];
}

function dataset(facts) {
  if (!facts || typeof facts !== "object") return null;
  const known = Object.entries(facts).filter(([, value]) => ["string", "number"].includes(typeof value));
  return h("dl.counts", {}, known.map(([name, value]) =>
    h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, typeof value === "number" ? amount(value) : value))));
}

const amount = (value) => (Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4))));

function verdicts(sentences, notes = []) {
  if (!sentences?.length) return null;
  return h("section", {}, h("h2", {}, "What was found"),
    h("ul.verdicts", {}, sentences.map((sentence) => h("li", {}, sentence))),
    notes.map((note) => h("p.protocol", {}, `Note: ${note}`)));
}

/** What it takes to repeat the measurement, and to doubt it. */
function measured({ split, protocol, machine, commit, seeds }) {
  const known = [["Split", split], ["Protocol", [protocol].flat().filter(Boolean).join(" ")],
    ["Machine", machine && Object.entries(machine).filter(([name]) => name !== "commit").map(([name, value]) => `${name.replaceAll("_", " ")} ${plain(value)}`).join(", ")],
    ["Code", commit], ["Training seeds", seeds?.join(", ")]].filter(([, value]) => value);
  return known.length > 0 && h("section", {}, h("h2", {}, "How it was measured"),
    h("dl.measured", {}, known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function plain(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(plain).join(" / ");
  if (value && typeof value === "object") return Object.entries(value).map(([name, part]) => `${name} ${plain(part)}`).join(", ");
  return typeof value === "number" ? amount(value) : String(value ?? "unknown");
}

/** The tables, for one cut-off and one rule for seen items at a time. */
function numbers(report) {
  const rows = report.rows ?? [];
  if (!rows.length) return null;
  const cutoffs = unique(rows.flatMap((row) => Object.keys(row.metrics)).map((name) => name.split("@")[1]).filter(Boolean));
  const rules = unique(rows.map((row) => row.seen).filter(Boolean));
  const chosen = { cutoff: cutoffs.includes(DEFAULT_CUTOFF) ? DEFAULT_CUTOFF : cutoffs[0], seen: rules[0] };
  const tables = h("div");
  const draw = () => fill(tables, accuracy(rows, chosen), beyond(rows, chosen), slices(report.slices ?? [], chosen), costs(rows, chosen));
  const choice = (key, label, options, words) => options.length > 1 &&
    pick(key, label, options.map((option) => [option, words(option)]), chosen[key], (value) => {
      chosen[key] = value;
      draw();
    });
  draw();
  return h("section", {},
    h("div.section-head", {}, h("h2", {}, "The numbers"),
      choice("cutoff", "List length", cutoffs, (k) => `top ${k}`),
      choice("seen", "Items already seen", rules, (rule) => rule)),
    tables);
}

function pick(key, label, options, value, change) {
  const id = `report-${key}`;
  const select = h("select.field", { id, on: { change: () => change(select.value) } },
    options.map(([name, words]) => h("option", { value: name, selected: name === value }, words)));
  return h("div.pick", {}, h("label", { for: id }, label), select);
}

const unique = (values) => [...new Set(values)];
const under = (rows, { seen }) => rows.filter((row) => row.seen === undefined || row.seen === seen);
const rule = ({ seen }) => (seen ? `, seen items ${seen}` : "");
const atCutoff = (names, { cutoff }) => {
  const there = names.filter((name) => name.split("@")[1] === cutoff);
  return [...there, ...names.filter((name) => !name.includes("@"))];
};

function accuracy(rows, chosen) {
  const here = under(rows, chosen);
  const names = atCutoff(unique(here.flatMap((row) => Object.keys(row.metrics))), chosen);
  const level = rows[0].metrics[names[0]]?.low !== undefined ? " with intervals" : "";
  return intervals(`Accuracy of each model${level}${rule(chosen)}`, "Model", here.map(({ model, metrics }) => ({ name: model, metrics })), names);
}

function beyond(rows, chosen) {
  const here = under(rows, chosen).filter((row) => row.beyond);
  const all = unique(here.flatMap((row) => Object.keys(row.beyond)));
  const names = atCutoff(all, chosen).length ? atCutoff(all, chosen) : all;
  if (!names.length) return null;
  return table(`Beyond accuracy${rule(chosen)}`, ["Model", ...names.map(metricName)],
    here.map((row) => [row.model, ...names.map((name) => decimals(mean(row.beyond[name]), 3))]));
}

const COSTS = [
  ["train_seconds", "Training, s"], ["parameters", "Parameters"], ["peak_mb", "Peak memory, MB"], ["rank_seconds", "Ranking, s"],
  ["users_per_second", "Users ranked a second"],
];

function costs(rows, chosen) {
  const here = under(rows, chosen).map(({ model, cost }) => ({ model, ...cost }));
  const kinds = COSTS.filter(([name]) => here.some((row) => typeof row[name] === "number"));
  if (!kinds.length) return null;
  return table("Cost of each model", ["Model", ...kinds.map(([, words]) => words)],
    here.map((row) => [row.model, ...kinds.map(([name]) => quantity(typeof row[name] === "number" ? row[name] : null))]));
}

/** One table a group of slices: slices down, models across, the main metric in the cells. */
function slices(parts, chosen) {
  const here = under(parts, chosen).filter((part) => part.metrics);
  const metric = `${MAIN_METRIC}@${chosen.cutoff}`;
  const name = here.some((part) => metric in part.metrics) ? metric : Object.keys(here[0]?.metrics ?? {})[0];
  if (!name) return null;
  return unique(here.map((part) => part.group ?? "slice")).map((group) => {
    const mine = here.filter((part) => (part.group ?? "slice") === group);
    const models = unique(mine.map((part) => part.model));
    return table(`${metricName(name)} by ${group}${rule(chosen)}`, ["Slice", "Users", ...models],
      unique(mine.map((part) => part.name)).map((slice) => {
        const one = mine.find((part) => part.name === slice);
        const values = models.map((model) => mean(mine.find((part) => part.name === slice && part.model === model)?.metrics[name]));
        const top = Math.max(...values.map((value) => value ?? -Infinity));
        return [h("span", {}, slice, one.rule && h("span.slice-rule", {}, one.rule)), one.users === undefined ? "–" : count(one.users),
          ...values.map((value) => h("span", {}, decimals(value), value === top && models.length > 1 && h("span.best", {}, " best")))];
      }));
  });
}

function figures(list) {
  if (!list?.length) return null;
  return h("section", {}, h("h2", {}, "Figures"), list.map(({ name, caption, alt }) =>
    h("figure", {}, picture(name, alt), h("figcaption", {}, caption))));
}

function picture(name, alt) {
  const image = h("img", { alt });
  api.figure(name).then((address) => image.setAttribute("src", address), () => {}); // its description stands where it does not come
  return image;
}
