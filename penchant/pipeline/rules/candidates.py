"""Candidates for the places of a list.

Letters: C candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: In place of a place: a rule brought the item, or it fills a list that would be too short.
BROUGHT, FILLS = -1, -2
HIGHEST = np.float32(1e30)  # of a score: many boosts together must stay numbers


@dataclass(frozen=True)
class Candidates:
    """Items that may be shown.

    Attributes:
        items: int32[C], all distinct.
        scores: float32[C].
        places: int64[C], where each stood in the list that the policy was given, from 0; else ``BROUGHT`` or ``FILLS``.
    """

    items: np.ndarray
    scores: np.ndarray
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    def more(self, items: np.ndarray, score: float, place: int) -> Candidates:
        """With further items behind these."""
        return Candidates(
            np.concatenate([self.items, items]),
            np.concatenate([self.scores, np.full(len(items), score, np.float32)]),
            np.concatenate([self.places, np.full(len(items), place)]),
        )

    def take(self, order: np.ndarray) -> Candidates:
        """Those at int64[m], in that order."""
        return Candidates(self.items[order], self.scores[order], self.places[order])

    def times(self, factors: np.ndarray) -> Candidates:
        """With scores times float32[C], up to ``HIGHEST``."""
        with np.errstate(over="ignore"):
            return Candidates(self.items, np.minimum(self.scores * factors, HIGHEST), self.places)

    def by_score(self) -> Candidates:
        """The best first; equal ones keep their order."""
        return self.take(np.argsort(-self.scores, kind="stable"))
