"""Fitting the ranker of a release on validation, and the lists it is fitted to.

Letters: R rows, G generators, k places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.linear_model import LogisticRegression

from penchant.contracts import Retriever, TopK
from penchant.core.progress import note
from penchant.data.histories import Histories
from penchant.data.splits import Targets
from penchant.evaluate.metrics import per_row
from penchant.evaluate.significance import compare
from penchant.pipeline.merge import Merged, merge
from penchant.pipeline.ranker import LightRanker, Ranker, features, ranked
from penchant.pipeline.rules.goods import Goods

K = 10
_LEAST_LISTS = 50  # with the item that was taken in them: fewer teach nothing


@dataclass(frozen=True)
class Lists:
    """What generators name for R rows, merged.

    Attributes:
        histories: R rows.
        merged: R lists.
    """

    histories: Histories
    merged: Sequence[Merged]

    @classmethod
    def of(
        cls,
        models: Mapping[str, Retriever],
        weights: Mapping[str, float],
        histories: Histories,
        pool: int,
        *,
        exclude: Histories | None,
    ) -> Self:
        """Ask the models named in ``weights`` for ``pool`` items each."""
        found = {name: models[name].recommend(histories, pool, exclude=exclude) for name in weights}
        return cls(histories, [merge(found, weights, row=row) for row in range(len(histories))])

    def taken(self, rows: np.ndarray) -> Lists:
        """Some of them."""
        return Lists(self.histories.take(rows), [self.merged[row] for row in rows])

    def ranked(self, ranker: Ranker | None, goods: Goods, k: int) -> TopK:
        """The first k of each, in the ranker's order if there is one."""
        items = np.zeros((len(self.merged), k), np.int32)
        scores = np.full(items.shape, -np.inf, np.float32)
        for row, merged in enumerate(self.merged):
            one = ranked(ranker, self.histories.take(np.array([row])), merged, goods)
            many = min(k, len(one.items))
            items[row, :many], scores[row, :many] = one.items[:many], one.scores[:many]
        return TopK(items, scores)


def fitted(lists: Lists, targets: np.ndarray, goods: Goods, generators: Mapping[str, float], *, most: int = 100) -> LightRanker | None:
    """Fit the weights to which candidate was taken; None where too few lists hold it.

    Args:
        lists: R rows.
        targets: int[R], what was taken.
        goods: The catalogue.
        generators: G names, with the weights of the lists.
        most: Candidates a list that are learnt from.
    """
    seen, taken = [], []
    for row, merged in enumerate(lists.merged):
        right = merged.items[:most] == targets[row]
        if right.any():
            found = features(lists.histories.take(np.array([row])), merged, goods, list(generators), len(right))
            seen.append(found - found.mean(axis=0))  # what is alike within a list tells nothing
            taken.append(right)
    if len(taken) < _LEAST_LISTS:
        return None
    told, labels = np.concatenate(seen), np.concatenate(taken)
    spread = np.maximum(told.std(axis=0), 1e-9)
    model = LogisticRegression(C=1.0, max_iter=500).fit(told / spread, labels)
    return LightRanker(dict(generators), model.coef_[0] / spread, most)


def chosen(lists: Lists, targets: Targets, goods: Goods, generators: Mapping[str, float]) -> LightRanker | None:
    """A ranker fitted to all rows, if those fitted to either half order the other half better than merging does; else None.

    Better: the paired interval of NDCG@10 over all users, each by the ranker that did not see them, lies above 0.
    """
    wanted = targets.items.items[targets.items.offsets[:-1]]
    halves = [np.arange(half, len(wanted), 2) for half in (0, 1)]
    before, after = _ndcg(lists.ranked(None, goods, K), targets.items), np.zeros(len(wanted))
    for seen, asked in (halves, halves[::-1]):
        ranker = fitted(lists.taken(seen), wanted[seen], goods, generators)
        if ranker is None:
            note(f"Ranker: of {len(seen):,} lists fewer than {_LEAST_LISTS} hold what was taken, so none is fitted")
            return None
        after[asked] = _ndcg(lists.taken(asked).ranked(ranker, goods, K), targets.items.take(asked))
    gain = compare(after, before)
    kept = gain.mean.low > 0
    note(
        f"Ranker: NDCG@{K} {before.mean():.4f} merged, {after.mean():.4f} ranked ({gain.mean.low:+.4f} to {gain.mean.high:+.4f}) on "
        f"{len(before):,} users, each ranked by what was fitted to others; {'kept' if kept else 'not kept'}"
    )
    return fitted(lists, wanted, goods, generators) if kept else None


def _ndcg(lists: TopK, targets: Histories) -> np.ndarray:
    """float32[R]."""
    return per_row(lists.items, targets, [K])[f"ndcg@{K}"]
