// Views by the address's hash: #/recommend, #/search/QUERY, #/codes/12,7, #/report, #/experiments/NAME, #/operations,
// #/portrait/ID, #/reviews/ID, #/item/ID.

const NAMES = new Set(["recommend", "search", "codes", "report", "experiments", "operations", "portrait", "reviews", "item"]);
const HOME = "#/recommend";

/** @returns {{name: string, arg: string, hash: string}} what the hash asks for; anything unknown is the first view */
export function parse(hash) {
  const [, name = "", rest = ""] = /^#\/([a-z]+)(?:\/(.*))?$/.exec(hash) ?? [];
  if (!NAMES.has(name) || ((name === "item" || name === "search") && !rest)) return { name: "recommend", arg: "", hash: HOME };
  let arg = rest;
  try {
    arg = decodeURIComponent(rest);
  } catch {
    // a stray % in the address: take it as it is
  }
  return { name, arg, hash };
}

export const itemHash = (id) => `#/item/${encodeURIComponent(id)}`;
export const codesHash = (prefix) => (prefix.length ? `#/codes/${prefix.join(",")}` : "#/codes");
export const experimentHash = (name) => `#/experiments/${encodeURIComponent(name)}`;
export const portraitHash = (id) => `#/portrait/${encodeURIComponent(id)}`;
export const reviewHash = (id) => `#/reviews/${encodeURIComponent(id)}`;
export const searchHash = (query) => `#/search/${encodeURIComponent(query)}`;

export function go(hash) {
  location.hash = hash;
}

/** Call `listener(route)` now and whenever the hash names another view. */
export function routes(listener) {
  const read = () => {
    if (location.hash === "" || location.hash.startsWith("#/")) listener(parse(location.hash));
  };
  addEventListener("hashchange", read);
  read();
}
