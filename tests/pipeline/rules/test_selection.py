"""Quotas hold, spacing holds where it can, and propensities are what chance really did."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.pipeline.rules.selection import Cap, Draws, Floor, Gap, Selected, select

QUICK = settings(max_examples=120, deadline=None)
KEYS = st.lists(st.integers(0, 3), min_size=1, max_size=9)


def draws(members: np.ndarray, seed: int, chance: float = 0.4, keep_first: int = 0, most: int = 99) -> Draws:
    return Draws(members, chance, keep_first, most, lambda places: np.full(len(places), 1 / len(places)), np.random.default_rng(seed))


def test_the_best_allowed_candidate_moves_up() -> None:
    assert select(5, 5, gaps=[Gap(np.array([1, 1, 1, 2, 1]), 3, 2)]).places.tolist() == [0, 1, 3, 2, 4]


def test_without_rules_the_order_stays() -> None:
    assert select(4, 3).places.tolist() == [0, 1, 2]
    assert select(0, 3).places.tolist() == []


def test_wishes_are_kept_in_their_order() -> None:
    first, second = Gap(np.array([1, 1, 2, 2]), 2, 1), Gap(np.array([1, 2, 1, 2]), 2, 1)
    assert select(4, 2, gaps=[first, second]).places.tolist() == [0, 3]
    no_both = Gap(np.array([1, 2, 1, 1]), 2, 1)
    assert select(4, 2, gaps=[first, no_both]).places.tolist() == [0, 2], "the earlier wish counts where both cannot be had"


@QUICK
@given(st.lists(st.integers(0, 3), min_size=1, max_size=25), st.integers(1, 5), st.integers(1, 3), st.integers(1, 25))
def test_spacing_is_broken_only_when_nothing_else_is_left(drawn: list[int], window: int, most: int, k: int) -> None:
    keys = np.array(drawn)
    shown = select(len(drawn), k, gaps=[Gap(keys, window, most)]).places.tolist()
    assert len(shown) == len(set(shown)) == min(k, len(drawn))
    for place, chosen in enumerate(shown):
        near = [keys[one] for one in shown[max(0, place - window + 1) : place]]
        waiting = set(range(len(drawn))) - set(shown[:place])
        free = [one for one in waiting if not keys[one] or near.count(keys[one]) < most]
        assert chosen == min(free or waiting)


@QUICK
@given(KEYS, st.integers(0, 3), st.integers(1, 9), st.lists(st.booleans(), min_size=9, max_size=9), st.integers(1, 4), st.integers(0, 5))
def test_quotas_hold_whenever_they_can(drawn: list[int], most: int, k: int, among: list[bool], least: int, seed: int) -> None:
    """Against every possible list: as many as can be, as many of the floor as can be, whatever chance does."""
    keys, members = np.array(drawn), np.array(among[: len(drawn)])
    found = select(len(drawn), k, [Cap(keys, most)], [Floor(members, least)], [Gap(keys, 3, 1)], draws(~members, seed)).places
    assert all((keys[found] == key).sum() <= most for key in (1, 2, 3))

    def lawful(rows: tuple[int, ...]) -> bool:
        return all(sum(drawn[one] == key for one in rows) <= most for key in (1, 2, 3))

    lists = [rows for size in range(min(k, len(drawn)) + 1) for rows in itertools.combinations(range(len(drawn)), size) if lawful(rows)]
    assert len(found) == max(map(len, lists))
    assert members[found].sum() >= min(least, max(sum(members[one] for one in rows) for rows in lists))


@QUICK
@given(
    KEYS,
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3, unique_by=lambda pair: pair[0]),
    st.integers(1, 9),
)
def test_floors_that_do_not_compete_all_hold(drawn: list[int], wanted: list[tuple[int, int]], k: int) -> None:
    keys = np.array(drawn)
    found = select(len(drawn), k, floors=[Floor(keys == key, least) for key, least in wanted]).places
    room = min(k, len(drawn))
    assert len(found) == room
    for key, least in wanted:
        expected = min(least, int((keys == key).sum()), room)
        assert (keys[found] == key).sum() >= expected
        room -= expected
    plain = select(len(drawn), k).places
    if all((keys[plain] == key).sum() >= least for key, least in wanted):
        assert found.tolist() == plain.tolist(), "what holds by itself changes nothing"


def chance_of(found: Selected) -> float:
    return float(np.prod(found.propensities))


def test_propensities_are_the_shares_of_many_draws() -> None:
    """Each list's probability, the product of its propensities, against how often it comes about."""
    members = np.array([False, True, False, True, True])
    tries, seen, told = 6_000, {}, {}
    for seed in range(tries):
        found = select(5, 2, gaps=[Gap(np.array([1, 1, 2, 2, 1]), 2, 1)], draws=draws(members, seed))
        key = tuple(found.places.tolist())
        seen[key] = seen.get(key, 0) + 1
        told[key] = chance_of(found)
    assert sum(told.values()) == pytest.approx(1.0)
    for key, count in seen.items():
        assert count / tries == pytest.approx(told[key], abs=4 * np.sqrt(told[key] * (1 - told[key]) / tries) + 1e-9)
    # The first place is the best one's (0), or one of three: 0.4 / 3 each.
    assert told[0, 2] + told[0, 3] == pytest.approx(0.6)


def test_chance_keeps_to_its_places() -> None:
    members = np.array([False, False, True, True, True])
    for seed in range(50):
        found = select(5, 5, draws=draws(members, seed, chance=1.0, keep_first=1, most=2))
        assert not found.drawn[0] and found.drawn.sum() == 2
        assert found.drawn[1:3].all()
        assert found.propensities.tolist() == pytest.approx([1.0, 1 / 3, 1 / 2, 1.0, 1.0])
        assert members[found.places[1:3]].all()
    assert select(5, 5, draws=draws(members, 0, chance=0.0)).places.tolist() == [0, 1, 2, 3, 4]
