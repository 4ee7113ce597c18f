from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.popularity import HEAD, MID, NEW, TAIL, popularity_tiers


def test_the_tiers_of_a_small_catalogue() -> None:
    # 100 events: 40 + 20 reach 50%; 15 + 10 lead past 80%; then the tail; then items nobody touched
    counts = np.array([999, 10, 40, 0, 20, 15, 8, 7, 0])
    assert popularity_tiers(counts).tolist() == [NEW, MID, HEAD, NEW, HEAD, MID, TAIL, TAIL, NEW]


def test_exactly_half_of_the_events_is_enough_for_the_head() -> None:
    assert popularity_tiers(np.array([0, 5, 3, 2])).tolist() == [NEW, HEAD, MID, TAIL]


def test_equal_counts_go_to_the_lower_code() -> None:
    assert popularity_tiers(np.array([0, 1, 1, 1, 1])).tolist() == [NEW, HEAD, HEAD, MID, MID]


def test_no_events_and_no_items() -> None:
    assert popularity_tiers(np.zeros(4, np.int64)).tolist() == [NEW] * 4
    assert popularity_tiers(np.zeros(1, np.int64)).tolist() == [NEW]


@pytest.mark.parametrize("counts", [np.array([], np.int64), np.zeros((2, 2), np.int64), np.array([0, 3, -1])])
def test_impossible_counts_are_refused(counts: np.ndarray) -> None:
    with pytest.raises(InputError):
        popularity_tiers(counts)


@given(st.lists(st.integers(0, 1000), max_size=60))
def test_head_is_the_smallest_set_with_half_of_the_events(values: list[int]) -> None:
    counts = np.array([0, *values])
    tiers = popularity_tiers(counts)
    ranked = sorted(values, reverse=True)
    size, held = 0, 0
    while 2 * held < sum(values):
        held += ranked[size]
        size += 1
    assert (tiers == HEAD).sum() == size
    assert ((tiers == NEW)[1:] == (counts[1:] == 0)).all()
    if (tiers == TAIL).any():
        assert counts[tiers == TAIL].max() <= counts[tiers == HEAD].min()
        assert counts[tiers >= MID].sum() >= 0.8 * sum(values)
