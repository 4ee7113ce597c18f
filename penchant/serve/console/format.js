// Numbers, times and names as people read them.

const whole = new Intl.NumberFormat("en");
const percentage = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

export const count = (number) => whole.format(number);

/** "1 item", "2 items" */
export const plural = (number, one, many = `${one}s`) => `${whole.format(number)} ${number === 1 ? one : many}`;

/** A share of 0..1; what is above nothing but rounds to it says so. */
export const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : percentage.format(share));

const fraction = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 2 });

/** A probability, small ones with the digits that tell them apart. */
export const chance = (probability) => (probability < 0.0001 ? "<0.01%" : fraction.format(probability));

export const milliseconds = (number) => (number < 10 ? `${number.toFixed(1)} ms` : `${whole.format(Math.round(number))} ms`);

/** Seconds as people say them: "8 s", "12 min", "3 h", "2 days". */
export function duration(seconds) {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : plural(Math.round(seconds / 86_400), "day");
}

/** Something a second, small rates with the digits that tell them from nothing. */
export const rate = (number) => (number === 0 ? "0" : number < 10 ? number.toPrecision(2) : whole.format(Math.round(number)));

const DONE = {
  view: "viewed",
  click: "opened",
  cart: "put in the cart",
  purchase: "bought",
  rating: "rated",
  review: "reviewed",
  search: "found by search",
  play: "played",
  like: "liked",
  dislike: "disliked",
  hide: "hidden",
};

/** What was done, as a word: "like" becomes "liked"; where the log does not say, that it is there. */
export const done = (event) => (event ? DONE[event] ?? event : "in the history");

/** UTC seconds as "just now", "4 min ago", or a date; empty where the log has no time. */
export function when(seconds, now = Date.now() / 1000) {
  if (seconds === null || seconds === undefined) return "";
  const ago = now - seconds;
  if (ago < 60 && ago > -60) return "just now";
  if (ago > 0 && ago < 3600) return `${Math.floor(ago / 60)} min ago`;
  return day.format(new Date(seconds * 1000));
}

export const isoTime = (seconds) => new Date(seconds * 1000).toISOString();

const TIERS = {
  head: "head: among the items most people act on",
  mid: "mid: known, not among the most popular",
  tail: "tail: few people have acted on it",
  new: "new: no one has acted on it in training",
};

export const tier = (name) => TIERS[name] ?? name;

/** Year and categories in one line. */
export const facts = (item) => [item.year, item.brand, ...(item.categories ?? [])].filter(Boolean);
