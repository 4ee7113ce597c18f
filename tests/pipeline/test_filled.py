"""Lists of different lengths as one block: each as it is, then nothing."""

from __future__ import annotations

import numpy as np

from penchant.pipeline.filled import filled


def test_short_lists_and_missing_ones_end_in_nothing() -> None:
    found = filled([(np.array([3, 1]), np.array([2.0, 1.0])), (np.array([2]), np.array([5.0]))], 3, 2)
    assert found.items.tolist() == [[3, 1], [2, 0], [0, 0]]
    assert found.scores.tolist() == [[2.0, 1.0], [5.0, -np.inf], [-np.inf, -np.inf]]
    assert (found.items.dtype, found.scores.dtype) == (np.int32, np.float32)
