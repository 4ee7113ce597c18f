"""Alarms where groups have the wrong sizes, and hardly ever where they have the right ones."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.evaluate.sample_ratio import ALARM, mismatch


def test_one_unit_is_what_a_hand_can_reckon() -> None:
    """The Bayes factor of one unit is 1 for equal prior shares; of two in one group of two, (51 / 101) / (1 / 2)."""
    assert mismatch([1, 0], [0.5, 0.5]) == pytest.approx(1.0)
    assert mismatch([2, 0], [1, 1]) == pytest.approx(101 / 102)


def test_watched_all_the_time_there_is_hardly_ever_a_false_alarm() -> None:
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(200):
        groups = rng.choice(3, 2_000, p=[0.5, 0.3, 0.2])
        counts = np.cumsum(np.eye(3, dtype=int)[groups], axis=0)[::50]
        alarms += any(mismatch(row.tolist(), [0.5, 0.3, 0.2]) < 0.05 for row in counts)
    assert alarms <= 10


@pytest.mark.parametrize("counts", [[100, 0], [5_500, 5_000], [102_500, 100_000]])
def test_users_who_are_lost_raise_an_alarm(counts: list[int]) -> None:
    assert mismatch(counts, [0.5, 0.5]) < ALARM


def test_what_is_as_meant_raises_none() -> None:
    assert mismatch([50_100, 49_900], [0.5, 0.5]) > 0.5
    assert mismatch([0, 0], [0.5, 0.5]) == 1.0
    assert mismatch([900, 100], [9, 1]) > 0.5


def test_what_cannot_be_is_refused() -> None:
    for counts, shares in (([1], [0.5, 0.5]), ([1, -1], [1, 1]), ([1, 1], [1, 0]), ([], [])):
        with pytest.raises(InputError, match="each group has a count"):
            mismatch(counts, shares)
