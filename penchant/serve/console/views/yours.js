// "Your data": what is kept of a user, as a download, and their say about it: no personal lists, or to be forgotten.

import * as api from "../api.js";
import { confirm } from "../confirm.js";
import { fill, h } from "../dom.js";
import { plural } from "../format.js";
import { announce } from "../live.js";
import { failure } from "../states.js";
import { setUser, tell } from "../store.js";

export function yours() {
  const about = h("p.facts");
  const box = h("div");
  const personal = h("input", { type: "checkbox", id: "personal", on: { change: consent } });
  const element = h("details.yours", { hidden: true }, h("summary", {}, h("h2", {}, "Your data")),
    about,
    h("p.check", {}, personal, h("label", { for: "personal" }, "Let lists follow what I do")),
    h("div.row", {},
      h("button.button", { type: "button", on: { click: () => download() } }, "Download"),
      h("button.button", { type: "button", on: { click: forget } }, "Forget me")),
    box);
  let user = null;

  /** Show the answer of /v1/users/ID, or nothing. */
  function show(answer) {
    element.hidden = answer === null;
    if (answer === null) return;
    if (answer.user_id !== user) box.replaceChildren();
    user = answer.user_id;
    personal.checked = answer.personalised;
    about.textContent = `Kept: ${plural(answer.events, "event")}, ${plural(answer.hidden.length, "hidden item")}, ${plural(answer.interests.length, "interest")}.`;
  }

  async function attempt(work) {
    box.replaceChildren();
    try {
      await work();
    } catch (error) {
      fill(box, failure(error, () => attempt(work)));
      announce(`Error: ${error.rule ?? error.message}`);
    }
  }

  async function consent() {
    const wanted = personal.checked;
    personal.checked = !wanted; // until the server has it
    await attempt(async () => {
      personal.checked = (await api.consent(user, wanted)).personalised;
      announce(wanted ? "Lists follow what you do." : "Lists no longer follow what you do.");
      tell("acted", {});
    });
  }

  const download = () => attempt(async () => {
    const text = JSON.stringify(await api.exported(user), null, 1);
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    h("a", { href: address, download: "my-data.json" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });

  async function forget() {
    const name = user;
    const question = `All that is kept of ${name} is deleted: events, interests, hidden items. This cannot be taken back.`;
    if (!(await confirm("Forget this user?", question, "Forget"))) return;
    await attempt(async () => {
      const receipt = await api.forget(name);
      setUser(name); // as a stranger
      fill(box, told(receipt));
      announce("Forgotten.");
    });
  }

  return { element, show };
}

function told({ receipt, deleted, found, traces, kept }) {
  const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
  const left = sum(found) + traces;
  return h("div.note", {},
    h("p", {}, `Forgotten: ${plural(sum(deleted), "record")} deleted; a search afterwards found ${left === 0 ? "nothing" : plural(left, "record")}.`),
    kept.map((line) => h("p.facts", {}, `Stays for now: ${line}.`)),
    h("p.facts", {}, `Receipt ${receipt}`));
}
