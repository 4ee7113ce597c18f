"""The newest things of a history."""

from __future__ import annotations

import numpy as np


def newest_items(items: np.ndarray, most: int) -> np.ndarray:
    """The newest ``most`` distinct items of int[n], oldest first, as int[m], newest first."""
    distinct, first = np.unique(items[::-1], return_index=True)
    return distinct[np.argsort(first)][:most]
