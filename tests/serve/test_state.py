from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.data.dataset import Dataset
from penchant.data.schema import ACTION_CODE
from penchant.serve.events import LiveEvent
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.state import LiveState, Past, standing

ITEMS = pl.DataFrame({"item_id": ["tea", "milk", "salt", "rice"]})
TEA, MILK, SALT, RICE = 1, 2, 3, 4
Do = Callable[..., None]


def dataset(timed: bool = True) -> Dataset:
    events = pl.DataFrame({"user_id": ["ann", "ann", "bob"], "item_id": ["tea", "milk", "salt"], "event": ["view", "like", "view"]})
    return Dataset.build("toy", events.with_columns(timestamp=pl.Series([10, 20, 30] if timed else [None] * 3, dtype=pl.Int64)), ITEMS)


@pytest.fixture
def state(log: SqliteEventLog) -> LiveState:
    return of(dataset(), log)


@pytest.fixture
def do(log: SqliteEventLog) -> Do:
    numbers = itertools.count()

    def done(user: str, event: str, item: str, time: int = 100) -> None:
        log.append([LiveEvent(f"e{next(numbers)}", user, item, event, time)])

    return done


def of(data: Dataset, log: SqliteEventLog, **limits: int) -> LiveState:
    return LiveState(data.catalog, data.users, data.histories, log, **limits)


def test_the_release_alone(state: LiveState) -> None:
    ann = state.person("ann")
    assert ann.known
    assert ann.past.items.tolist() == ann.history.items.tolist() == [TEA, MILK]
    assert ann.history.times.tolist() == [10, 20]
    assert ann.history.users.tolist() == [1]
    assert (ann.liked, ann.hidden) == ((MILK,), ())
    assert ann.past.live.tolist() == [False, False]


def test_a_stranger_has_no_past(state: LiveState) -> None:
    stranger = state.person("nobody")
    assert not stranger.known
    assert len(stranger.past) == stranger.history.num_events == 0
    assert len(stranger.history) == 1


def test_a_live_event_counts_at_once(state: LiveState, do: Do) -> None:
    assert state.history("ann").items.tolist() == [TEA, MILK]
    do("ann", "play", "rice")
    assert state.history("ann").items.tolist() == [TEA, MILK, RICE]
    assert state.history("ann").actions.tolist()[-1] == ACTION_CODE["play"]
    assert state.person("ann").past.live.tolist() == [False, False, True]
    do("eve", "like", "salt")
    assert state.history("eve").items.tolist() == [SALT]
    assert state.history("bob").items.tolist() == [SALT]


def test_a_new_start_has_the_same_people(state: LiveState, do: Do, log: SqliteEventLog) -> None:
    do("ann", "hide", "tea")
    do("eve", "like", "salt")
    again = of(dataset(), log)
    for user in ("ann", "eve"):
        assert again.person(user).past.items.tolist() == state.person(user).past.items.tolist()
        assert again.person(user).hidden == state.person(user).hidden


def test_hidden_items_leave_and_come_back(state: LiveState, do: Do) -> None:
    do("ann", "hide", "tea")
    ann = state.person("ann")
    assert ann.hidden == (TEA,)
    assert ann.history.items.tolist() == [MILK], "what concerns a hidden item does not speak for other items"
    do("ann", "undo", "tea")
    ann = state.person("ann")
    assert ann.hidden == ()
    assert ann.history.items.tolist() == [TEA, MILK]


def test_what_was_hidden_stays_so_whatever_happens_since(log: SqliteEventLog, do: Do) -> None:
    state = of(dataset(), log, most_events=3)
    do("ann", "hide", "tea")
    do("ann", "like", "salt")
    for _ in range(8):
        do("ann", "view", "rice")
    ann = state.person("ann")
    assert (ann.hidden, ann.liked) == ((TEA,), (SALT, MILK))
    do("ann", "undo", "tea")
    for _ in range(8):
        do("ann", "view", "rice")
    assert state.person("ann").hidden == ()


def test_undo_takes_back_the_newest_opinion_only(state: LiveState, do: Do) -> None:
    for event in ("like", "view", "dislike"):
        do("ann", event, "rice")
    assert state.person("ann").hidden == (RICE,)
    do("ann", "undo", "rice")
    assert state.person("ann").liked == (RICE, MILK)
    do("ann", "undo", "rice")
    assert state.person("ann").liked == (MILK,)
    assert state.person("ann").history.items.tolist() == [TEA, MILK, RICE], "the view stays"
    do("ann", "undo", "rice")
    assert state.person("ann").history.items.tolist() == [TEA, MILK, RICE], "nothing is left to take back"
    do("ann", "undo", "milk")
    assert state.person("ann").liked == (), "opinions of the release can be taken back too"


def test_the_newest_opinion_counts(state: LiveState, do: Do) -> None:
    do("ann", "hide", "milk")
    assert (state.person("ann").liked, state.person("ann").hidden) == ((), (MILK,))
    do("ann", "like", "milk")
    ann = state.person("ann")
    assert (ann.liked, ann.hidden) == ((MILK,), ())
    assert ACTION_CODE["hide"] not in ann.history.actions


def test_items_unknown_to_the_release_are_skipped(state: LiveState, do: Do) -> None:
    do("ann", "like", "truffles")
    assert state.history("ann").items.tolist() == [TEA, MILK]


def test_a_late_report_goes_to_its_place_in_time(state: LiveState, do: Do) -> None:
    do("ann", "view", "rice", time=15)
    do("ann", "view", "salt", time=20)
    ann = state.person("ann")
    assert ann.history.items.tolist() == [TEA, RICE, MILK, SALT], "equal times stay as they came"
    assert ann.history.timed


def test_without_times_the_order_of_arrival_counts(log: SqliteEventLog, do: Do) -> None:
    state = of(dataset(timed=False), log)
    do("ann", "view", "rice", time=15)
    ann = state.person("ann")
    assert ann.history.items.tolist() == [TEA, MILK, RICE]
    assert not ann.history.timed
    assert ann.past.times.tolist() == [-1, -1, 15]


def test_memory_is_bounded_and_nothing_is_lost(log: SqliteEventLog, do: Do) -> None:
    state = of(dataset(), log, most_users=2, most_events=3)
    for number in range(5):
        do("ann", "view", ["tea", "milk", "salt", "rice", "tea"][number], time=100 + number)
    assert state.history("ann").items.tolist() == [TEA, MILK, SALT, RICE, TEA], "the release's two and the newest three"
    for user in ("bob", "eve", "fay"):
        state.person(user)
    assert len(state._kept) == 2
    assert state.history("ann").num_events == 5


def test_events_passed_along_are_not_kept(state: LiveState) -> None:
    more = Past.of([(RICE, "like", 500), (TEA, "hide", 501)], live=True)
    ann = state.with_events("ann", more)
    assert ann.history.items.tolist() == [MILK, RICE]
    assert ann.hidden == (TEA,)
    assert state.history("ann").items.tolist() == [TEA, MILK]


@pytest.mark.parametrize(("times", "items", "timed"), [((30, 10), [MILK, TEA], True), ((30, None), [TEA, MILK], False)])
def test_a_history_of_nobody_is_ordered_by_time_where_all_have_one(
    state: LiveState, times: tuple[int | None, ...], items: list[int], timed: bool
) -> None:
    events = Past.of([(code, None, time) for code, time in zip((TEA, MILK), times, strict=True)], live=True)
    history = state.with_events(None, events).history
    assert history.items.tolist() == items
    assert history.timed is timed


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["view", "like", "dislike", "hide", "undo"])), max_size=25))
def test_standing_is_what_a_plain_reading_gives(events: list[tuple[int, str]]) -> None:
    left: list[tuple[int, int, str]] = []  # place, item, action
    for place, (item, action) in enumerate(events):
        if action != "undo":
            left.append((place, item, action))
            continue
        opinions = [one for one in left if one[1] == item and one[2] != "view"]
        if opinions:
            left.remove(opinions[-1])
    newest = {item: action for _, item, action in left if action != "view"}
    liked = {item for item, action in newest.items() if action == "like"}
    stands = [place for place, item, action in left if action in ("view", "like") and newest.get(item, "like") == "like"]
    found, hidden, found_liked = standing(Past.of([(item, action, 1) for item, action in events], live=True))
    assert np.flatnonzero(found).tolist() == stands
    assert set(found_liked) == liked
    assert set(hidden) == set(newest) - liked
