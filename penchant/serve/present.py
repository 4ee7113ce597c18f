"""Generators of the present: what is done most right now, and what goes with what a person just did.

They read what the near-line worker counted, so they know of an event a moment after it was logged, and of items that no
model was trained with.

Letters: B rows, k places, N items.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from penchant.contracts import TopK
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.newest import newest_items
from penchant.pipeline.filled import filled
from penchant.pipeline.names import names
from penchant.ranking import check_request
from penchant.serve.counters import WITH, totals, trending
from penchant.serve.stores import StateStore

_FRESH = 1.0  # seconds that a list of trends is used for
_TRENDS = 500
_NEWEST = 10  # distinct items of a history that others may go with
_FADING = 0.8  # what an item of a history says, against the next newer one


class Trending:
    """What is done most at present, whoever asks.

    Args:
        store: Where the worker counts.
        catalog: N items; others are not named.
        clock: UTC seconds.
    """

    def __init__(self, store: StateStore, catalog: Catalog, *, clock: Callable[[], float] = time.time) -> None:
        self.store, self.catalog, self.num_items, self._clock = store, catalog, len(catalog), clock
        self._until = -np.inf
        self._items, self._counts = np.zeros(0, np.int32), np.zeros(0, np.float32)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k items that are done most; fewer where there are no more.

        Raises:
            InputError: See ``Retriever``.
            StorageError: The store cannot be read.
        """
        check_request(histories, k, self.num_items, exclude)
        now = self._clock()
        if now >= self._until:
            found = trending(self.store, int(now), _TRENDS)
            codes = self.catalog.items.encode([item_id for item_id, _ in found])
            known = codes > 0
            self._items, self._counts = codes[known], np.array([count for _, count in found], np.float32)[known]
            self._until = now + _FRESH
        return _lists([(self._items, self._counts)] * len(histories), k, exclude)


class Together:
    """What others did with within minutes of what a person did last (co-view, co-purchase).

    Args:
        store: Where the worker counts.
        catalog: N items; others are not named.
        clock: UTC seconds.
    """

    def __init__(self, store: StateStore, catalog: Catalog, *, clock: Callable[[], float] = time.time) -> None:
        self.store, self.catalog, self.num_items, self._clock = store, catalog, len(catalog), clock

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k items that go best with the newest of each history; fewer where there are no more.

        An item's score is the sum, over the newest items of the history, of its share among what goes with them.

        Raises:
            InputError: See ``Retriever``.
            StorageError: The store cannot be read.
        """
        check_request(histories, k, self.num_items, exclude)
        newest = [newest_items(histories.row(row), _NEWEST) for row in range(len(histories))]
        asked = np.unique(np.concatenate([*newest, np.zeros(0, np.int32)]))
        ids = names(self.catalog, asked.tolist())
        counts = dict(zip(asked.tolist(), totals(self.store, WITH, ids, int(self._clock())), strict=True))
        return _lists([self._row(items.tolist(), counts) for items in newest], k, exclude)

    def _row(self, newest: list[int], counts: Mapping[int, Mapping[str, float]]) -> tuple[np.ndarray, np.ndarray]:
        """Items and scores for one person."""
        scores: dict[str, float] = {}
        for place, item in enumerate(newest):
            total = sum(counts[item].values())
            for other, count in counts[item].items():
                scores[other] = scores.get(other, 0.0) + _FADING**place * count / total
        codes = self.catalog.items.encode(list(scores))
        known = codes > 0
        return codes[known], np.fromiter(scores.values(), np.float32, len(scores))[known]


def _lists(rows: list[tuple[np.ndarray, np.ndarray]], k: int, exclude: Histories | None) -> TopK:
    """The best k of each row's items and scores; of equal ones the smaller code first."""

    def best(row: int) -> tuple[np.ndarray, np.ndarray]:
        items, scores = rows[row]
        allowed = np.ones(len(items), bool) if exclude is None else ~np.isin(items, exclude.row(row))
        first = np.flatnonzero(allowed)[np.lexsort((items[allowed], -scores[allowed]))][:k]
        return items[first], scores[first]

    return filled(map(best, range(len(rows))), len(rows), k)
