// A click travels: what was sent, where the log keeps it, when the user's state has it, and the list that followed, each
// with the milliseconds since it was sent.

import * as api from "./api.js";
import { state, tell } from "./store.js";

const FIRST = 25; // milliseconds before the second look; every later one waits half as long again
const LONGEST = 500;
const PATIENCE = 10_000; // after which nobody waits for a worker any more

/** Begin a trip. @returns {Object} it, told as "trip" whenever it has come further */
export function begin({ event, item, user }) {
  const before = state.person?.user_id === user ? state.person : null;
  const trip = { event, item, user, before, started: performance.now(), logged: null, known: null, followed: null, listed: null, over: false };
  state.trip = trip;
  return further(trip, {});
}

/** The log has it. @param {Object} answer of /v1/events */
export function logged(trip, { places, duplicates }) {
  further(trip, { logged: { after: since(trip), place: places[0], again: duplicates > 0 } });
}

/** It was not saved. */
export function end(trip) {
  if (state.trip !== trip) return;
  state.trip = null;
  tell("trip", null);
}

/** The list that followed is there; `change` says what came in, left and moved, null where another list was in sight. */
export const listed = (trip, change) => further(trip, { listed: { after: since(trip), change } });

/**
 * Look at the user until their state has the event, and on until the worker has followed it.
 * @returns {Promise<Object|null>} the user with the event, or as far as they were known in the end
 */
export function known(trip) {
  return new Promise((resolve) => look(trip, resolve, FIRST));
}

async function look(trip, resolve, pause) {
  const answer = await api.user(trip.user).catch(() => null);
  const late = since(trip) > PATIENCE;
  if (answer !== null) {
    if (!trip.known && past(answer.read_to, trip.logged.place)) further(trip, { known: { after: since(trip), person: answer } });
    if (!trip.followed && answer.followed_to !== null && past(answer.followed_to, trip.logged.place)) {
      further(trip, { followed: { after: since(trip), person: answer } });
      if (state.user === trip.user) tell("known", answer);
    }
  }
  if (trip.known || answer === null || answer.read_to === null || late) resolve(answer);
  const gone = state.user !== trip.user || answer === null || (trip.known && answer.followed_to === null);
  if (trip.followed || gone || late) return further(trip, { over: true });
  setTimeout(() => look(trip, resolve, Math.min(LONGEST, 1.5 * pause)), pause);
}

const since = (trip) => performance.now() - trip.started;
const past = (places, place) => places?.some((one) => one.partition === place.partition && one.offset > place.offset) ?? false;

function further(trip, steps) {
  Object.assign(trip, steps);
  if (state.trip === trip) tell("trip", trip);
  return trip;
}
