// What the whole page shares: who the user is, which model answers, and what was liked or hidden.
// Views listen; nothing else is global.

const USER = "penchant.user";
const VISITOR = "penchant.visitor";

const topics = new EventTarget();

/** What this browser keeps under a key; null where that is nothing. */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keep something, or with null nothing. */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // private mode: kept for this page only
  }
}

export const state = {
  user: recall(USER), // the id recommendations are for; null: nobody in particular
  visitor: recall(VISITOR), // the id made up for this browser, if one was
  model: null, // null: the merged pipeline
  health: null, // the last answer of /v1/health
  liked: new Set(), // item ids, as the server or the last click has them
  hidden: new Set(),
  person: null, // the last answer of /v1/users/ID
  trip: null, // how the last action travelled, see travel.js
};

/**
 * Listen to a topic: "user", "model", "health", "marks" (liked or hidden changed here),
 * "acted" (the server took an action, and the user's state has it), "failed" (it did not take it), "trip" (it came further),
 * "known" (the user was looked at again), "answer" (a list or search was answered).
 * @returns {() => void} stops listening
 */
export function on(topic, listener) {
  const wrapped = (event) => listener(event.detail ?? undefined);
  topics.addEventListener(topic, wrapped);
  return () => topics.removeEventListener(topic, wrapped);
}

export function tell(topic, detail) {
  topics.dispatchEvent(new CustomEvent(topic, { detail }));
}

/**
 * Become the user `id` (null: nobody). The marks are the new user's only after `setMarks`.
 * `quiet` leaves the list in sight, for an action that is about to change it.
 */
export function setUser(id, { quiet = false } = {}) {
  state.user = id;
  remember(USER, id);
  state.liked.clear();
  state.hidden.clear();
  tell("user", { quiet });
}

/** Become the visitor of this browser, with a new id if `fresh` or if there is none yet. */
export function setVisitor({ fresh = false, quiet = false } = {}) {
  if (fresh || !state.visitor) {
    state.visitor = `visitor-${randomText(6)}`;
    remember(VISITOR, state.visitor);
  }
  setUser(state.visitor, { quiet });
}

export function setModel(model) {
  state.model = model;
  tell("model", model);
}

export function setHealth(health) {
  state.health = health;
  tell("health", health);
}

/** Take the server's word for what the user liked and hid. */
export function setMarks(liked, hiddenItems) {
  state.liked = new Set(liked);
  state.hidden = new Set(hiddenItems);
  tell("marks");
}

/** `length` random letters and digits (works on plain http too, where crypto.randomUUID does not). */
export function randomText(length) {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789"; // 32 of them, without look-alikes
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => letters[byte % 32]).join("");
}
