// Tables of numbers that stay readable: a scroll region of their own on a narrow screen, intervals in
// figures and as a small bar, and the best value named in a word.

import { h, hidden } from "../dom.js";
import { count } from "../format.js";

const WORDS = {
  ndcg: "NDCG", mrr: "MRR", map: "MAP", recall: "Recall", hitrate: "Hit rate", hit_rate: "Hit rate", precision: "Precision",
  coverage: "Coverage", gini: "Gini of exposure", novelty: "Novelty, bits", tail_share: "Tail share", intra_list_distance: "Distance in a list",
};

/** "ndcg@10" as people write it. */
export function metricName(name) {
  const [measure, cutoff] = name.split("@");
  const words = WORDS[measure.toLowerCase()] ?? measure.replaceAll("_", " ");
  return cutoff ? `${words}@${cutoff}` : words;
}

/** A metric is {mean, low, high} or a plain number. */
export const mean = (value) => (typeof value === "number" ? value : value?.mean ?? null);

export const decimals = (value, digits = 4) => (value === null || value === undefined ? "–" : value.toFixed(digits));

/** Whole numbers with separators, small ones with a decimal. */
export const quantity = (value) =>
  value === null || value === undefined ? "–" : value >= 100 || Number.isInteger(value) ? count(Math.round(value)) : value.toFixed(value < 1 ? 2 : 1);

/**
 * A table in its own scroll region.
 * @param {string} caption
 * @param {Array<string|Node>} columns the first heads the row names
 * @param {Array<Array<string|Node>>} rows the first cell of each is its head
 */
export function table(caption, columns, rows) {
  return h("div.numbers", {},
    h("h3", {}, caption),
    h("div.scroll", { role: "region", tabindex: "0", "aria-label": caption },
      h("table", { "aria-label": caption },
        h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
        h("tbody", {}, rows.map(([head, ...cells]) =>
          h("tr", {}, h("th", { scope: "row" }, head), cells.map((cell) => h("td", {}, cell))))))));
}

/**
 * Models down, metrics across; each cell the mean, its interval, and "best" at the highest mean of the column.
 * @param {string} caption
 * @param {string} head of the first column
 * @param {Array<{name: string, metrics: Object}>} rows
 * @param {string[]} names of the metrics
 */
export function intervals(caption, head, rows, names) {
  const top = names.map((name) => Math.max(...rows.map((row) => mean(row.metrics[name]) ?? -Infinity)));
  const reach = names.map((name) => Math.max(...rows.map((row) => row.metrics[name]?.high ?? mean(row.metrics[name]) ?? 0)));
  return table(caption, [head, ...names.map(metricName)], rows.map((row) => [
    row.name,
    ...names.map((name, index) => cell(row.metrics[name], mean(row.metrics[name]) === top[index] && rows.length > 1, reach[index])),
  ]));
}

function cell(value, best, reach) {
  const middle = mean(value);
  if (middle === null) return "–";
  const spread = typeof value === "object" && value.high !== undefined;
  return h("div.score", { "data-best": best ? "yes" : null },
    h("span.score-mean", {}, decimals(middle), best && h("span.best", {}, " best")),
    spread && h("span.score-range", {}, hidden("interval "), `${decimals(value.low)} to ${decimals(value.high)}`),
    spread && whisker(value, reach));
}

/** The interval as a line with a point, from 0 to the column's largest value; decorative. */
function whisker({ low, mean: middle, high }, reach) {
  const at = (value) => `${(100 * Math.max(0, value)) / (reach || 1)}%`;
  const line = h("span.whisker-line");
  line.style.left = at(low);
  line.style.width = at(high - low);
  const point = h("span.whisker-point");
  point.style.left = at(middle);
  return h("span.whisker", { "aria-hidden": "true" }, line, point);
}
