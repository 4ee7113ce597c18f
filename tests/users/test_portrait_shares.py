"""Portraits of many at once: the same weights as one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.users.decay import DAY
from penchant.users.portrait import Portraits, PortraitSettings
from penchant.users.portrait_shares import marks, shares
from tests.users.test_portrait import CHESS, COFFEE, FOOD, LAMP, MUG, START, TEA, TREE, crowd

SETTINGS = PortraitSettings(least=0.0, short_events=3, potential=4, strongest=3)
MADE = Portraits.fit(crowd(), TREE, SETTINGS)
EVENTS = st.lists(
    st.tuples(st.integers(1, 7), st.integers(0, 90), st.sampled_from([0, ACTION_CODE["purchase"], ACTION_CODE["dislike"]])), max_size=12
)


@settings(deadline=None)
@given(people=st.lists(EVENTS, min_size=1, max_size=5), timed=st.booleans())
def test_they_are_those_of_one_portrait_at_a_time(people: list[list[tuple[int, int, int]]], timed: bool) -> None:
    people = [sorted(events, key=lambda one: one[1]) for events in people]
    times = [[START + day * DAY for _, day, _ in events] for events in people] if timed else None
    rows = Histories.of([[item for item, _, _ in events] for events in people], actions=[[a for *_, a in e] for e in people], times=times)
    found = shares(MADE, rows)
    for place in range(len(people)):
        portrait = MADE.of(rows.take(np.array([place])))
        for layer in ("short", "long", "potential"):
            weights = np.zeros(len(TREE) + 1)
            for one in getattr(portrait, layer):
                weights[one.category] = one.weight
            got = getattr(found, layer)[place].copy()
            got[0] = 0.0  # everything is no interest
            np.testing.assert_allclose(got, np.where(np.arange(len(weights)) == 0, 0.0, weights), atol=1e-5)


def test_an_item_is_told_by_rare_categories_most() -> None:
    found = marks(TREE).toarray()
    np.testing.assert_allclose(np.linalg.norm(found[1:], axis=1), 1.0, rtol=1e-5)
    names = [TREE.path(category) for category in range(len(TREE) + 1)]
    food, coffee = names.index(("Food",)), names.index(("Food", "Coffee"))
    assert found[COFFEE, coffee] > found[COFFEE, food] > 0
    assert found[FOOD, food] == pytest.approx(1.0)
    assert not found[0].any()
    assert (found[MUG] * found[LAMP]).sum() > 0
    assert (found[CHESS] * found[TEA]).sum() == 0
