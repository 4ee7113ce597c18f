"""Popularity over time: counted by hand, ranked with ties, and never from a period that was still under way."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.popularity_dynamics import DAY, LAGS, WINDOW, Popularity, percentiles, windowed


def test_windows_by_hand() -> None:
    counts = np.array([[0, 4], [0, 0], [2, 1]], float)
    assert windowed(counts, 0.5).tolist() == [[0, 4], [0, 2], [2, 2]]
    assert windowed(counts, 1.0).tolist() == [[0, 4], [0, 4], [2, 5]]
    long = windowed(np.eye(WINDOW + 3, 1), 1.0)[:, 0]
    assert long.tolist() == [1.0] * WINDOW + [0.0] * 3


def test_percentiles_are_among_active_items_and_ties_share() -> None:
    found = percentiles(np.array([[0, 0, 1, 5, 5, 9], [0, 0, 0, 0, 0, 0]], float))
    np.testing.assert_allclose(found[0], [0, 0, 0.25, 0.625, 0.625, 1.0])
    assert not found[1].any()


def test_percentiles_are_ranks_and_not_the_order_of_sorting() -> None:
    values = np.random.default_rng(0).permutation(8).astype(float)[None] + 1
    slow = [(values[0] <= value).mean() for value in values[0]]
    np.testing.assert_allclose(percentiles(values)[0], slow)


def made() -> Popularity:
    """Item 1 on days 0 and 1, item 2 twice on day 3; a period is a day."""
    histories = Histories.of([[1, 1], [2, 2]], times=[[100, DAY + 5], [3 * DAY + 150, 3 * DAY + 180]])
    return Popularity.of(histories, 2, days=1, decay=0.5)


def test_only_periods_that_are_over_are_known() -> None:
    popularity = made()
    assert popularity.begin == 100 and len(popularity.table) == LAGS + 4
    day = [100 + n * DAY for n in range(6)]
    known = popularity.table[popularity.before(np.array(day))]
    assert known[:, 1].tolist() == [0, 1, 1, 1, 0.5, 0.5]
    assert known[:, 2].tolist() == [0, 0, 0, 0, 1, 1]  # what happened on day 3 is known from day 4 on
    assert (popularity.before(np.array(day[3]) + np.arange(0, DAY, 977)) == LAGS + 2).all()
    assert popularity.before(np.array([0, 2**60])).tolist() == [LAGS - 1, LAGS + 3]


def test_later_events_do_not_change_what_was_known() -> None:
    early = Histories.of([[1, 2, 2]], times=[[0, DAY, 3 * DAY]])
    late = Histories.of([[1, 2, 2, 1, 1]], times=[[0, DAY, 3 * DAY, 4 * DAY, 9 * DAY]])
    first, second = (Popularity.of(one, 2, days=1, decay=0.5).table for one in (early, late))
    assert (second[: len(first)] == first).all()


def test_times_and_events_are_needed() -> None:
    with pytest.raises(InputError, match="histories without times"):
        Popularity.of(Histories.of([[1]]), 1, days=1, decay=0.5)
    with pytest.raises(InputError, match="0 events"):
        Popularity.of(Histories.of([[]], times=[[]]), 1, days=1, decay=0.5)
