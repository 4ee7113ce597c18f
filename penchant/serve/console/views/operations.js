// #/operations: how the server that answers this page does, looked at again every few seconds while somebody sees it.

import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { count, duration, milliseconds, percent, plural, rate } from "../format.js";
import { change } from "../key.js";
import { announce } from "../live.js";
import { empty, failure, skeleton } from "../states.js";
import { bars } from "./beats.js";
import { shelf } from "./shelf.js";
import { table } from "./tables.js";

const PAUSE = 4_000; // milliseconds between two looks
const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium" });

export function mount(main) {
  const request = new AbortController();
  const lead = h("p.lead");
  const stale = h("div");
  const numbers = h("div", {}, skeleton(4, "Loading"));
  const releases = shelf(request.signal);
  const tried = h("p");
  let timer = 0;
  let seen = false; // whether there are numbers in sight

  fill(main, h("div.wrap.report.operations", {}, h("h1", { tabindex: "-1" }, "Operations"), lead, stale, numbers, releases.element,
    h("section", { "aria-labelledby": "tried-title" }, h("h2", { id: "tried-title" }, "Experiments"), tried)));

  async function look() {
    clearTimeout(timer);
    try {
      const found = await api.operations(request.signal);
      stale.replaceChildren();
      lead.textContent = `Release ${found.release.name} of ${found.release.dataset}. This process has run for ${duration(found.uptime_seconds)}; Penchant ${found.version}.`;
      refill(numbers, overview(found));
      seen = true;
      if (found.shelf) await releases.look();
      else releases.none();
    } catch (error) {
      if (api.isAbort(error)) return;
      if (error.status === 401 || error.status === 403) return refused(error);
      trouble(error);
    }
    timer = setTimeout(() => document.visibilityState === "visible" && look(), PAUSE);
  }

  function trouble(error) {
    if (!seen) numbers.replaceChildren();
    const told = stale.querySelector(".failure");
    if (!told) announce(`Error: ${error.rule ?? error.message}`);
    refill(stale, [seen && h("p.note", {}, `The server did not answer at ${clock.format(new Date())}. The numbers below are older; they follow again when it does.`),
      failure(error, look)]);
  }

  /** Nobody is asked again and again for a key. */
  function refused(error) {
    numbers.replaceChildren();
    releases.hide();
    announce(`Error: ${error.rule}`);
    fill(stale, failure(error, error.status === 401 ? start : null), error.status === 403 && h("button.button", {
      type: "button", on: { click: async () => (await change()) && start() },
    }, "Use another key"));
  }

  async function experiments() {
    try {
      const running = (await api.experiments(request.signal)).experiments.filter((one) => one.state === "running").length;
      fill(tried, h("a", { href: "#/experiments" }, running ? `${plural(running, "experiment")} running` : "None is running"));
    } catch (error) {
      if (!api.isAbort(error)) fill(tried, h("a", { href: "#/experiments" }, "All experiments"));
    }
  }

  function start() {
    stale.replaceChildren();
    look();
    experiments();
  }

  const back = () => document.visibilityState === "visible" && look();
  document.addEventListener("visibilitychange", back);
  start();
  return () => {
    document.removeEventListener("visibilitychange", back);
    clearTimeout(timer);
    request.abort();
    releases.stop();
  };
}

/** Fill anew; what had the focus, or was scrolled to, is so again in its successor of the same name. */
function refill(box, content) {
  const regions = () => [...box.querySelectorAll("[role=region]")];
  const scrolled = new Map(regions().map((one) => [one.ariaLabel, one.scrollLeft]));
  const focused = box.contains(document.activeElement) ? document.activeElement.ariaLabel ?? document.activeElement.textContent : null;
  fill(box, content);
  for (const one of regions()) one.scrollLeft = scrolled.get(one.ariaLabel) ?? 0;
  if (focused !== null) [...box.querySelectorAll("[tabindex], button")].find((one) => (one.ariaLabel ?? one.textContent) === focused)?.focus({ preventScroll: true });
}

function overview({ traffic, near_line: followed, lists, vectors, events }) {
  const { total } = traffic;
  const lag = followed?.lags?.reduce((sum, one) => sum + one.lag, 0);
  const facts = [
    ["Requests a second", rate(total.requests_per_second)],
    ["Failed a second", rate(total.failed_per_second)],
    ["Median", total.milliseconds ? milliseconds(total.milliseconds.median) : "–"],
    ["99 of 100 within", total.milliseconds ? milliseconds(total.milliseconds.p99) : "–"],
    ["Under way", count(traffic.running)],
    ["Shed since the start", count(traffic.shed)],
    ["Events behind", lag === undefined ? "–" : count(lag)],
    ["Newest event followed", followed?.newest_age_seconds == null ? "–" : `${duration(followed.newest_age_seconds)} ago`],
  ];
  return [
    h("section", { "aria-labelledby": "traffic-title" }, h("h2", { id: "traffic-title" }, "Traffic of the last minute"),
      h("dl.counts", {}, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      h("div.pair", {}, figures(traffic)),
      routes(traffic)),
    h("section", { "aria-labelledby": "log-title" }, h("h2", { id: "log-title" }, "Event log"), eventLog(followed, events)),
    h("section", { "aria-labelledby": "lists-title" }, h("h2", { id: "lists-title" }, "Lists since the start"), h("div.pair", {}, made(lists, vectors))),
  ];
}

function figures({ beats, beat_seconds: seconds }) {
  const at = (beat) => Math.round(beat.ago_seconds / seconds);
  const each = (write) => `${write} a second`;
  return [
    bars("Requests a second", beats.map((beat) => ({ ago: at(beat), back: beat.requests_per_second, front: beat.failed_per_second + beat.refused_per_second })),
      { back: ["all", "accent"], front: ["failed or refused", "ink"], write: (value) => each(rate(value)), seconds }),
    bars("Time of an answer", beats.map((beat) => ({ ago: at(beat), back: beat.milliseconds?.p99 ?? null, front: beat.milliseconds?.median ?? null })),
      { back: ["99 of 100", "edge"], front: ["median", "accent"], write: milliseconds, seconds }),
  ];
}

function routes(traffic) {
  if (!traffic.routes.length) return empty("Nothing was asked in the last minute.");
  const time = (one, name) => (one.milliseconds ? milliseconds(one.milliseconds[name]) : "–");
  return table("By route; those who watch come last", ["Route", "A second", "Refused", "Failed", "Median", "95 of 100", "99 of 100"], traffic.routes.map((one) => [
    one.route.replace(":path", ""), rate(one.requests_per_second), rate(one.refused_per_second), rate(one.failed_per_second),
    time(one, "median"), time(one, "p95"), time(one, "p99")]));
}

function eventLog(followed, events) {
  const sent = events.length > 0 && h("p.facts", {}, `Sent to this process: ${events.map((one) => `${count(one.count)} ${one.name}`).join(", ")}.`);
  if (followed === null) return [sent, empty("Nobody follows the event log here: the server was started without a state store.")];
  return [
    h("p.facts", {}, followed.here ? "Followed by this process." : "Followed by workers elsewhere.",
      followed.refusals > 0 && ` Log or store refused ${plural(followed.refusals, "time")}.`),
    sent,
    followed.lags === null ? empty("Log or state store do not answer.")
      : table("Lag by partition", ["Partition", "Behind", "Read to", "End"], followed.lags.map((one) => [
        String(one.partition), count(one.lag), count(one.read_to), count(one.end)])),
    followed.dead_letters?.length ? table("Set aside in the last 30 days", ["Reason", "Records"], followed.dead_letters.map((one) => [one.name, count(one.count)]))
      : followed.dead_letters && h("p.facts", {}, "No record was set aside in the last 30 days."),
  ];
}

function made(lists, vectors) {
  if (!lists.lists) return empty("No list yet.");
  const shares = (caption, head, rows) => rows.length > 0 && table(caption, [head, "Times", "Share"], rows.map((one) => [one.name, count(one.count), percent(one.share)]));
  const waiting = vectors.waiting || vectors.dropped ? `; ${count(vectors.waiting)} waiting, ${count(vectors.dropped)} dropped` : "";
  return [
    shares("How they were made", "Way", lists.rungs),
    shares("Made without", "Part", lists.missing) || h("p.facts", {}, "None was made without a part."),
    shares("Stored vectors that were read", "Found", vectors.reads),
    shares(`Stored vectors made anew${waiting}`, "Outcome", vectors.refreshes),
  ];
}
