"""Portraits: three layers, what is rare, what is due, and the events that bear them out."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.users.categories import CategoryTree
from penchant.users.decay import DAY
from penchant.users.portrait import Portrait, Portraits, PortraitSettings

PATHS = [
    ["Food", "Tea"], ["Food", "Tea"], ["Food", "Coffee"], ["Home", "Mug"], ["Home", "Lamp"], ["Hobby", "Chess"], ["Food"],
]  # fmt: skip
TEA, TEA_TOO, COFFEE, MUG, LAMP, CHESS, FOOD = range(1, 8)
IDS = [f"i{n}" for n in range(len(PATHS))]
TREE = CategoryTree.of(Catalog(pl.DataFrame({"item_id": IDS, "categories": PATHS})))
BUY, START = ACTION_CODE["purchase"], 1_700_000_000


def bought(items: list[int], days: list[float]) -> Histories:
    return Histories.of([items], actions=[[BUY] * len(items)], times=[[int(START + day * DAY) for day in days]])


def crowd() -> Histories:
    """Tea goes with mugs, coffee with lamps; tea is bought every 30 days."""
    rows, times = [], []
    for person in range(40):
        monthly = [30 * month + person % 3 for month in range(6)]
        rows.append([TEA if person % 2 else COFFEE] * 6 + [MUG if person % 2 else LAMP])
        times.append([START + day * DAY for day in monthly] + [START + 200 * DAY])
    return Histories.of(rows, actions=[[BUY] * 7] * 40, times=times, users=list(range(1, 41)))


MADE = Portraits.fit(crowd(), TREE)


def names(portrait: Portrait, layer: str) -> list[str]:
    return [one.path[-1] for one in getattr(portrait, layer)]


def test_the_layers_are_told_apart() -> None:
    portrait = MADE.of(bought([CHESS, CHESS, CHESS, TEA, TEA_TOO, FOOD], [0, 1, 2, 100, 101, 102]))
    assert names(portrait, "short") == ["Food", "Tea"]
    assert [one.weight for one in portrait.short] == pytest.approx([1.0, 2 / 3])
    assert names(portrait, "long") == ["Food", "Hobby", "Chess", "Tea"]
    assert names(portrait, "potential")[0] == "Home"
    assert portrait.short[1].evidence == (TEA_TOO, TEA)
    assert portrait.long[2].evidence == (CHESS,)
    assert (portrait.events, portrait.newest) == (6, START + 102 * DAY)


def test_people_alike_tell_what_may_come() -> None:
    tea, coffee = (names(MADE.of(bought([item], [0])), "potential") for item in (TEA, COFFEE))
    assert tea.index("Mug") < tea.index("Lamp")
    assert coffee.index("Lamp") < coffee.index("Mug")
    assert "Chess" not in tea  # nobody has it, so nobody alike has


def test_what_comes_seldom_but_again_is_told() -> None:
    often, seldom = [TEA] * 200, [CHESS] * 4
    days = [day / 2 for day in range(200)] + [5, 40, 70, 99]
    order = np.argsort(days)
    history = bought([(often + seldom)[at] for at in order], [days[at] for at in order])
    assert names(MADE.of(history), "rare") == ["Chess"]
    once = bought([TEA] * 200 + [CHESS] * 4, [day / 2 for day in range(200)] + [100.0, 100.1, 100.2, 100.3])
    assert names(MADE.of(once), "rare") == []


def test_what_is_bought_every_month_is_due_a_month_later() -> None:
    history = bought([TEA] * 5, [0, 30, 60, 90, 120])
    soon, later = (MADE.of(history, START + day * DAY).due[0] for day in (148, 125))
    assert soon.path == later.path == ("Food", "Tea")
    assert later.days == pytest.approx(25, abs=3)
    assert soon.days < 6
    assert soon.evidence == (TEA,)
    assert MADE.of(bought([TEA] * 5, [0, 60, 120, 180, 240]), START + 241 * DAY).due == ()  # just bought: not again soon
    assert MADE.of(bought([TEA], [0])).due == ()  # once is no cycle


def test_what_was_turned_down_is_no_interest() -> None:
    hide, dislike = ACTION_CODE["hide"], ACTION_CODE["dislike"]
    portrait = MADE.of(Histories.of([[CHESS, LAMP, TEA]], actions=[[hide, dislike, BUY]], times=[[START, START + 1, START + 2]]))
    assert (portrait.events, names(portrait, "long")) == (1, ["Food", "Tea"])
    hidden = Histories.of([[CHESS]], actions=[[hide]], times=[[START]])
    assert MADE.of(hidden).prose().startswith("Nothing is known")


def test_what_is_due_in_months_is_not_due_soon() -> None:
    history = bought([LAMP, LAMP, *[TEA] * 6], [0, 300, 150, 180, 210, 240, 270, 300])
    assert [one.path[-1] for one in MADE.of(history, START + 310 * DAY).due] == ["Tea"]


def test_untimed_events_are_due_never() -> None:
    assert MADE.of(Histories.of([[TEA, TEA]], actions=[[BUY, BUY]]), START).due == ()


def test_words_say_what_the_numbers_say() -> None:
    said = MADE.of(bought([CHESS, CHESS, CHESS, TEA, TEA, TEA], [0, 1, 2, 100, 101, 131])).prose()
    assert said.startswith("6 events, mostly Tea (50%) and Chess (50%), lately Tea (100%).")
    assert "Due to be bought again: Tea" in said
    assert MADE.of(Histories.of([[]])).prose() == "Nothing is known of this user."


def test_without_times_the_newest_events_are_short_term() -> None:
    portrait = Portraits.fit(crowd(), TREE, PortraitSettings(short_events=2)).of(Histories.of([[CHESS, TEA, COFFEE]]))
    assert names(portrait, "short") == ["Food", "Coffee", "Tea"]
    assert (portrait.newest, portrait.rare, portrait.due) == (None, (), ())


def test_nobody_gets_what_is_common() -> None:
    portrait = MADE.of(Histories.of([[]]))
    assert (portrait.events, portrait.short, portrait.long) == (0, (), ())
    assert portrait.potential


def test_a_portrait_is_of_one_user() -> None:
    with pytest.raises(InputError, match="one row"):
        MADE.of(Histories.of([[1], [2]]))


def test_the_vector_lies_with_the_items_of_the_interests() -> None:
    vectors = np.eye(len(PATHS) + 1, dtype=np.float32)
    vectors[0] = 0
    means = TREE.means(vectors)
    found = MADE.vector(MADE.of(bought([TEA, TEA], [0, 1])), means)
    assert np.linalg.norm(found) == pytest.approx(1)
    assert found[[TEA, TEA_TOO]].min() > 0.5
    assert not found[[MUG, LAMP, CHESS]].any()
    assert not MADE.vector(MADE.of(Histories.of([[]])), means).any()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, len(PATHS)), st.integers(0, 400)), max_size=40), st.booleans())
def test_weights_add_up_and_every_interest_has_its_events(events: list[tuple[int, int]], timed: bool) -> None:
    items, days = [item for item, _ in events], sorted(day for _, day in events)
    history = bought(items, [*map(float, days)]) if timed else Histories.of([items])
    portrait = Portraits.fit(crowd(), TREE, PortraitSettings(least=0.0)).of(history)
    for layer in (portrait.short, portrait.long):
        assert sum(one.weight for one in layer if len(one.path) == 1) == pytest.approx(1.0 if events else 0.0)
        weights = {one.path: one.weight for one in layer}
        for path, weight in weights.items():
            children = [other for below, other in weights.items() if below[:-1] == path]
            assert sum(children) <= weight + 1e-6
        for one in layer:
            assert one.evidence
            assert all(PATHS[item - 1][: len(one.path)] == list(one.path) for item in one.evidence)
    had = {one.path for one in portrait.long}
    assert not had & {one.path for one in portrait.potential}
    told = portrait.plain(IDS)
    assert json.loads(json.dumps(told)) == told
    assert portrait.prose()
