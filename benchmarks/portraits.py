"""Portraits without a model of language: how long they take, and whether potential interests come true.

Complete Journey: 2,469 households. Portraits of all of them, one after the other; then those of what they did until the end of October,
held against categories they had nothing of before and bought from in the 60 days after: precision of the first five potential interests
against the most common categories among those a household does not have. Product types only, as broad categories everybody has.

Run: python -m benchmarks.portraits
"""

from __future__ import annotations

import time
from datetime import date
from itertools import pairwise

import numpy as np

from benchmarks.harness import row, write
from penchant.data.histories import Histories
from penchant.data.sources import load
from penchant.evaluate.significance import compare
from penchant.recipes.language.potential_interests import narrow
from penchant.users.categories import CategoryTree
from penchant.users.decay import DAY
from penchant.users.portrait import Portraits, PortraitSettings

CUT = (date(2017, 11, 1) - date(1970, 1, 1)).days * DAY
AFTER, K = 60 * DAY, 5


def adopted(histories: Histories, tree: CategoryTree) -> list[set[int]]:
    """Categories that each row's items end in."""
    ends = tree.items[histories.items]
    edges = np.concatenate([[0], np.cumsum(histories.lengths)])
    return [set(ends[begin:end].indices.tolist()) for begin, end in pairwise(edges.tolist())]


def main() -> None:
    """Measure and write."""
    dataset = load("complete-journey").dataset
    histories = dataset.histories
    started = time.perf_counter()
    tree = CategoryTree.of(dataset.catalog)
    made = Portraits.fit(histories, tree)
    learnt = time.perf_counter() - started
    spent = []
    for place in range(len(histories)):
        one = histories.take(np.array([place]))
        begun = time.perf_counter()
        made.of(one)
        spent.append(time.perf_counter() - begun)
    rows = [
        row(f"portraits of {len(histories):,} households, learning included", "s", learnt + sum(spent), bar=60),
        row("one household: median", "ms", float(np.median(spent)) * 1e3, bar=5),
        row("one household: 99 of 100", "ms", float(np.quantile(spent, 0.99)) * 1e3),
        row("categories", "", len(tree)),
    ]
    before = histories.where(histories.times < CUT)
    later = adopted(histories.where((histories.times >= CUT) & (histories.times < CUT + AFTER)), tree)
    had = adopted(before, tree)
    leaves = narrow(tree)
    early = Portraits.fit(before, tree, PortraitSettings(potential=len(tree)))
    by_common = np.argsort(-early.adoption.common, kind="stable")
    ours, common = [], []
    for place in np.flatnonzero(before.lengths > 0):
        new = {kind for kind in later[place] - had[place] if leaves[kind]}
        if not new:
            continue
        potential = [one.category for one in early.of(before.take(np.array([place]))).potential if leaves[one.category]][:K]
        popular = [int(kind) for kind in by_common if kind and leaves[kind] and int(kind) not in had[place]][:K]
        ours.append(len(new & set(potential)) / K)
        common.append(len(new & set(popular)) / K)
    gain = compare(np.array(ours), np.array(common))
    rows += [
        row("precision of five potential interests in the next 60 days", "", float(np.mean(ours)), households=len(ours)),
        row("precision of the five most common categories not had yet", "", float(np.mean(common))),
        row("the first less the second", "", gain.mean.mean, low=gain.mean.low, high=gain.mean.high, p=gain.p),
    ]
    write("portraits", rows)


if __name__ == "__main__":
    main()
