"""The stage between merging and policy: an order of what generators named, learnt on events that they had not seen.

The order is that of a log-linear model of which candidate is taken (McFadden, 1974), fitted as a logistic regression over candidates:

    logit = sum over generators of w_g 60 / (60 + rank_g) + popularity + likeness to the newest items + log(merged score / usual score)

The usual score is the merged one of the generators it was fitted to, at the release's weights, so the last term is 0 there. It is how
weights that a person or an experiment asks for, and generators of the present, reach the order. Where a generator it was fitted to took
no part, the list stays as merged: of such lists it knows nothing.

Scores keep their places: the first item of the new order gets the highest of the merged scores, and so on. So rules that change
scores mean the same with a ranker and without.

Letters: C candidates of a list, G generators, F features.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError
from penchant.data.histories import Histories
from penchant.data.newest import newest_items
from penchant.pipeline.merge import RANK_OFFSET, Merged
from penchant.pipeline.rules.goods import Goods

_NEWEST = 5  # distinct items that somebody is near to


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


def ranked(ranker: Ranker | None, history: Histories, merged: Merged, goods: Goods) -> Merged:
    """The candidates in the ranker's order, with the same scores from the first place to the last.

    As merged where there is no ranker, where it does not know such lists, and where nothing was done that it could go by.
    """
    if ranker is None or not history.num_events or not len(merged.items) or not ranker.knows(merged.generators):
        return merged
    order = ranker.order(history, merged, goods)
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
