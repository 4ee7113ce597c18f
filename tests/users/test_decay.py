from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.users.decay import DAY, Decayed

EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30 * DAY)), max_size=20)


def test_a_count_halves_after_a_half_life() -> None:
    counted = Decayed(half_life=100.0).add([("tea", 1000), ("tea", 900), ("oil", 1000)])
    assert counted.newest == 1000
    assert dict(counted.as_of(1000)) == {"tea": 1.5, "oil": 1.0}
    assert dict(counted.as_of(1200)) == {"tea": 0.375, "oil": 0.25}
    assert dict(counted.as_of(5)) == {"tea": 1.5, "oil": 1.0}, "a clock that was set back gains nothing"


def test_an_event_changes_its_own_count_alone() -> None:
    before = Decayed(half_life=100.0).add([("tea", 1000)])
    after = before.add([("oil", 1100)])
    assert (before.counts["tea"], after.counts["oil"]) == (after.counts["tea"], 2 * after.counts["tea"])
    assert dict(after.as_of(1100)) == {"tea": 0.5, "oil": 1.0}


def test_numbers_stay_small_over_years() -> None:
    counted = Decayed(half_life=1.0)
    for year in range(1, 40):
        counted = counted.add([("tea", year * 365 * DAY)])
    assert dict(counted.as_of(0)) == {"tea": 1.0}


@given(times=st.lists(st.integers(-(10**25), 10**25), min_size=1, max_size=5))
def test_no_moment_is_too_far_away(times: list[int]) -> None:
    counted = Decayed(half_life=DAY / 4)
    for time in [*times, 10**9, -(10**20), 10**9]:
        counted = Decayed.from_bytes(counted.add([("tea", time)]).to_bytes())
    assert all(isfinite(count) for _, count in counted.as_of(10**9))


def test_a_moment_long_ago_takes_nothing_from_the_present() -> None:
    counted = Decayed(half_life=100.0).add([("oil", -(10**20))]).add([("tea", 1000)]).add([("oil", -(10**15))])
    assert dict(counted.as_of(1000)) == {"tea": 1.0}


def test_only_the_largest_stay() -> None:
    counted = Decayed().add([("a", 5), ("b", 5), ("b", 5), ("c", 5), ("c", 5)], most=2)
    assert dict(counted.as_of(5)) == pytest.approx({"b": 2.0, "c": 2.0})


@given(events=EVENTS, cut=st.integers(0, 20), shuffled=st.randoms())
def test_late_events_count_as_if_they_had_come_in_time(events: list[tuple[str, int]], cut: int, shuffled) -> None:
    at_once = Decayed().add(sorted(events, key=lambda event: event[1]))
    mixed = list(events)
    shuffled.shuffle(mixed)
    in_parts = Decayed().add(mixed[:cut]).add(mixed[cut:])
    assert in_parts.newest == at_once.newest
    assert dict(in_parts.as_of(in_parts.newest)) == pytest.approx(dict(at_once.as_of(at_once.newest)))


@given(events=EVENTS, cut=st.integers(0, 20))
def test_batches_change_nothing(events: list[tuple[str, int]], cut: int) -> None:
    days = [(name, 10**9 + time) for name, time in events]  # within one step of the grid
    assert Decayed().add(days[:cut]).add(days[cut:]) == Decayed().add(days)


@given(events=st.lists(st.tuples(st.text(max_size=3), st.integers(0, 10**9)), max_size=9))
def test_it_is_stored_as_it_is(events: list[tuple[str, int]]) -> None:
    counted = Decayed(5.5 * DAY).add(events)
    assert Decayed.from_bytes(counted.to_bytes()) == counted


@pytest.mark.parametrize("spoilt", [b"", b"spoilt", b"\0\0\0\0" + bytes(24), Decayed().add([("a", 1)]).to_bytes()[:-3]])
def test_spoilt_bytes_are_told(spoilt: bytes) -> None:
    with pytest.raises(ValueError):
        Decayed.from_bytes(spoilt)


def test_a_half_life_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="half_life=0"):
        Decayed(half_life=0)
