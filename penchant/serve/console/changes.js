// What changed between two lists, and showing the change by letting things slide to their new place.

const SLIDE = { duration: 360, easing: "cubic-bezier(.2, .7, .2, 1)" };

/**
 * Compare two orders of ids, counting a move only against the items that are in both.
 * @param {string[]} before
 * @param {string[]} after
 * @returns {{of: Map<string, {kind: string, by: number}>, entered: number, moved: number, left: number}}
 */
export function compare(before, after) {
  const kept = new Set(after);
  const stayed = new Map(before.filter((id) => kept.has(id)).map((id, index) => [id, index]));
  const of = new Map();
  let [entered, moved, index] = [0, 0, 0];
  for (const id of after) {
    if (!stayed.has(id)) {
      of.set(id, { kind: "entered", by: 0 });
      entered += 1;
      continue;
    }
    const by = stayed.get(id) - index;
    if (by !== 0) {
      of.set(id, { kind: by > 0 ? "up" : "down", by: Math.abs(by) });
      moved += 1;
    }
    index += 1;
  }
  return { of, entered, moved, left: before.length - stayed.size };
}

/**
 * Put `elements` into `list` in this order; those that were there slide, new ones fade in.
 * Nothing moves for people who asked for less motion.
 */
export function arrange(list, elements) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const before = still ? new Map() : new Map([...list.children].map((child) => [child, child.getBoundingClientRect().top]));
  const keep = new Set(elements);
  [...list.children].filter((child) => !keep.has(child)).forEach((child) => child.remove());
  elements.forEach((element, index) => {
    if (list.children[index] !== element) place(list, element, list.children[index]);
  });
  if (still || before.size === 0) return;
  for (const element of elements) {
    const from = before.get(element);
    const to = element.getBoundingClientRect().top;
    if (to > innerHeight || to < -400) continue; // out of sight
    if (from === undefined) element.animate([{ opacity: 0 }, { opacity: 1 }], SLIDE);
    else if (from !== to) element.animate([{ transform: `translateY(${from - to}px)` }, { transform: "none" }], SLIDE);
  }
}

/** Move `element` without losing the focus inside it. */
function place(list, element, reference) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(element, reference ?? null);
  focused?.focus({ preventScroll: true });
}
