"""Lists of different lengths as one block.

Letters: B rows, k places.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from penchant.contracts import TopK


def filled(rows: Iterable[tuple[np.ndarray, np.ndarray]], count: int, k: int) -> TopK:
    """``count`` lists of k places.

    Args:
        rows: Items int[m] and scores float[m] of each, best first, m <= k; where m < k, or there are fewer rows, the rest is empty.
    """
    lists = TopK(np.zeros((count, k), np.int32), np.full((count, k), -np.inf, np.float32))
    for row, (items, scores) in enumerate(rows):
        lists.items[row, : len(items)], lists.scores[row, : len(items)] = items, scores
    return lists
