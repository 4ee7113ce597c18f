"""Item neighbours of a large catalogue, by the rows of a sparse matrix that a history touches instead of all its columns.

Letters: B rows, k places, M items of the matrix, N items of the catalogue.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.models.retrieval.linear import LinearItemModel
from penchant.pipeline.filled import filled
from penchant.ranking import check_request, tie_order


class SparseNeighbours:
    """The list of a ``LinearItemModel`` with a sparse matrix, but for items that go with nothing of the history.

    The exact model fills its list with those, at a score of 0; here it ends before them.

    Args:
        exact: Its weights are sparse.
    """

    def __init__(self, exact: LinearItemModel) -> None:
        self.exact, self.num_items = exact, exact.num_items
        self.weights = sparse.csr_matrix(exact.weights)
        self._ties = tie_order(self.num_items)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best items a row, fewer where the history's neighbours are fewer.

        Raises:
            InputError: See ``Retriever``.
        """
        check_request(histories, k, self.num_items, exclude)
        rows = range(len(histories))
        return filled((self._best(histories.row(row), k, None if exclude is None else exclude.row(row)) for row in rows), len(rows), k)

    def _best(self, history: np.ndarray, k: int, exclude: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """int32[m] and float32[m], m <= k, of equal scores in the order of all models."""
        places = np.unique(self.exact.places[history])
        places = places[places >= 0]
        sums = np.asarray(self.weights[places].sum(axis=0)).ravel()
        if exclude is not None:
            gone = self.exact.places[exclude]
            sums[gone[gone >= 0]] = 0.0
        named = np.flatnonzero(sums > 0)
        if len(named) > k:
            least = np.partition(sums[named], len(named) - k)[len(named) - k]
            named = named[sums[named] >= least]  # with all that are equal to the last: the order of ties chooses among them
        items = self.exact.kept[named]
        best = np.lexsort((self._ties[items], -sums[named]))[:k]
        return items[best], sums[named[best]]
