"""What came of items that were shown, as far as it is known when a list is made.

Letters: E items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np


class Outcomes:
    """How often items were chosen when they were shown, and how often not. It never changes; there are others later.

    Args:
        counts: Successes and failures by code; of items that are not named both are 0.
    """

    def __init__(self, counts: Mapping[int, tuple[float, float]] | None = None) -> None:
        self._counts = counts or {}

    def counts(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float[E] successes and float[E] failures of int32[E]."""
        found = np.array([self._counts.get(item, (0.0, 0.0)) for item in items.tolist()], np.float64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def of(self, items: Iterable[int]) -> dict[int, tuple[float, float]]:
        """By code, of those items alone of which something is known."""
        return {item: self._counts[item] for item in items if item in self._counts}


NOTHING = Outcomes()
