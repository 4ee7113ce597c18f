"""The sliding window: what falls out of it, and how far its quantiles are off."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.serve.operations.recent import Recent


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@given(st.lists(st.floats(2e-5, 900), min_size=1, max_size=200), st.floats(0, 1))
def test_a_quantile_is_off_by_one_percent_at_most(times: list[float], share: float) -> None:
    recent = Recent()
    for seconds in times:
        recent.saw("/", 200, seconds)
    told = recent.over(12)[0]["/"].quantile(share)
    assert told == pytest.approx(np.quantile(times, share, method="inverted_cdf"), rel=0.0101)


def test_times_beyond_all_bounds_are_counted_too(clock: Clock) -> None:
    recent = Recent(clock=clock)
    for seconds in (0.0, -1.0, 1e9):
        recent.saw("/", 200, seconds)
    tally = recent.over(1)[0]["/"]
    assert (tally.requests, len(tally.buckets)) == (3, 2)
    assert tally.quantile(1.0) == pytest.approx(1e3, rel=0.0101)


def test_statuses_are_told_apart(clock: Clock) -> None:
    recent = Recent(clock=clock)
    for status in (200, 304, 404, 422, 503, 0):
        recent.saw("/", status, 0.01)
    tally = recent.over(1)[0]["/"]
    assert (tally.requests, tally.refused, tally.failed) == (6, 2, 2)


def test_old_slots_fall_out_and_places_are_used_again(clock: Clock) -> None:
    recent = Recent(slots=3, seconds=5.0, clock=clock)
    for step in range(10):  # every slot of the ring is written three times
        clock.now = 1_000.0 + 5 * step
        recent.saw("/", 200, 0.01 * (step + 1))
    assert [slot["/"].quantile(0.5) for slot in recent.each()] == pytest.approx([0.07, 0.08, 0.09], rel=0.0101), "whole ones only"
    clock.now += 2
    total, seconds = recent.over(2)
    assert (total["/"].requests, seconds) == (2, 7.0)
    clock.now += 10
    assert [sorted(slot) for slot in recent.each()] == [["/"], ["/"], []]
    clock.now += 1_000
    assert recent.each() == [{}, {}, {}]
    assert recent.over(3)[0] == {}


def test_the_span_is_no_longer_than_the_process_is_old(clock: Clock) -> None:
    recent = Recent(clock=clock)
    clock.now += 2
    recent.saw("/", 200, 0.01)
    assert recent.over(12)[1] == 2.0
    clock.now += 100
    assert 55.0 < recent.over(12)[1] <= 60.0


def test_what_is_told_is_not_changed_by_what_comes(clock: Clock) -> None:
    recent = Recent(clock=clock)
    recent.saw("/", 200, 0.01)
    clock.now += 5
    before, total = recent.each(), recent.over(12)[0]
    recent.saw("/", 200, 0.01)
    assert (before[-1]["/"].requests, total["/"].requests) == (1, 1)


def test_nothing_is_lost_between_threads(clock: Clock) -> None:
    recent = Recent(clock=clock)
    threads = [threading.Thread(target=lambda: [recent.saw("/", 200, 0.01) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recent.over(1)[0]["/"].requests == 4_000


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="slots=0: at least one slot is kept; pass slots>=1"):
        Recent(slots=0)
    with pytest.raises(InputError, match="seconds=0"):
        Recent(seconds=0)
