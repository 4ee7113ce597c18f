"""What is due next: the renewal model against what is bought most, last, and by its mean interval.

Complete Journey: product types of 2,469 households. Types and users are learnt from January to September; then, at the beginning of each
of three windows of four weeks (from October 1, October 29 and November 26), all types a household has bought are ranked by what was
bought before the window, and held against what is bought in it. As a control, the dates of each household and type are drawn anew,
evenly over the days of that household before October: how often is left, and when is lost. Settings were chosen on the windows of August
and September; with others the windows reported here had been looked at once before.

Run: python -m benchmarks.repurchase
"""

from __future__ import annotations

import time
from datetime import date

import numpy as np
from scipy.stats import rankdata

from benchmarks.harness import row, write
from penchant.data.sources import load
from penchant.evaluate.significance import compare
from penchant.recipes.language.repurchase import WITHIN, Again, K, Way, by_household, keys, recalls, shuffled
from penchant.users.categories import CategoryTree
from penchant.users.repurchase import Cycles, Pairs, Purchases

EPOCH = date(1970, 1, 1)
STARTS = [(date(2017, 10, 1) - EPOCH).days + 28 * window for window in range(3)]


def areas(pairs: Pairs, scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Users with something bought and something not, and the AUC of each; see ``penchant.recipes.language.repurchase.recalls``."""
    found: dict[int, float] = {}
    for part in np.split(np.arange(len(pairs)), np.flatnonzero(np.diff(pairs.users)) + 1):
        hits = right[part]
        if hits.any() and not hits.all():
            places = rankdata(scores[part])
            area = (places[hits].sum() - hits.sum() * (hits.sum() + 1) / 2) / (hits.sum() * (~hits).sum())
            found[int(pairs.users[part[0]])] = float(area)
    return np.array(list(found), np.int64), np.array(list(found.values()))


def due_dates(purchases: Purchases, cycles: Cycles) -> dict[str, float]:
    """Median days between the date told on the day after a purchase and the next one, of pairs with three purchases before."""
    errors: dict[str, list[np.ndarray]] = {"renewal": [], "mean interval": []}
    for day in range(STARTS[0], STARTS[-1] + WITHIN, 7):
        past = Pairs.of(purchases.before(day))
        now = purchases.where((purchases.days >= day) & (purchases.days < day + 300))
        found, first = np.unique(keys(now), return_index=True)  # sorted by day within a pair
        known = keys(past)
        at = np.minimum(np.searchsorted(known, found), len(known) - 1)
        keep = (known[at] == found) & (past.last[at] == day - 1) & (past.intervals[at] >= 2)
        if keep.any():
            due = cycles.due(past, day)
            real = now.days[first][keep] - day + 1
            errors["renewal"].append(np.abs(due.days[at[keep]] - real))
            mean = np.exp(past.sums / np.maximum(past.intervals, 1))
            errors["mean interval"].append(np.abs(np.maximum(mean[at[keep]], 1.0) - real))
    return {name: float(np.median(np.concatenate(found))) for name, found in errors.items()}


def main() -> None:
    """Fit, rank, and say what came out."""
    dataset = load("complete-journey").dataset
    tree = CategoryTree.of(dataset.catalog)
    kinds, count = tree.kinds, len(tree)
    purchases = Purchases.of(dataset.histories, kinds)
    users = int(purchases.users.max())
    began = time.perf_counter()
    cycles = Cycles.fit(purchases, STARTS[0], users=users, kinds=count)
    took = time.perf_counter() - began
    noise = shuffled(purchases, STARTS[0])
    blind = Cycles.fit(noise, STARTS[0], users=users, kinds=count)
    ways = {"renewal model": Way.RENEWAL, "most frequent": Way.FREQUENT, "most recent": Way.RECENT, "mean interval": Way.MEAN}
    arms = {name: Again(way, kinds, cycles, STARTS[0], len(STARTS)) for name, way in ways.items()}
    arms |= {
        f"{name}, dates shuffled": Again(ways[name], kinds, blind, STARTS[0], len(STARTS), 0) for name in ("renewal model", "most frequent")
    }
    measured = {f"recall@{K} of types bought": recalls, "AUC within a household": areas}
    found = {name: {told: by_household(one, purchases, judged) for told, judged in measured.items()} for name, one in arms.items()}
    rows = [row("pairs of household and type", "", len(Pairs.of(purchases))), row("fitting", "s", took)]
    for name, values in found.items():
        for told, one in values.items():
            rows.append(row(f"{name}: {told}", "", float(np.nanmean(one)), households=int((~np.isnan(one)).sum())))
    for first, second in (
        ("renewal model", "most frequent"),
        ("renewal model", "most recent"),
        ("renewal model", "mean interval"),
        ("renewal model, dates shuffled", "most frequent, dates shuffled"),
    ):
        for told in measured:
            one, other = found[first][told], found[second][told]
            both = ~np.isnan(one) & ~np.isnan(other)
            gain = compare(one[both], other[both])
            what = f"{told.split()[0]}, {first} less {second}"
            rows.append(row(what, "", gain.mean.mean, low=gain.mean.low, high=gain.mean.high, p=gain.p))
    rows += [
        row(f"due date told on the day after a purchase, {name}: median error", "days", one)
        for name, one in due_dates(purchases, cycles).items()
    ]
    write("repurchase", rows)


if __name__ == "__main__":
    main()
