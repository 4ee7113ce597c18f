"""Portraits without a model of language: how long they take, and how fast is found who is interested in something.

Complete Journey: portraits of 2,469 households, one after the other; then look-ups in an index of people that are made up. Whether
potential interests come true is the claim ``potential-interests-come-true``.

Run: python -m benchmarks.portraits
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.harness import row, write
from penchant.core.seeds import generator
from penchant.data.sources import load
from penchant.users.categories import CategoryTree
from penchant.users.interest_index import InterestIndex, Layer
from penchant.users.portrait import Portraits
from penchant.users.portrait_shares import Shares


def looked_up(people: int = 100_000, categories: int = 100) -> list[dict[str, Any]]:
    """Who is interested in something, among people that are made up: by the index and by reading all portraits."""
    random = generator(0)
    weights = (random.random((people, categories + 1)) * (random.random((people, categories + 1)) < 0.1)).astype(np.float32)
    tree = CategoryTree(
        ("", *map(str, range(categories))), np.zeros(categories + 1, np.int32), sparse.csr_matrix(np.zeros((2, categories + 1)))
    )
    began = time.perf_counter()
    index = InterestIndex.of(tree, [Shares(weights, weights, weights)])
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
    rows += looked_up()
    write("portraits", rows)


if __name__ == "__main__":
    main()
