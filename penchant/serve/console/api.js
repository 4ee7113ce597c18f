// The HTTP API: one function an endpoint. Every failure arrives as an ApiError with value, rule and remedy.

import { another, authorization, key } from "./key.js";

const TIMEOUT = 20_000; // milliseconds; past it the request is given up and said so

/** A refusal by the server, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(status, { value, rule, remedy }) {
    super(`${value}: ${rule}; ${remedy}`);
    this.name = "ApiError";
    this.status = status;
    this.value = value;
    this.rule = rule;
    this.remedy = remedy;
  }
}

/** True for a request that was dropped on purpose because a newer one replaced it. */
export const isAbort = (error) => error?.name === "AbortError";

/** Ask, and where the server wants a key, ask the person for one and try again. */
async function ask(path, options) {
  for (;;) {
    const sent = key();
    try {
      return await once(path, options);
    } catch (error) {
      if (error.status !== 401 || !(await another(sent))) throw error;
    }
  }
}

async function once(path, { body, signal, method = body === undefined ? "GET" : "POST", read = (response) => response.json() } = {}) {
  const limit = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    limit.abort();
  }, TIMEOUT);
  const drop = () => limit.abort();
  if (signal?.aborted) drop();
  signal?.addEventListener("abort", drop);
  try {
    const response = await fetch(path, {
      method,
      headers: { ...authorization(), ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: limit.signal,
    });
    const answer = await (response.ok ? read(response) : response.json()).catch(() => null);
    if (!response.ok) throw refusal(response, answer);
    if (answer === null) throw new ApiError(response.status, notJson(path));
    return answer;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (late) throw new ApiError(0, slow(path));
    if (isAbort(error)) throw error;
    throw new ApiError(0, silent());
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", drop);
  }
}

function refusal(response, answer) {
  const error = answer?.error ?? {};
  return new ApiError(response.status, {
    value: error.value ?? `HTTP ${response.status}`,
    rule: error.rule ?? "the server refused the request",
    remedy: error.remedy ?? "try again; if it stays, look at the server’s log",
  });
}

const notJson = (path) => ({
  value: path,
  rule: "the answer was not JSON",
  remedy: "check that this address is Penchant’s server and not something in between",
});

const slow = (path) => ({
  value: path,
  rule: `no answer in ${TIMEOUT / 1000} seconds`,
  remedy: "try again; if it stays, look at the server’s log",
});

const silent = () =>
  navigator.onLine === false
    ? { value: "this device is offline", rule: "the server cannot be reached", remedy: "reconnect, then try again" }
    : { value: "no answer", rule: "the server cannot be reached", remedy: "check that it is running, then try again" };

export const health = (signal) => ask("v1/health", { signal });

export const recommend = ({ user, model, k }, signal) =>
  ask("v1/recommend", { body: { user_id: user, model, k }, signal });

export const search = ({ query, user, k }, signal) =>
  ask("v1/search", { body: { query, user_id: user, k }, signal });

/** Log one event; `event_id` makes a repeated try count once. */
export const logEvent = (event) => ask("v1/events", { body: { events: [event] } });

/** An item; with `user`, what is near it leaves out what that person must not be shown. */
export const item = (id, { user = null } = {}, signal) =>
  ask(`v1/items/${encodeURIComponent(id)}${user === null ? "" : `?user_id=${encodeURIComponent(user)}`}`, { signal });

export const users = (search, limit, signal) =>
  ask(`v1/users?search=${encodeURIComponent(search)}&limit=${limit}`, { signal });

export const user = (id, signal) => ask(`v1/users/${encodeURIComponent(id)}?limit=50`, { signal });

/** A user as their events show them. */
export const portrait = (id, signal) => ask(`v1/users/${encodeURIComponent(id)}/portrait`, { signal });

/** Portraits that wait for a decision. */
export const reviews = (signal) => ask("v1/reviews?limit=100", { signal });

/** One of them, with what it would change. */
export const review = (id, signal) => ask(`v1/reviews/${encodeURIComponent(id)}`, { signal });

export const askReview = (id, why) => ask("v1/reviews", { body: { user_id: id, why } });

export const decide = (id, decision) => ask(`v1/reviews/${encodeURIComponent(id)}`, { body: decision });

/** Decisions, the newest first. */
export const reviewed = (signal) => ask("v1/reviewed?limit=50", { signal });

/** All that is kept of a user. */
export const exported = (id) => ask(`v1/users/${encodeURIComponent(id)}/export`);

/** Let lists follow a user, or not. */
export const consent = (id, personalised) => ask(`v1/users/${encodeURIComponent(id)}/consent`, { body: { personalised } });

/** Delete all that is kept of a user; the receipt. */
export const forget = (id) => ask(`v1/users/${encodeURIComponent(id)}`, { method: "DELETE" });

export const codes = (prefix, signal) => ask(`v1/codes?prefix=${encodeURIComponent(prefix.join(","))}`, { signal });

export const beam = ({ user, width }, signal) =>
  ask(`v1/beam?width=${width}${user === null ? "" : `&user_id=${encodeURIComponent(user)}`}`, { signal });

export const experiments = (signal) => ask("v1/experiments", { signal });

export const experiment = (name, signal) => ask(`v1/experiments/${encodeURIComponent(name)}`, { signal });

export const startExperiment = (experiment) => ask("v1/experiments", { body: experiment });

export const stopExperiment = (name) => ask(`v1/experiments/${encodeURIComponent(name)}`, { method: "DELETE" });

export const operations = (signal) => ask("v1/operations", { signal });

export const releases = (signal) => ask("v1/releases", { signal });

export const promote = (release, why) => ask("v1/releases/promote", { body: { release, why } });

export const rollback = (why) => ask("v1/releases/rollback", { body: { why } });

export const report = (signal) => ask("v1/report", { signal });

/** An address that shows a figure of the report: a picture in the page sends no key, so with one it is fetched first. */
export async function figure(name, signal) {
  const address = `v1/report/figures/${encodeURIComponent(name)}`;
  if (key() === null) return address;
  return URL.createObjectURL(await ask(address, { signal, read: (response) => response.blob() }));
}
