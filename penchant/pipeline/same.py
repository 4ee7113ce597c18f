"""A list that is the same for everybody, ranked once.

Letters: B rows, k places, N items.
"""

from __future__ import annotations

import numpy as np

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.models.retrieval.popularity import Popularity
from penchant.pipeline.filled import filled
from penchant.ranking import check_request


class SameForAll:
    """The lists of ``Popularity`` without looking at every item each time.

    Args:
        exact: Ranks the N items.
    """

    def __init__(self, exact: Popularity) -> None:
        self.num_items = exact.num_items
        ranked = exact.recommend(Histories.of([[]]), exact.num_items)
        self._items, self._scores = ranked.items[0], ranked.scores[0]

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The first k items that a row does not exclude.

        Raises:
            InputError: See ``Retriever``.
        """
        check_request(histories, k, self.num_items, exclude)
        gone = [np.zeros(0, np.int32) if exclude is None else exclude.row(row) for row in range(len(histories))]
        return filled((self._first(k, one) for one in gone), len(gone), k)

    def _first(self, k: int, gone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        best = np.flatnonzero(~np.isin(self._items[: k + len(gone)], gone))[:k]
        return self._items[best], self._scores[best]
