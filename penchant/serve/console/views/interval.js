// How an interval narrowed as users came: a band with its middle, and the line of no difference.

import { h, shape } from "../dom.js";
import { count } from "../format.js";
import { decimals } from "./tables.js";

const WIDE = 640;
const HIGH = 180;

/**
 * A figure of one comparison; its ends stand in words below.
 * @param {{arm: string, metric: string, looks: Array<{interval: {estimate: number, low: number, high: number, units: number}}>}} row
 */
export function intervalOverTime({ arm, metric, looks }) {
  const points = looks.map((look) => look.interval);
  // The first intervals are wide enough to hide all that follows: what is drawn is cut at three times the last one's width.
  const last = points.at(-1);
  const reach = Math.max(Math.abs(last.low), Math.abs(last.high), 1.5 * (last.high - last.low)) || 1;
  const from = points[0].units;
  const x = (units) => (WIDE * (units - from)) / Math.max(1, last.units - from);
  const y = (value) => (HIGH / 2) * (1 - Math.max(-1, Math.min(1, value / reach)));
  const at = (point, value) => `${x(point.units).toFixed(1)},${y(value).toFixed(1)}`;
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "path", "aria-hidden": "true", preserveAspectRatio: "none" });
  svg.append(
    shape("polygon", { class: "path-band", points: [...points.map((one) => at(one, one.high)), ...points.toReversed().map((one) => at(one, one.low))].join(" ") }),
    shape("line", { class: "path-zero", x1: 0, x2: WIDE, y1: HIGH / 2, y2: HIGH / 2 }),
    shape("polyline", { class: "path-line", points: points.map((one) => at(one, one.estimate)).join(" ") }));
  return h("figure.over-time", {}, svg, h("figcaption", {},
    `${arm} less the control, by ${metric}, from ${count(from)} to ${count(last.units)} users counted: ${decimals(last.estimate)} now, `
    + `between ${decimals(last.low)} and ${decimals(last.high)}. The line across is no difference; the scale ends at ${decimals(reach)} either way.`));
}
