"""The stage between merging and policy: an order of what generators named, learnt on events that they had not seen.

The order is that of a log-linear model of which candidate is taken (McFadden, 1974), fitted as a logistic regression over candidates:

    logit = sum over generators of w_g 60 / (60 + rank_g) + popularity + likeness to the newest items + log(merged score / usual score)

The usual score is the merged one of the generators it was fitted to, at the release's weights, so the last term is 0 there. It is how
weights that a person or an experiment asks for, and generators of the present, reach the order. Where a generator it was fitted to took
no part, the list stays as merged: of such lists it knows nothing.

Scores keep their places: the first item of the new order gets the highest of the merged scores, and so on. So rules that change
scores mean the same with a ranker and without.

Letters: C candidates of a list, G generators, F features, N items, D vector width, R rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from sklearn.linear_model import LogisticRegression

from penchant.contracts import Retriever, TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError
from penchant.core.progress import note
from penchant.data.histories import Histories
from penchant.data.newest import newest_items
from penchant.data.splits import Targets
from penchant.evaluate.significance import compare
from penchant.pipeline.merge import RANK_OFFSET, Merged, merge
from penchant.pipeline.rules.goods import Goods

K = 10
_NEWEST = 5  # distinct items that somebody is near to
_LEAST_LISTS = 50  # with the item that was taken in them: fewer teach nothing


class Ranker(Protocol):
    """Orders candidates. May be used by several threads."""

    def knows(self, generators: Collection[str]) -> bool:
        """Whether lists that these generators made are such as it was fitted to."""
        ...

    def order(self, history: Histories, merged: Merged, goods: Goods) -> np.ndarray:
        """int64[C], places of the candidates, best first.

        Args:
            history: One row, that of the person who asks.
            merged: C candidates.
            goods: The catalogue.
        """
        ...


def ordered(merged: Merged, order: np.ndarray) -> Merged:
    """The candidates in that order int64[C], with the same scores from the first place to the last."""
    return replace(merged, items=merged.items[order], ranks=merged.ranks[:, order])


@dataclass(frozen=True)
class LightRanker:
    """A few weights.

    Attributes:
        generators: The G that lists were made of, with the weights they were merged by.
        weights: float64[F], see ``features``.
        most: Candidates that change places, the first ones of the merged list.
    """

    generators: Mapping[str, float]
    weights: np.ndarray
    most: int = 100

    KIND = "light-ranker"

    def knows(self, generators: Collection[str]) -> bool:
        """Whether all that it was fitted to took part."""
        return {_first_name(name, self.generators) for name in generators} >= set(self.generators)

    def order(self, history: Histories, merged: Merged, goods: Goods) -> np.ndarray:
        """See ``Ranker``; equal ones stay in their order."""
        few = min(self.most, len(merged.items))
        found = features(history, merged, goods, list(self.generators), few) @ self.weights + unusual(merged, self.generators, few)
        return np.concatenate([np.argsort(-found, kind="stable"), np.arange(few, len(merged.items))])

    def save(self, folder: Path) -> None:
        """Write the weights."""
        told = {"generators": list(self.generators.items()), "weights": self.weights.tolist(), "most": self.most}
        with write_artifact(folder, kind=self.KIND, settings=told):
            pass

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore what ``save`` wrote.

        Raises:
            ArtifactError: It is damaged, or not of this version.
        """
        told = read_artifact(folder, kind=cls.KIND).manifest.settings
        weights = np.array(told["weights"], np.float64)
        if len(weights) != len(told["generators"]) + _OTHERS:
            raise ArtifactError(str(folder), "a ranker of other features", "make the release with this version")
        return cls(dict(told["generators"]), weights, told["most"])


_OTHERS = 3  # features besides those of generators
_UNNAMED = 1_000  # rank that an item counts as where a generator did not name it


def features(history: Histories, merged: Merged, goods: Goods, generators: Sequence[str], few: int) -> np.ndarray:
    """float64[few, F] of the first candidates of a list: what generators say, how popular, how like what was done last.

    A generator's feature is 60 / (60 + rank), 0 where it did not name the item. What one network names in another way
    (``tandem-dense``, where time is short) counts for its first name.
    """
    items = merged.items[:few]
    known = np.zeros((few, len(generators) + _OTHERS))
    for name, ranks in zip(merged.generators, merged.ranks[:, :few], strict=True):
        own = _first_name(name, generators)
        if own is not None:
            place = generators.index(own)
            known[:, place] = np.maximum(known[:, place], np.where(ranks > 0, RANK_OFFSET / (RANK_OFFSET + ranks), 0.0))
    known[:, -3] = np.log1p(goods.events[items])
    newest = newest_items(history.items, _NEWEST)
    if goods.vectors is not None and len(newest):
        alike = goods.vectors[items] @ goods.vectors[newest].T
        known[:, -2], known[:, -1] = alike.max(axis=1), alike[:, 0]
    return known


def unusual(merged: Merged, generators: Mapping[str, float], few: int) -> np.ndarray:
    """float64[few], by how much the first candidates score higher than by these generators at these weights, as a logarithm."""
    usual = np.zeros(few)
    for name, ranks in zip(merged.generators, merged.ranks[:, :few], strict=True):
        own = _first_name(name, generators)
        usual += np.where(ranks > 0, (0.0 if own is None else generators[own]) / (RANK_OFFSET + ranks), 0.0)
    least = max(sum(generators.values()), 1e-9) / (RANK_OFFSET + _UNNAMED)
    return np.round(np.log((merged.scores[:few] + least) / (usual + least)), 6)  # scores are in single precision


def _first_name(name: str, generators: Collection[str]) -> str | None:
    """The generator that one stands for."""
    return next((one for one in generators if name == one or name.startswith(f"{one}-")), None)


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
            one = merged
            if ranker is not None and len(merged.items) and self.histories.lengths[row] and ranker.knows(merged.generators):
                one = ordered(merged, ranker.order(self.histories.take(np.array([row])), merged, goods))
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
    before, after = _ndcg(lists.ranked(None, goods, K).items, wanted), np.zeros(len(wanted))
    for seen, asked in (halves, halves[::-1]):
        ranker = fitted(lists.taken(seen), wanted[seen], goods, generators)
        if ranker is None:
            note(f"Ranker: of {len(seen):,} lists fewer than {_LEAST_LISTS} hold what was taken, so none is fitted")
            return None
        after[asked] = _ndcg(lists.taken(asked).ranked(ranker, goods, K).items, wanted[asked])
    gain = compare(after, before)
    kept = gain.mean.low > 0
    note(
        f"Ranker: NDCG@{K} {before.mean():.4f} merged, {after.mean():.4f} ranked ({gain.mean.low:+.4f} to {gain.mean.high:+.4f}) on "
        f"{len(before):,} users, each ranked by what was fitted to others; {'kept' if kept else 'not kept'}"
    )
    return fitted(lists, wanted, goods, generators) if kept else None


def _ndcg(items: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """float64[R], where one item is right."""
    hits = items == wanted[:, None]
    return np.where(hits.any(axis=1), 1 / np.log2(2 + hits.argmax(axis=1)), 0.0)
