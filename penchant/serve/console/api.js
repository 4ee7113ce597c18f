// The HTTP API: one function an endpoint. Every failure arrives as an ApiError with value, rule and remedy.

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

async function ask(path, { body, signal, method = body === undefined ? "GET" : "POST" } = {}) {
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
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: limit.signal,
    });
    const answer = await response.json().catch(() => null);
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

export const item = (id, signal) => ask(`v1/items/${encodeURIComponent(id)}`, { signal });

export const users = (search, limit, signal) =>
  ask(`v1/users?search=${encodeURIComponent(search)}&limit=${limit}`, { signal });

export const user = (id, signal) => ask(`v1/users/${encodeURIComponent(id)}?limit=50`, { signal });

export const codes = (prefix, signal) => ask(`v1/codes?prefix=${encodeURIComponent(prefix.join(","))}`, { signal });

export const beam = ({ user, width }, signal) =>
  ask(`v1/beam?width=${width}${user === null ? "" : `&user_id=${encodeURIComponent(user)}`}`, { signal });

export const experiments = (signal) => ask("v1/experiments", { signal });

export const experiment = (name, signal) => ask(`v1/experiments/${encodeURIComponent(name)}`, { signal });

export const startExperiment = (experiment) => ask("v1/experiments", { body: experiment });

export const stopExperiment = (name) => ask(`v1/experiments/${encodeURIComponent(name)}`, { method: "DELETE" });

export const report = (signal) => ask("v1/report", { signal });

export const figureAddress = (name) => `v1/report/figures/${encodeURIComponent(name)}`;
