// How something went over the last minutes: a bar for every few seconds, a second one in front of it.

import { h, shape } from "../dom.js";
import { duration } from "../format.js";

const HIGH = 100;
const STEP = 10; // width of a bar and the gap after it
const PLACES = 60; // as many as the server keeps; the newest on the right

/**
 * A figure; its numbers stand in words beside it.
 * @param {string} title
 * @param {Array<{ago: number, back: number|null, front: number|null}>} beats `ago` in beats; nulls draw nothing
 * @param {{back: string[], front: string[], write: (value: number) => string, seconds: number}} options name and tone (accent, edge or
 *   ink) of the two bars, how values are written, and how long a beat is
 */
export function bars(title, beats, { back, front, write, seconds }) {
  const top = Math.max(0, ...beats.flatMap((beat) => [beat.back ?? 0, beat.front ?? 0]));
  const svg = shape("svg", { viewBox: `0 0 ${PLACES * STEP} ${HIGH}`, class: "beats", "aria-hidden": "true", preserveAspectRatio: "none" });
  for (const beat of beats) {
    for (const kind of ["back", "front"]) {
      if (!beat[kind]) continue;
      const height = Math.max(2, (HIGH * beat[kind]) / top);
      svg.append(shape("rect", { class: `beat tone-${kind === "back" ? back[1] : front[1]}`, x: (PLACES - 1 - beat.ago) * STEP + 1, y: HIGH - height, width: STEP - 2, height }));
    }
  }
  return h("figure.beats-figure", {},
    h("figcaption", {}, h("h3", {}, title), h("span.facts", {}, top ? `highest ${write(top)}` : "nothing yet")),
    svg,
    h("p.beats-foot.facts", {}, h("span", {}, `${duration(PLACES * seconds)} ago`),
      h("span.legend", {}, [back, front].map(([name, tone]) => h(`span.swatch.tone-${tone}`, {}, name))), h("span", {}, "now")));
}
