"""What takes the places of models where the catalogue is large; content neighbours by an index instead of by every vector.

Letters: B rows, k places, N items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy import sparse

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.models.retrieval.content import ContentNeighbours
from penchant.models.retrieval.linear import LinearItemModel
from penchant.models.retrieval.popularity import Popularity
from penchant.pipeline.filled import filled
from penchant.pipeline.lane import Generator
from penchant.pipeline.neighbours import SparseNeighbours
from penchant.pipeline.same import SameForAll
from penchant.ranking import check_request
from penchant.search.approximate import ItemIndex, IVFPQIndex

#: From how many items on an index is worth its making and its misses.
LARGE = 50_000


def indexed(models: Mapping[str, Generator]) -> dict[str, Generator]:
    """Generators that take the places of some models where the catalogue is large, by name; the same ones each time."""
    found: dict[str, Generator] = {}
    for name, model in models.items():
        if isinstance(model, ContentNeighbours) and model.num_items > LARGE:
            index = IVFPQIndex()
            index.add(model.vectors.numpy()[1:])
            found[name] = IndexedContent(model, index)
        elif isinstance(model, LinearItemModel) and sparse.issparse(model.weights) and model.num_items > LARGE:
            found[name] = SparseNeighbours(model)
        elif isinstance(model, Popularity) and model.num_items > LARGE:
            found[name] = SameForAll(model)
    return found


class IndexedContent:
    """See ``ContentNeighbours``; what the index misses is not named.

    Args:
        exact: Makes the profiles, and answers where so much is excluded that the index finds too little.
        index: Over its N vectors, in code order.
    """

    def __init__(self, exact: ContentNeighbours, index: ItemIndex) -> None:
        self.exact, self.index, self.num_items = exact, index, exact.num_items

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k nearest items a row that the index finds.

        Raises:
            InputError: See ``Retriever``.
        """
        check_request(histories, k, self.num_items, exclude)
        with torch.no_grad():
            profiles = self.exact.profile(histories).numpy()
        # Of what a row excludes only a little is near its newest items; where it is more, the exact model answers.
        found = self.index.search(profiles, min(2 * k, self.num_items))

        def exactly(row: int) -> TopK:
            one = np.array([row])
            return self.exact.recommend(histories.take(one), k, exclude=None if exclude is None else exclude.take(one))

        return open_items(found, k, exclude, exactly)


def open_items(found: TopK, k: int, exclude: Histories | None, otherwise: Callable[[int], TopK]) -> TopK:
    """The first k of each row of ``found`` that are not excluded.

    Args:
        found: Lists longer than k.
        exclude: A row each.
        otherwise: The list of a row, by its number, where fewer than k are left.
    """

    def best(row: int) -> tuple[np.ndarray, np.ndarray]:
        items, scores = found.items[row], found.scores[row]
        allowed = (items > 0) if exclude is None else (items > 0) & ~np.isin(items, exclude.row(row))
        first = np.flatnonzero(allowed)[:k]
        if len(first) == k:
            return items[first], scores[first]
        exact = otherwise(row)
        return exact.items[0], exact.scores[0]

    return filled(map(best, range(len(found))), len(found), k)
