from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.items.live_tiers import LiveTiers, TierSettings
from penchant.users.decay import Decayed

MARKS = TierSettings(high=10.0, low=5.0, stay_seconds=100.0, most=3)
STEPS = st.lists(st.tuples(st.integers(0, 300), st.dictionaries(st.sampled_from("abcde"), st.floats(0, 30), max_size=5)), max_size=30)


def path(*steps: tuple[float, dict[str, float]]) -> list[LiveTiers]:
    """The tiers after each (UTC seconds, counts)."""
    return list(itertools.accumulate(steps, lambda tiers, step: tiers.after(step[1], step[0], MARKS), initial=LiveTiers()))[1:]


def test_between_the_marks_nothing_changes() -> None:
    up, between, down, still, again = path(
        (0, {"a": 11, "b": 10}), (200, {"a": 5, "b": 10}), (400, {"a": 4.9, "b": 6}), (450, {"a": 30}), (500, {"a": 30})
    )
    assert (dict(up.heads), up.flips) == ({"a": 0}, 1), "the mark itself is not above it"
    assert between == up
    assert (dict(down.heads), dict(down.left), down.flips) == ({}, {"a": 400}, 2)
    assert still == down, "it stays in the tail for a while, too"
    assert (dict(again.heads), dict(again.left), again.flips) == ({"a": 500}, {}, 3)


def test_who_was_promoted_just_now_stays_even_when_forgotten() -> None:
    _, soon, later = path((0, {"a": 11}), (99, {}), (100, {}))
    assert dict(soon.heads) == {"a": 0}
    assert dict(later.heads) == {}


def test_of_too_many_the_largest_are_head() -> None:
    (found,) = path((0, {"a": 11, "b": 14, "c": 12, "d": 13, "e": 12}))
    assert sorted(found.heads) == ["b", "c", "d"], "of equal ones the smaller id"
    full, _ = path((0, {"a": 11, "b": 11, "c": 11}), (500, {"a": 11, "b": 11, "c": 11, "d": 99}))
    assert sorted(full.heads) == ["a", "b", "c"]


@given(STEPS)
def test_no_item_flips_twice_within_the_stay_and_flips_are_counted(steps: list[tuple[int, dict[str, float]]]) -> None:
    times = list(itertools.accumulate(wait for wait, _ in steps))
    found = [LiveTiers(), *path(*((float(time), counts) for time, (_, counts) in zip(times, steps, strict=True)))]
    flips: dict[str, list[int]] = {}
    for time, (before, after) in zip(times, itertools.pairwise(found), strict=True):
        assert len(after.heads) <= MARKS.most
        for item in set(before.heads) ^ set(after.heads):
            flips.setdefault(item, []).append(time)
    assert all(later - earlier >= MARKS.stay_seconds for own in flips.values() for earlier, later in itertools.pairwise(own))
    assert sum(map(len, flips.values())) == found[-1].flips


@given(STEPS, st.integers(1, 10_000))
def test_a_clock_that_was_set_back_flips_nobody_back(steps: list[tuple[int, dict[str, float]]], back: int) -> None:
    up = LiveTiers().after({"a": 11}, 1_000.0, MARKS)
    assert dict(up.after({}, 1_000.0 - back, MARKS).heads) == {"a": 1_000.0}


@given(st.permutations([("a", 100)] * 12 + [("b", 90)] * 7 + [("c", 250)] * 11 + [("a", 260)] * 2))
def test_the_order_of_events_between_two_looks_does_not_matter(events: list[tuple[str, int]]) -> None:
    def replayed(events: list[tuple[str, int]]) -> LiveTiers:
        counter, tiers = Decayed(half_life=200.0), LiveTiers()
        for look in (150, 300):
            counter = counter.add([event for event in events if look - 150 <= event[1] < look])
            tiers = tiers.after(dict(counter.as_of(look)), look, MARKS)
        return tiers

    assert replayed(events) == replayed(sorted(events))


def test_outside_the_band_the_path_does_not_matter() -> None:
    counts = {"a": 20.0, "b": 7.0, "c": 1.0}
    fresh, before = LiveTiers(), LiveTiers({"b": 0.0, "c": 0.0}, {}, 2)
    one, other = (tiers.after(counts, 1_000.0, MARKS) for tiers in (fresh, before))
    assert sorted(one.heads) == ["a"]
    assert sorted(other.heads) == ["a", "b"], "b is between the marks: there the path decides"


def test_what_is_stored_comes_back_and_nothing_else() -> None:
    tiers = LiveTiers({"a": 1.5, "ü": 2.0}, {"b": 3.0}, 7)
    assert LiveTiers.from_bytes(tiers.to_bytes()) == tiers
    for spoilt in (b"", b"[]", b"{}", b"\xff"):
        with pytest.raises(ValueError):
            LiveTiers.from_bytes(spoilt)


def test_marks_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(InputError, match=r"low=9: it is at most the high mark, 3"):
        LiveTiers().after({}, 0, TierSettings(high=3, low=9))
