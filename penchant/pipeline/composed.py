"""The list as it is served, before policy: generators, merged and ranked. For evaluation beside single models.

Letters: B rows, k places.
"""

from __future__ import annotations

from collections.abc import Mapping

from penchant.contracts import Retriever, TopK
from penchant.data.histories import Histories
from penchant.pipeline.ranker import Ranker
from penchant.pipeline.ranker_fitting import Lists
from penchant.pipeline.recommender import LEAST_POOL, POOL
from penchant.pipeline.rules.goods import Goods

#: Places of a usual list: for as many generators are asked, whatever k is measured.
SERVED = 20


class Composed:
    """A retriever made of others, which are saved where it is not.

    Args:
        models: By name.
        weights: Of those that are merged.
        goods: The catalogue.
        ranker: Orders what was merged; None leaves it.
    """

    def __init__(self, models: Mapping[str, Retriever], weights: Mapping[str, float], goods: Goods, ranker: Ranker | None) -> None:
        self.models, self.weights, self.goods, self.ranker = models, dict(weights), goods, ranker
        self.num_items = len(goods)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """See ``Retriever``."""
        return self.lists(histories, k, exclude=exclude).ranked(self.ranker, self.goods, k)

    def lists(self, histories: Histories, k: int = SERVED, *, exclude: Histories | None = None) -> Lists:
        """What is merged, as for a usual list, before any ranker."""
        pool = min(self.num_items, max(LEAST_POOL, POOL * SERVED, k))
        return Lists.of(self.models, self.weights, histories, pool, exclude=exclude)
