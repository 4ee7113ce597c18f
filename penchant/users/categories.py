"""The categories of a catalogue as a tree: from broad to narrow where item lists say so, else side by side.

Letters: N items, G categories.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
from scipy import sparse

from penchant.data.catalog import Catalog

#: Share of names that have to follow their usual one for lists to be paths; genres in the order of the alphabet do not.
_PATHS = 0.9


@dataclass(frozen=True)
class CategoryTree:
    """G categories, numbered from 1 on, parents before their children.

    Attributes:
        names: Of 0..G; entry 0 is everything.
        parents: int32[G + 1]; 0 for those at the top.
        items: float32[N + 1, G + 1], what an event of each item says of the categories that it ends in, together 1; rows of items
            without a category are empty.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    items: sparse.csr_matrix

    @classmethod
    def of(cls, catalog: Catalog) -> Self:
        """Of a catalogue's categories; equal names below different parents are different categories."""
        lists = [tuple(dict.fromkeys(found or ())) for found in catalog.readable_categories().to_list()]
        ends: list[dict[tuple[str, ...], float]] = [{path: 1.0} if path else {} for path in lists]
        if not nested(lists):
            ends = [{(name,): 1.0 / len(found) for name in found} for found in lists]
        whole = sorted(
            {path[:depth] for one in ends for path in one for depth in range(1, len(path) + 1)}, key=lambda path: (len(path), path)
        )
        place = {path: number for number, path in enumerate(whole, start=1)}
        parents = np.array([0, *(place.get(path[:-1], 0) for path in whole)], np.int32)
        rows = [row for row, one in enumerate(ends, start=1) for _ in one]
        columns = [place[path] for one in ends for path in one]
        values = np.array([value for one in ends for value in one.values()], np.float32)
        items = sparse.csr_matrix((values, (rows, columns)), shape=(len(lists) + 1, len(whole) + 1), dtype=np.float32)
        return cls(("", *(path[-1] for path in whole)), parents, items)

    def __len__(self) -> int:
        return len(self.names) - 1

    def path(self, category: int) -> tuple[str, ...]:
        """Names from the top down to a category."""
        found: list[str] = []
        while category:
            found.append(self.names[category])
            category = int(self.parents[category])
        return tuple(reversed(found))

    @cached_property
    def above(self) -> sparse.csr_matrix:
        """float32[G + 1, G + 1]: 1 where the column's category is the row's or above it; of 0 only itself."""
        rows, columns = [0], [0]
        for category in range(1, len(self.parents)):
            ancestor = category
            while ancestor:
                rows.append(category)
                columns.append(ancestor)
                ancestor = int(self.parents[ancestor])
        return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(self.parents), len(self.parents)))

    @cached_property
    def kinds(self) -> np.ndarray:
        """int32[N + 1], the one category that an item ends in; 0 where there is none, or several."""
        one = np.diff(self.items.indptr) == 1
        found = np.zeros(len(one), np.int32)
        found[one] = self.items.indices[self.items.indptr[:-1][one]]
        return found

    def means(self, vectors: np.ndarray) -> np.ndarray:
        """float32[G + 1, D], the mean vector of the items that end in each category, of items float32[N + 1, D]."""
        counts = np.asarray(self.items.sum(axis=0)).ravel()
        return (self.items.T @ vectors) / np.maximum(counts, 1e-9)[:, None]

    def summed(self, own: np.ndarray) -> np.ndarray:
        """float64[G + 1], what ends in a category or below it, from what ends in each: so a parent is its children and its own."""
        return np.asarray(self.above.T @ np.asarray(own, np.float64))


def nested(lists: Sequence[Sequence[str]]) -> bool:
    """Whether lists of names are paths from broad to narrow: then a name mostly follows the same one."""
    after: dict[str, Counter[str]] = defaultdict(Counter)
    for names in lists:
        for parent, child in pairwise(names):
            after[child][parent] += 1
    usual = sum(one.most_common(1)[0][1] for one in after.values())
    return usual >= _PATHS * sum(one.total() for one in after.values())
