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
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.harness import row, write
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.data.sources import load
from penchant.evaluate.significance import compare
from penchant.recipes.language.potential_interests import narrow
from penchant.users.categories import CategoryTree
from penchant.users.decay import DAY
from penchant.users.interest_index import InterestIndex, Layer
from penchant.users.portrait import Portraits, PortraitSettings
from penchant.users.portrait_shares import Shares

CUT = (date(2017, 11, 1) - date(1970, 1, 1)).days * DAY
AFTER, K = 60 * DAY, 5


def adopted(histories: Histories, tree: CategoryTree) -> list[set[int]]:
    """Categories that each row's items end in."""
    ends = tree.items[histories.items]
    edges = np.concatenate([[0], np.cumsum(histories.lengths)])
    return [set(ends[begin:end].indices.tolist()) for begin, end in pairwise(edges.tolist())]


def looked_up(people: int = 100_000, categories: int = 100) -> list[dict[str, Any]]:
    """Who is interested in something, among people that are made up: by the index and by reading all portraits."""
    random = generator(0)
    weights = (random.random((people, categories + 1)) * (random.random((people, categories + 1)) < 0.1)).astype(np.float32)
    tree = CategoryTree(
        ("", *map(str, range(categories))), np.zeros(categories + 1, np.int32), sparse.csr_matrix(np.zeros((2, categories + 1)))
    )
    began = time.perf_counter()
    index = InterestIndex.of(tree, Shares(weights, weights, weights))
    built = time.perf_counter() - began
    spent: dict[str, list[float]] = {"index": [], "reading all": []}
    for _ in range(1_000):
        category, least = int(random.integers(1, categories + 1)), float(random.random())
        began = time.perf_counter()
        found = index.find(category, Layer.LONG, least=least, limit=100)
        spent["index"].append(time.perf_counter() - began)
        began = time.perf_counter()
        rows = np.flatnonzero(weights[:, category] >= least)
        first = rows[np.argsort(-weights[rows, category], kind="stable")[:100]]
        spent["reading all"].append(time.perf_counter() - began)
        assert [one.row for one in found] == first.tolist()
    return [
        row(f"who is interested, of {people:,} made-up people: building the index", "s", built),
        *(row(f"who is interested: {way}, 99 of 100 below", "ms", float(np.quantile(one, 0.99)) * 1e3) for way, one in spent.items()),
    ]


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
    rows += looked_up()
    write("portraits", rows)


if __name__ == "__main__":
    main()
