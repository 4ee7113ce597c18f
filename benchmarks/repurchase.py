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
from collections.abc import Callable
from datetime import date

import numpy as np
from scipy.stats import rankdata

from benchmarks.harness import row, write
from penchant.core.seeds import generator
from penchant.data.sources import load
from penchant.evaluate.significance import compare
from penchant.recipes.language.repurchase import WITHIN, K, by_mean_interval, joined, keys, shuffled
from penchant.users.categories import CategoryTree
from penchant.users.repurchase import Cycles, Pairs, Purchases

EPOCH = date(1970, 1, 1)
STARTS = [(date(2017, 10, 1) - EPOCH).days + 28 * window for window in range(3)]
Score = Callable[[Pairs, int], np.ndarray]


def recalls(due: Pairs, scores: np.ndarray, bought: Purchases) -> tuple[dict[int, float], dict[int, float]]:
    """Recall@10 and AUC by household, of pairs against what was bought in the window."""
    right, ties = np.isin(keys(due), keys(bought)), generator(1).permutation(len(due))  # what stands first in the catalogue decides nothing
    recall, auc = {}, {}
    edges = np.flatnonzero(np.diff(due.users)) + 1
    for part in np.split(np.arange(len(due)), edges):
        hits, user = right[part], int(due.users[part[0]])
        if not hits.any():
            continue
        first = part[np.lexsort((ties[part], -scores[part]))[:K]]
        recall[user] = float(right[first].sum() / hits.sum())
        if not hits.all():
            places = rankdata(scores[part])
            auc[user] = float((places[hits].sum() - hits.sum() * (hits.sum() + 1) / 2) / (hits.sum() * (~hits).sum()))
    return recall, auc


def by_household(purchases: Purchases, seen: Purchases, score: Score) -> tuple[dict[int, float], dict[int, float]]:
    """Means over the windows. ``seen`` is what the past is told from before the first window."""
    found: list[tuple[dict[int, float], dict[int, float]]] = []
    for start in STARTS:
        past = Pairs.of(joined(seen.before(STARTS[0]), purchases.where((purchases.days >= STARTS[0]) & (purchases.days < start))))
        window = purchases.where((purchases.days >= start) & (purchases.days < start + WITHIN))
        found.append(recalls(past, score(past, start), window))
    means = []
    for part in (0, 1):
        users = sorted({user for one in found for user in one[part]})
        means.append({user: float(np.mean([one[part][user] for one in found if user in one[part]])) for user in users})
    return means[0], means[1]


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
    arms: dict[str, tuple[Purchases, Score]] = {
        "renewal model": (purchases, lambda pairs, day: cycles.due(pairs, day, within=WITHIN).chance),
        "most frequent": (purchases, lambda pairs, _: pairs.intervals.astype(float)),
        "most recent": (purchases, lambda pairs, _: pairs.last.astype(float)),
        "mean interval": (purchases, lambda pairs, day: by_mean_interval(cycles, pairs, day)),
        "renewal model, dates shuffled": (noise, lambda pairs, day: blind.due(pairs, day, within=WITHIN).chance),
        "most frequent, dates shuffled": (noise, lambda pairs, _: pairs.intervals.astype(float)),
    }
    found = {name: by_household(purchases, seen, score) for name, (seen, score) in arms.items()}
    rows = [row("pairs of household and type", "", len(Pairs.of(purchases))), row("fitting", "s", took)]
    for name, (recall, auc) in found.items():
        rows.append(row(f"{name}: recall@{K} of types bought", "", float(np.mean(list(recall.values()))), households=len(recall)))
        rows.append(row(f"{name}: AUC within a household", "", float(np.mean(list(auc.values())))))
    for first, second in (
        ("renewal model", "most frequent"),
        ("renewal model", "most recent"),
        ("renewal model", "mean interval"),
        ("renewal model, dates shuffled", "most frequent, dates shuffled"),
    ):
        for told, part in ((f"recall@{K}", 0), ("AUC", 1)):
            one, other = found[first][part], found[second][part]
            both = sorted(set(one) & set(other))
            gain = compare(np.array([one[user] for user in both]), np.array([other[user] for user in both]))
            rows.append(row(f"{told}, {first} less {second}", "", gain.mean.mean, low=gain.mean.low, high=gain.mean.high, p=gain.p))
    rows += [
        row(f"due date told on the day after a purchase, {name}: median error", "days", one)
        for name, one in due_dates(purchases, cycles).items()
    ]
    write("repurchase", rows)


if __name__ == "__main__":
    main()
