// #/experiments: what is tried on whom, a simple one to start; #/experiments/NAME: what it shows so far.

import * as api from "../api.js";
import { fill, h, icon } from "../dom.js";
import { count, percent, plural } from "../format.js";
import { announce } from "../live.js";
import { experimentHash, go } from "../router.js";
import { empty, failure, load } from "../states.js";
import { intervalOverTime } from "./interval.js";
import { decimals, table } from "./tables.js";

const HOUR = 3_600;
const WINDOWS = [["60", "a minute"], [String(HOUR), "an hour"], [String(24 * HOUR), "a day"], [String(7 * 24 * HOUR), "a week"]];
const CHOICES = [["click", "clicks"], ["cart", "carts"], ["purchase", "purchases"], ["like", "likes"], ["play", "plays"]];
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export function mount(main, name) {
  const request = new AbortController();
  const box = h("div.report");
  if (name) {
    fill(main, h("div.wrap", {}, h("p.crumbs", {}, h("a", { href: "#/experiments" }, "All experiments")), h("h1", { tabindex: "-1" }, name), box));
    const again = () => load(box, () => api.experiment(name, request.signal), (found) => result(found, again), { label: "Loading the result" });
    again();
  } else {
    const list = h("div");
    const form = starter();
    fill(main, h("div.wrap", {}, h("h1", { tabindex: "-1" }, "Experiments"),
      h("p.lead", {}, "Show different lists to different users, and see what comes of it."), list, form.element));
    load(list, () => api.experiments(request.signal), (found) => {
      form.offer(found.generators);
      return overview(found);
    }, { label: "Loading experiments" });
  }
  return () => request.abort();
}

function overview({ experiments }) {
  if (!experiments.length) return empty("No experiment yet. Start one below.");
  return [h("h2", {}, "So far"), table("All experiments, the newest first", ["Experiment", "State", "Started", "Arms", "Measured by"], experiments.map((one) => [
    h("a", { href: experimentHash(one.name) }, one.name), one.state, moment.format(new Date(one.started * 1000)),
    one.experiment.arms.map((arm) => (arm.shadow ? `${arm.name} (shadow)` : `${arm.name} ${percent(arm.share)}`)).join(", "),
    one.experiment.metrics[0].name,
  ]))];
}

/** A simple experiment: one generator's weight, for a share of the users. */
function starter() {
  const choose = (id, label, options, value) => {
    const select = h("select.field", { id }, options.map(([key, words]) => h("option", { value: key, selected: key === value }, words)));
    return { select, element: h("div.pick", {}, h("label", { for: id }, label), select) };
  };
  const number = (id, label, value, { min, max, step }) => {
    const input = h("input.field", { id, type: "number", required: true, value, min, max, step });
    return { input, element: h("div.pick", {}, h("label", { for: id }, label), input) };
  };
  const name = h("input.field", { id: "try-name", required: true, maxlength: 64, pattern: "[a-z0-9][a-z0-9\\-]*", autocomplete: "off", title: "small letters, digits and dashes" });
  const generator = choose("try-generator", "Generator", []);
  const factor = number("try-factor", "Weight times", 2, { min: 0, max: 1000, step: "any" });
  const share = number("try-share", "Percent of users", 50, { min: 1, max: 99, step: 1 });
  const metric = choose("try-metric", "Better means more", CHOICES, "click");
  const wait = choose("try-window", "Within", WINDOWS, String(24 * HOUR));
  const refused = h("div");
  const offer = (names) => fill(generator.select, names.map((one) => h("option", { value: one }, one)));

  async function start(event) {
    event.preventDefault();
    const part = Number(share.input.value) / 100;
    const [kind, words] = CHOICES.find(([key]) => key === metric.select.value);
    const tried = {
      name: name.value,
      arms: [
        { name: "as-is", share: 1 - part },
        { name: "changed", share: part, weights: { [generator.select.value]: Number(factor.input.value) } },
      ],
      metrics: [{ name: words, events: [kind], window_seconds: Number(wait.select.value) }],
    };
    try {
      await api.startExperiment(tried);
      announce(`${tried.name} is running`);
      go(experimentHash(tried.name));
    } catch (error) {
      fill(refused, failure(error));
      announce(`Error: ${error.rule ?? error.message}`);
    }
  }

  const element = h("section", { "aria-labelledby": "try-title" },
    h("h2", { id: "try-title" }, "Start one"),
    h("p.facts", {}, "One generator's weight, against lists as they are. For anything else: penchant experiment start FILE."),
    h("form.try", { on: { submit: start } },
      h("div.pick", {}, h("label", { for: "try-name" }, "Name"), name), generator.element, factor.element, share.element, metric.element, wait.element,
      h("button.button", { type: "submit" }, "Start")),
    refused);
  return { element, offer };
}

function result(found, again) {
  const { experiment: one } = found;
  announce(`${found.verdict}. ${found.meaning}`);
  return [
    h("p.lead", {}, h("strong", {}, `${one.state === "ended" ? "Ended" : "So far"}: ${found.verdict}. `), found.meaning),
    facts(one),
    h("div.row", {}, one.state !== "ended" && stopper(one.name, again),
      h("button.button", { type: "button", on: { click: again } }, "Look again")),
    found.alarm && h("p.note", {}, `The arms do not have the shares that were meant (p ${decimals(found.sample_ratio, 6)}).`),
    found.comparisons.filter((row) => row.looks.length > 1).map((row) => intervalOverTime(row)),
    h("section", {}, h("h2", {}, "The numbers"),
      arms(found.arms), comparisons(found), guardrails(found.guardrails), shadows(found.shadows)),
  ];
}

function facts(one) {
  const rows = [["State", one.state], ["Started", moment.format(new Date(one.started * 1000))]];
  if (one.ended !== null) rows.push(["Ended", moment.format(new Date(one.ended * 1000))], ["Why", one.why ?? "it was meant to"]);
  return h("dl.counts", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function stopper(name, again) {
  const button = h("button.button", { type: "button", on: { click: async () => {
    button.disabled = true;
    try {
      await api.stopExperiment(name);
      again();
    } catch (error) {
      button.after(failure(error));
      button.disabled = false;
    }
  } } }, icon("close"), "Stop");
  return button;
}

function arms(list) {
  const names = [...new Set(list.flatMap((arm) => Object.keys(arm.metrics)))];
  return table("Arms", ["Arm", "Share", "Users", "Counted", "Lists", ...names], list.map((arm) => [
    arm.name, arm.share === null ? "–" : percent(arm.share), count(arm.users), count(arm.counted), count(arm.lists),
    ...names.map((name) => decimals(arm.metrics[name]))]));
}

function comparisons({ comparisons: rows, preference }) {
  const out = [];
  if (rows.length) {
    out.push(table("Against the control", ["Arm", "Metric", "Difference", "With less noise", "Interval"], rows.map((row) => [
      row.arm, row.metric, signed(row.difference.estimate), signed(row.adjusted.estimate), ends(row.adjusted)])));
  }
  if (preference) out.push(table("Whose items were chosen", ["Users", "Preference", "Interval"], [[count(preference.units), signed(preference.estimate), ends(preference)]]));
  return out;
}

function guardrails(list) {
  return list.length > 0 && table("Guardrails", ["Arm", "Metric", "Margin", "Difference", "Interval", "State"], list.map((one) => [
    one.arm, one.metric, String(one.margin), signed(one.difference.estimate), ends(one.difference), one.state]));
}

function shadows(list) {
  return list.length > 0 && table("Shadows, of this server", ["Arm", "Lists", "Overlap", "Dropped"], list.map((one) => [
    one.arm, plural(one.lists, "list"), one.overlap === null ? "–" : percent(one.overlap), count(one.dropped)]));
}

const signed = (value) => `${value > 0 ? "+" : ""}${decimals(value)}`;
const ends = ({ low, high }) => (low === null ? "too few users" : `${signed(low)} to ${signed(high)}`);
