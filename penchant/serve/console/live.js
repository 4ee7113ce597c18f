// Saying what changed to those who cannot see it. A modal dialog silences everything outside it,
// so while the panel is open its own live region speaks.

import { h } from "./dom.js";

const KEPT = 4_000; // milliseconds a message stays to be read; it was spoken when it was added

/** Say `text` politely, after what is still being said. */
export function announce(text) {
  const region = document.querySelector("dialog[open] [aria-live]") ?? document.getElementById("live");
  const message = h("p", {}, text);
  region.append(message);
  setTimeout(() => message.remove(), KEPT);
}
