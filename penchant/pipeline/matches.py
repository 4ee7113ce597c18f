"""The worst matches are left out of a list, after ranking: as in Indeed's eBadMatch (atlas: Expected Bad Match).

A classifier that learnt what a judge or people find bad (``penchant.users.match``) looks at those candidates that could take a place. The
likeliest bad ones among them go, and those behind move up. It orders nothing: a low chance of being bad is no reason to be shown.

Letters: C candidates, k places, N items, D width of item vectors, P parts of these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, require
from penchant.data.histories import Histories
from penchant.pipeline.merge import Merged
from penchant.users.match import MatchFilter, PairFeatures, Taste, kept

#: Newest events of a history that a taste is taken from.
_NEWEST = 200


@dataclass(frozen=True)
class BadMatches:
    """Leaves out the worst. May be used by several threads.

    Attributes:
        known: What is known of pairs.
        filter: Says how likely a pair is a bad match.
        share: Of the candidates that could take a place, which goes.

    Raises:
        InputError: The share is not from 0 to below 1, or the classifier learnt from other features.
    """

    known: PairFeatures
    filter: MatchFilter
    share: float = 0.2

    KIND = "bad-matches"

    def __post_init__(self) -> None:
        require(0 <= self.share < 1, f"share={self.share}", "something stays", "pass a share from 0 to below 1")
        width = self.known.of([(Taste(), 1)]).shape[1]
        fits = len(self.filter.weights) == width
        require(fits, f"{len(self.filter.weights)} weights", f"{width} features are known of a pair", "fit it on these features")

    def worst(self, history: Histories, merged: Merged, k: int, barred: np.ndarray) -> np.ndarray:
        """int32[...], items that should not be in the list; none for somebody of whom nothing is known.

        Args:
            history: One row, that of the person who asks.
            merged: C candidates, best first.
            k: Places of the list.
            barred: bool[N + 1], items that are not shown in any case.
        """
        there = merged.items[~barred[merged.items]]
        close = there[: math.ceil(k / (1 - self.share))]
        if not history.num_events or not len(close):
            return close[:0]
        close, taste = close[::-1], Taste.of(history.last(_NEWEST))  # of equals the last ones go
        chances = self.filter.bad(self.known.of([(taste, item) for item in close.tolist()]))
        gone = np.flatnonzero(~kept(chances, self.share))
        more = max(len(close) - k, 0)  # so many can go, and the list is as long as before
        return close[np.sort(gone[np.argsort(-chances[gone], kind="stable")[:more]])]

    def save(self, folder: Path) -> None:
        """Write all but the vectors, which are the items'.

        Args:
            folder: Made by this.

        Raises:
            StorageError: The disk refused.
        """
        with write_artifact(folder, kind=self.KIND, settings={"share": self.share, "bias": self.filter.bias}) as out:
            out.tensors("filter", {"mean": self.filter.mean, "scale": self.filter.scale, "weights": self.filter.weights})
            out.tensors("items", {"likes": self.known.likes, "dislikes": self.known.dislikes, "parts": self.known.parts})

    @classmethod
    def load(cls, folder: Path, vectors: np.ndarray) -> Self:
        """What ``save`` wrote.

        Args:
            folder: Written by ``save``.
            vectors: float32[N + 1, D] of the items that it was fitted with.

        Raises:
            ArtifactError: It is missing, incomplete or altered, or was fitted with other items.
        """
        saved = read_artifact(folder, kind=cls.KIND)
        settings, learnt, items = saved.manifest.settings, saved.arrays("filter"), saved.arrays("items")
        count, rule = len(items["likes"]), f"there are vectors of {len(vectors)}"
        require(count == len(vectors), f"{count} items in {folder}", rule, "make the release again", ArtifactError)
        known = PairFeatures(vectors, items["likes"], items["dislikes"], items["parts"])
        return cls(known, MatchFilter(learnt["mean"], learnt["scale"], learnt["weights"], settings["bias"]), settings["share"])


def without(merged: Merged, items: np.ndarray) -> Merged:
    """The candidates without some; the order and the scores of the others stay.

    Args:
        merged: C candidates.
        items: int32[...] that go.
    """
    stay = ~np.isin(merged.items, items)
    return replace(merged, items=merged.items[stay], scores=merged.scores[stay], ranks=merged.ranks[:, stay])
