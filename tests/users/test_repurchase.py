"""Repeat purchases: what is known of cycles, told and untold, and what priors do where little is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.users.decay import DAY
from penchant.users.repurchase import Cycles, Pairs, Purchases, RepurchaseSettings

COFFEE, SALT, CAKE = 1, 2, 3


def purchases(rows: list[tuple[int, int, int]]) -> Purchases:
    return Purchases(*np.unique(np.array(rows, np.int32), axis=0).T)


def shop(until: int = 400) -> Purchases:
    """Twenty people: coffee about every 30 days, salt about every 100, and cake once, by everybody."""
    random = np.random.default_rng(0)
    rows = []
    for user in range(1, 21):
        for kind, cycle in ((COFFEE, 30), (SALT, 100)):
            day = int(random.integers(0, cycle))
            while day < until:
                rows.append((user, kind, day))
                day += max(1, int(cycle * np.exp(0.15 * random.normal())))
        rows.append((user, CAKE, int(random.integers(0, 200))))
    return purchases(rows)


def fitted(until: int = 400) -> Cycles:
    return Cycles.fit(shop(until), until, users=30, kinds=4)


def one(kind: int, days: list[int], user: int = 25) -> Pairs:
    return Pairs.of(purchases([(user, kind, day) for day in days]))


def test_purchases_count_once_a_day_and_only_where_there_is_a_type() -> None:
    events = Histories.of([[1, 1, 2, 3], [2]], times=[[0, 3600, DAY, DAY], [5 * DAY]], users=[4, 9])
    found = Purchases.of(events, np.array([0, 7, 8, 0]))
    assert [row.tolist() for row in (found.users, found.kinds, found.days)] == [[4, 4, 9], [7, 8, 8], [0, 1, 5]]
    assert len(found.before(1)) == 1


def test_pairs_know_their_intervals() -> None:
    pairs = Pairs.of(purchases([(1, 2, 0), (1, 2, 10), (1, 2, 15), (1, 3, 4), (2, 2, 7)]))
    assert [row.tolist() for row in (pairs.users, pairs.kinds)] == [[1, 1, 2], [2, 3, 2]]
    assert [row.tolist() for row in (pairs.last, pairs.intervals)] == [[15, 4, 7], [2, 0, 0]]
    assert pairs.sums == pytest.approx([np.log(10) + np.log(5), 0, 0])
    assert pairs.squares == pytest.approx([np.log(10) ** 2 + np.log(5) ** 2, 0, 0])
    assert len(Pairs.of(purchases([(1, 1, 1)]).before(0))) == 0


def test_coffee_is_due_after_a_month_and_salt_after_three() -> None:
    cycles = fitted()
    for kind, cycle in ((COFFEE, 30), (SALT, 100)):
        due = cycles.due(one(kind, [0]), 1)
        assert due.days[0] == pytest.approx(cycle, rel=0.25), "from the type alone"
        own = cycles.due(one(kind, [0, 60, 120, 180, 240, 300]), 301)
        assert abs(own.days[0] - 60) < abs(due.days[0] - 60), "towards what the pair shows"


def test_what_was_just_bought_is_not_due_and_becomes_so() -> None:
    cycles, days = fitted(), [0, 30, 61, 90, 121]
    chances = [cycles.due(one(COFFEE, days), 122 + elapsed, within=7).chance[0] for elapsed in range(0, 31, 5)]
    assert chances[0] < 0.05
    assert chances == sorted(chances)
    assert chances[5] > 0.5
    again = cycles.due(one(COFFEE, [*days, 150]), 151, within=7).chance[0]
    assert again < 0.05, "bought, so it goes away"


def test_who_has_not_come_for_long_has_stopped() -> None:
    cycles = fitted()
    soon, late = (cycles.due(one(COFFEE, [0, 30, 60]), day) for day in (80, 600))
    assert soon.active[0] > 0.8
    assert late.active[0] < 0.2
    assert late.chance[0] < soon.chance[0]
    assert cycles.due(one(CAKE, [390]), 400).active[0] < 0.5 * cycles.due(one(COFFEE, [390]), 400).active[0], "nobody bought it twice"


def test_users_who_are_quick_are_quick_with_new_types() -> None:
    quick = purchases([(user, kind, step * (10 if user == 1 else 40)) for user in (1, 2, 3) for kind in (1, 2) for step in range(9)])
    cycles = Cycles.fit(quick, 400, users=3, kinds=3)
    fast, slow = (cycles.due(one(3, [399], user), 400).days[0] for user in (1, 2))
    assert fast < 0.7 * slow


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 300)), max_size=40),
    st.integers(1, 400),
    st.integers(1, 60),
)
def test_chances_are_chances_whatever_was_bought(rows: list[tuple[int, int, int]], day: int, within: int) -> None:
    bought = purchases(rows) if rows else purchases([(1, 1, 0)]).before(0)
    cycles = Cycles.fit(bought, day, users=3, kinds=3)
    pairs = Pairs.of(bought.before(day))
    due, longer = cycles.due(pairs, day, within=within), cycles.due(pairs, day, within=within + 5)
    for found in (due.chance, due.active):
        assert ((found >= 0) & (found <= 1 + 1e-12)).all()
    assert (due.chance <= due.active + 1e-12).all()
    assert (longer.chance >= due.chance - 1e-12).all()
    assert (due.days >= 1).all() and np.isfinite(due.days).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="within=0"):
        fitted().due(one(COFFEE, [0]), 1, within=0)
    with pytest.raises(InputError, match="without times"):
        Purchases.of(Histories.of([[1]]), np.array([0, 1]))
    with pytest.raises(InputError, match="greater than 0"):
        RepurchaseSettings(pair=0)
