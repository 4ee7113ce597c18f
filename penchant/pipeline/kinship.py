"""What a recommended item shares with what a person did: categories, counted in events and catalogue.

Nothing is estimated here. A category is told of an item only if the catalogue says that the item is in it, or in one below it.

Letters: N items, G categories, n events, k recommended items, C categories of an item.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy import sparse

from penchant.data.histories import Histories
from penchant.data.newest import newest_items
from penchant.users.categories import CategoryTree
from penchant.users.portrait import in_favour

LEAST = 3  # events from which a category can be a strong interest
MANY = 10  # events from which it can be one whatever their share, which is small in long histories
OFTEN = 0.05  # share of a person's events from which a category is said to be chosen often
_BROAD = 0.5  # share of the catalogue above which a category tells nothing of an item
_NAMED = 2  # shared categories told of an item, at most
_EVIDENCE = 3  # items told of an interest, at most


@dataclass(frozen=True)
class Support:
    """An interest, and the events that it stands on.

    Attributes:
        path: Names of the category, from broad to narrow.
        events: Of the person that are in it, or below it.
        of: Events of the person. What was turned down counts in neither number.
        evidence: Codes of the newest items among those in it.
    """

    path: tuple[str, ...]
    events: int
    of: int
    evidence: tuple[int, ...]


class Kinship:
    """Knows of every item all categories that it is in, but for those that hold over half of the items and tell nothing.

    Attributes:
        sizes: int64[G + 1], items in each category or below it; 0 of what is left out.
        unique: bool[G + 1], categories whose name no other one has, so that a number of events in a name means these.

    Args:
        tree: Of the N items.
    """

    def __init__(self, tree: CategoryTree) -> None:
        self.tree = tree
        inside = sparse.coo_matrix(tree.items @ tree.above)
        names, count = np.array(tree.names, dtype=str), len(tree.items.indptr) - 2
        _, name, twins = np.unique(names, return_inverse=True, return_counts=True)
        held = np.bincount(inside.col, minlength=len(names))
        told = (names != "") & (held <= _BROAD * count)
        rows, columns = inside.row[told[inside.col]], inside.col[told[inside.col]]
        # Of each item the categories of few items first, and of equal ones the deeper: a path from narrow to broad.
        order = np.lexsort((columns, -np.diff(tree.above.indptr)[columns], held[columns], rows))
        self.sizes, self.unique = np.where(told, held, 0), twins[name] == 1
        self._categories = columns[order].astype(np.int32)
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count + 1))])

    @classmethod
    def of(cls, tree: CategoryTree | None) -> Self | None:
        """Of a tree; None where there is none, or it is empty."""
        return None if tree is None or not len(tree) else cls(tree)

    def __len__(self) -> int:
        return len(self._starts) - 2

    def within(self, items: np.ndarray) -> np.ndarray:
        """bool[G + 1], categories of which all items are among distinct codes int[m]."""
        return (self.sizes > 0) & (np.bincount(self._of(items)[1], minlength=len(self.sizes)) == self.sizes)

    def below(self, paths: Iterable[Sequence[str]]) -> np.ndarray:
        """bool[G + 1], the categories of these paths, and all below them; a path that is none of the tree means nothing."""
        meant = [self._paths[tuple(path)] for path in paths if tuple(path) in self._paths]
        found = np.zeros(len(self.sizes), bool)
        found[self.tree.above[:, meant].nonzero()[0]] = True
        return found

    @cached_property
    def _paths(self) -> dict[tuple[str, ...], int]:
        return {tuple(self.tree.path(category)): category for category in range(1, len(self.tree) + 1)}

    def shared(self, items: np.ndarray, causes: np.ndarray, less: np.ndarray | None = None) -> list[tuple[tuple[str, ...], ...]]:
        """Paths of the narrowest categories that each item has in common with all that drove it; none where an item drove itself.

        Args:
            items: int[k].
            causes: int[k, c], codes; 0 is none.
            less: bool[G + 1], categories that must not be told; None: all may be.
        """
        own = self._table(items)
        common = (own > 0) & (causes > 0).any(axis=1, keepdims=True) & ~(causes == items[:, None]).any(axis=1, keepdims=True)
        for cause in causes.T:
            common &= (own[:, :, None] == self._table(cause)[:, None, :]).any(axis=2) | (cause == 0)[:, None]
        if less is not None:
            common &= ~less[own]
        return [self._narrowest(row[also].tolist()) if also.any() else () for row, also in zip(own, common, strict=True)]

    def interests(self, history: Histories, items: np.ndarray, less: np.ndarray | None = None) -> list[Support | None]:
        """Of each item the strong interest that it lies in; of several that of the fewest items, of none None.

        A strong interest has at least ``LEAST`` events and ``OFTEN`` of all, and a larger share of them than of the catalogue; or ``MANY``
        events, and twice its share of the catalogue. Of categories that share their name with others what is above them is told.

        Args:
            history: One row.
            items: int[k].
            less: See ``shared``.
        """
        did = in_favour(history).items
        events, categories = self._of(did)
        counts = np.bincount(categories, minlength=len(self.sizes))
        often, more = counts >= max(LEAST, OFTEN * len(did)), counts * len(self) - self.sizes * len(did)
        strong = self.unique & ((often & (more > 0)) | ((counts >= MANY) & (more >= self.sizes * len(did))))
        if less is not None:
            strong &= ~less
        own = self._table(items)
        found = strong[own]
        best = np.where(found.any(axis=1), own[np.arange(len(own)), found.argmax(axis=1)], 0).tolist() if own.shape[1] else [0] * len(items)
        supports: dict[int, Support | None] = {0: None}
        for one in set(best) - {0}:
            newest = newest_items(did[events[categories == one]], _EVIDENCE)
            supports[one] = Support(self.tree.path(one), int(counts[one]), len(did), tuple(newest.tolist()))
        return [supports[one] for one in best]

    def _narrowest(self, categories: Sequence[int]) -> tuple[tuple[str, ...], ...]:
        """Paths of the first categories, without those above one of them."""
        found: list[tuple[str, ...]] = []
        for path in map(self.tree.path, categories):
            if len(found) < _NAMED and not any(one[: len(path)] == path for one in found):
                found.append(path)
        return tuple(found)

    def _of(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a place in ``items`` and a category of what is there, two of int[m]."""
        starts = self._starts[items]
        lengths = self._starts[items + 1] - starts
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        return np.repeat(np.arange(len(lengths)), lengths), self._categories[places]

    def _table(self, items: np.ndarray) -> np.ndarray:
        """int32[k, C], the categories of each item, filled up with 0."""
        lengths = self._starts[items + 1] - self._starts[items]
        found = np.zeros((len(lengths), int(lengths.max(initial=0))), np.int32)
        found[np.arange(found.shape[1]) < lengths[:, None]] = self._of(items)[1]
        return found
