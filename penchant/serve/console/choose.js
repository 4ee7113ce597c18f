// Suggestions of users for a combobox: by a part of the id, or of a recent title.

import * as api from "./api.js";
import { h } from "./dom.js";
import { plural } from "./format.js";

const CHOICES = 8;

/**
 * @param {string} query
 * @param {AbortSignal} signal
 * @param {(id: string) => void} become called with the user who was chosen
 * @param {(query: string) => string} other the words of the way on with somebody whom nobody knows
 */
export async function suggestUsers(query, signal, become, other) {
  const { users } = await api.users(query, CHOICES, signal);
  const found = users.map((user) => ({
    node: [h("span.option-main", {}, h("span.option-title", {}, user.user_id), " ", h("span.facts", {}, plural(user.events, "event"))),
      user.recent.length > 0 && h("span.option-more", {}, user.recent.join(" · "))],
    choose: () => become(user.user_id),
  }));
  if (query && !users.some((user) => user.user_id === query)) {
    found.push({ extra: true, node: [h("span.option-on", {}, other(query))], choose: () => become(query) });
  }
  return found;
}
