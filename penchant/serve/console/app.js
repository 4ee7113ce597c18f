// The page: starts the parts, shows the view that the address names, keeps focus and title right.

import { closeNotice, paintActions, undoKey } from "./actions.js";
import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { footer } from "./footer.js";
import { go, routes } from "./router.js";
import { searchbox, showQuery } from "./searchbox.js";
import { failure } from "./states.js";
import { on, setHealth } from "./store.js";
import { mount as recommend } from "./views/recommend.js";

const VIEWS = {
  recommend: { title: "For you", open: async () => recommend },
  search: { title: "Search", open: async () => (await import("./views/search.js")).mount },
  codes: { title: "Semantic IDs", open: async () => (await import("./views/codes.js")).mount },
  experiments: { title: "Experiments", open: async () => (await import("./views/experiments.js")).mount },
  operations: { title: "Operations", open: async () => (await import("./views/operations.js")).mount },
  portrait: { title: "Portrait", open: async () => (await import("./views/portrait.js")).mount },
  reviews: { title: "Review queue", open: async () => (await import("./views/reviews.js")).mount },
  report: { title: "Report", open: async () => (await import("./views/report.js")).mount },
};

const main = document.getElementById("main");
const panel = document.getElementById("panel");
let below = null; // the hash of the view that is mounted, under the panel if that is open
let leave = () => {};
let turn = 0; // counts navigations, so that a slow one does not overtake the next
let mounts = 0; // the same for the views below the panel

async function show(route) {
  const mine = ++turn;
  if (route.name === "item") {
    if (below === null) await mountView({ name: "recommend", arg: "", hash: "#/recommend" });
    const { openPanel } = await import("./views/item.js");
    if (mine === turn) openPanel(panel, route.arg, () => go(below));
    document.title = "Item · Penchant";
    return;
  }
  if (panel.open) (await import("./views/item.js")).closePanel(panel);
  if (route.hash !== below) await mountView(route);
  document.title = `${VIEWS[route.name].title} · Penchant`;
}

async function mountView(route) {
  const mine = ++mounts;
  const first = below === null;
  below = route.hash;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === route.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leave();
  leave = () => {};
  if (!first) closeNotice();
  showQuery(route.name === "search" ? route.arg : "");
  try {
    const mount = await VIEWS[route.name].open();
    if (mine !== mounts) return;
    leave = mount(main, route.arg);
  } catch (error) {
    below = null;
    const known = { value: error.message, rule: "a part of the page could not be loaded", remedy: "try again when the server can be reached" };
    fill(main, h("div.wrap", {}, h("h1", { tabindex: "-1" }, VIEWS[route.name].title), failure(known, () => show(route))));
    return;
  }
  if (first) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function connection() {
  const bar = document.getElementById("offline");
  const draw = () => {
    bar.hidden = navigator.onLine !== false;
  };
  addEventListener("online", draw);
  addEventListener("offline", draw);
  draw();
}

async function askHealth() {
  try {
    setHealth(await api.health());
  } catch (error) {
    setTimeout(askHealth, 5_000); // the views tell of their own failures; the foot fills in when it can
  }
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash belongs to the views
  main.focus();
});
on("marks", paintActions);
on("acted", askHealth);
addEventListener("online", askHealth);
searchbox();
undoKey();
footer();
connection();
askHealth();
routes(show);
// The other views come while nothing else is to do, so that they open at once and without a connection too.
addEventListener("load", () => setTimeout(() => {
  for (const view of Object.values(VIEWS)) view.open().catch(() => {});
  import("./views/item.js").catch(() => {});
}, 1_000));
