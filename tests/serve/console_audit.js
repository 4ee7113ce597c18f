// What a person with another screen, keyboard or reader would trip over, as a list of sentences (empty: nothing).
// Called with {phone: boolean}; looks at the page as it stands.
({ phone }) => {
  const problems = [];
  const top = document.querySelector("dialog[open]") ?? document.body;
  const every = (selector) => [...top.querySelectorAll(selector)];
  const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !element.closest("[hidden]");
  const quote = (element) => element.outerHTML.slice(0, 120);

  // Names and references
  const name = (element) => {
    const by = element.getAttribute("aria-labelledby");
    const labelled = by ? by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ") : "";
    const label = element.labels?.length ? [...element.labels].map((one) => one.textContent).join(" ") : "";
    return (element.getAttribute("aria-label") || labelled || label || element.textContent || "").trim();
  };
  for (const element of every("a[href], button, input, select, summary, [role], nav, section, dialog")) {
    const quiet = element.matches("section:not([aria-labelledby]):not([aria-label])");
    if (!quiet && shown(element) && !name(element)) problems.push(`no name: ${quote(element)}`);
  }
  for (const image of every("img")) if (!image.getAttribute("alt")) problems.push(`no alt: ${quote(image)}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids.filter((one, index) => ids.indexOf(one) !== index)) problems.push(`id twice: ${id}`);
  for (const attribute of ["for", "aria-controls", "aria-labelledby", "aria-activedescendant"]) {
    for (const element of every(`[${attribute}]`).filter(shown)) {
      for (const id of element.getAttribute(attribute).split(" ")) {
        if (!document.getElementById(id)) problems.push(`${attribute} points nowhere: ${quote(element)}`);
      }
    }
  }
  for (const element of every("[tabindex]")) if (element.tabIndex > 0) problems.push(`tabindex above 0: ${quote(element)}`);

  // Headings and landmarks
  const levels = every("h1, h2, h3, h4").filter(shown).map((heading) => Number(heading.tagName[1]));
  let last = top.tagName === "DIALOG" ? 1 : 0;
  for (const heading of every("h1, h2, h3, h4").filter(shown)) {
    const level = Number(heading.tagName[1]);
    // the sidebar's headings stand before the h1 in reading order; they may be h2
    if (level > last + 1 && !(last === 0 && level === 2)) problems.push(`heading skips a level: ${quote(heading)}`);
    if (!heading.textContent.trim()) problems.push(`empty heading: ${quote(heading)}`);
    last = level;
  }
  if (top.tagName !== "DIALOG" && levels.filter((level) => level === 1).length !== 1) problems.push("not exactly one h1");
  for (const landmark of ["main", "header", "nav", "footer"]) if (!document.querySelector(landmark)) problems.push(`no ${landmark}`);
  if (!document.documentElement.lang || !document.title) problems.push("no language or title");

  // Contrast
  const parse = (colour) => {
    const numbers = colour.match(/[\d.]+/g).map(Number);
    return { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
  };
  const over = (front, alpha, back) => front.map((value, index) => value * alpha + back[index] * (1 - alpha));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      layers.push(parse(getComputedStyle(one).backgroundColor));
      if (layers.at(-1).alpha === 1) break;
    }
    const opaque = layers.at(-1).alpha === 1 ? layers.pop().rgb : [255, 255, 255];
    return layers.reduceRight((back, { rgb, alpha }) => over(rgb, alpha, back), opaque);
  };
  const opacity = (element) => {
    let all = 1;
    for (let one = element; one; one = one.parentElement) all *= Number(getComputedStyle(one).opacity);
    return all;
  };
  const measured = new Set();
  const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (measured.has(element) || !walker.currentNode.textContent.trim() || !shown(element) || element.closest(".vh, option, script, noscript")) continue;
    measured.add(element);
    const style = getComputedStyle(element);
    const back = ground(element);
    const { rgb, alpha } = parse(style.color);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const found = ratio(over(rgb, alpha * opacity(element), back), back);
    if (found < least) problems.push(`contrast ${found.toFixed(2)} below ${least}: ${quote(element)}`);
  }
  if (!measured.size) problems.push("no text was measured");
  for (const control of every("input, select, .button:not(.plain)").filter(shown)) {
    const found = ratio(parse(getComputedStyle(control).borderTopColor).rgb, ground(control.parentElement));
    if (found < 3) problems.push(`edge contrast ${found.toFixed(2)} below 3: ${quote(control)}`);
  }

  // Size and width
  const extra = document.documentElement.scrollWidth - innerWidth;
  if (extra > 0) problems.push(`the page is ${extra} px too wide`);
  if (phone) {
    for (const control of every("button, input, select, summary, nav.views a").filter(shown)) {
      const box = control.getBoundingClientRect();
      if (box.width < 24 || box.height < 24) problems.push(`too small to touch: ${quote(control)}`);
    }
  }
  return problems;
}
