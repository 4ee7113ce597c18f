from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.users.decay import DAY, Decayed

EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30 * DAY)), max_size=20)


def test_a_count_halves_after_a_half_life() -> None:
    counted = Decayed(half_life=100.0).add([("tea", 1000), ("tea", 900), ("oil", 1000)])
    assert counted.at == 1000
    assert counted.counts == {"tea": 1.5, "oil": 1.0}
    assert dict(counted.as_of(1200)) == {"tea": 0.375, "oil": 0.25}
    assert dict(counted.as_of(5)) == counted.counts, "a clock that was set back gains nothing"


def test_only_the_largest_stay() -> None:
    counted = Decayed().add([("a", 5), ("b", 5), ("b", 5), ("c", 5), ("c", 5)], most=2)
    assert counted.counts == {"b": 2.0, "c": 2.0}


@given(events=EVENTS, cut=st.integers(0, 20), shuffled=st.randoms())
def test_late_events_count_as_if_they_had_come_in_time(events: list[tuple[str, int]], cut: int, shuffled) -> None:
    at_once = Decayed().add(sorted(events, key=lambda event: event[1]))
    mixed = list(events)
    shuffled.shuffle(mixed)
    in_parts = Decayed().add(mixed[:cut]).add(mixed[cut:])
    assert in_parts.at == at_once.at
    assert in_parts.counts == pytest.approx(at_once.counts)


def test_a_half_life_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="half_life=0"):
        Decayed(half_life=0)
