"""The event log as a table: every event once, only what stands, and exactly the days that were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError, StorageError
from penchant.serve import logged
from penchant.serve.choices import Choices
from penchant.serve.events import EventLog, LiveEvent, Positions
from penchant.serve.kafka_log import KafkaEventLog
from penchant.serve.logged import PLACE, read_log, standing_events, window, without_forgotten
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.state import Past, standing
from penchant.users.decay import DAY
from tests.servers import kafka_broker

UNTIL = 1_700_000_000


def event(number: int, *, user: str = "anna", item: str | None = None, action: str = "view", event_id: str | None = None) -> LiveEvent:
    return LiveEvent(event_id or f"e{number}", user, item or f"i{number}", action, UNTIL + number)


@pytest.fixture(params=["file", "broker"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    if request.param == "file":
        made = SqliteEventLog(tmp_path / "events.sqlite")
        yield made
        made.close()
        return
    with kafka_broker() as port:
        broker = KafkaEventLog(f"127.0.0.1:{port}")
        yield broker
        broker.close()


def test_every_event_before_the_place_is_read_once(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logged, "_PAGE", 3)
    log.append([event(number, user=f"u{number % 4}") for number in range(10)])
    log.append([event(3, user="u3")])  # a file drops the double, a broker keeps it
    until = log.end()
    log.append([event(11)])
    found, reached = read_log(log, until)
    assert reached == dict(until)
    assert sorted(found["item_id"].to_list()) == [f"i{number}" for number in range(10)]
    of_one = found.filter(pl.col("user_id") == "u1")["item_id"].to_list()
    assert of_one == ["i1", "i5", "i9"], "events of a user come in their order"
    assert len(read_log(log, {})[0]) == 0


def table(rows: list[tuple[str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_id", "item_id", "event"], orient="row")


def test_what_was_taken_back_hidden_or_disliked_is_no_interest() -> None:
    found = standing_events(
        table(
            [
                ("anna", "a", "view"),
                ("anna", "b", "view"),
                ("ben", "b", "view"),
                ("anna", "b", "hide"),
                ("anna", "c", "like"),
                ("anna", "c", "undo"),
                ("anna", "d", "dislike"),
                ("anna", "d", "undo"),
                ("anna", "d", "like"),
                ("ben", "b", "purchase"),
            ]
        )
    )
    assert found.rows() == [("anna", "a", "view"), ("ben", "b", "view"), ("anna", "d", "like"), ("ben", "b", "purchase")]


ACTIONS = st.sampled_from(["view", "like", "dislike", "hide", "undo", "purchase"])


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), ACTIONS), max_size=14))
def test_it_is_the_rule_by_which_users_are_served(rows: list[tuple[str, str, str]]) -> None:
    found = standing_events(table(rows)) if rows else table([])
    for user in "ab":
        mine = [(item, action) for who, item, action in rows if who == user]
        past = Past.of([("xyz".index(item) + 1, action, 0) for item, action in mine], live=True)
        stands, _, _ = standing(past)
        expected = [one for one, there in zip(mine, stands.tolist(), strict=True) if there]
        assert found.filter(pl.col("user_id") == user).select("item_id", "event").rows() == expected


@pytest.mark.parametrize("days", [1, 180])
def test_the_first_moment_of_the_window_is_in_it_and_its_end_is_not(days: int) -> None:
    since = UNTIL - days * DAY
    times = [since - 1, since, UNTIL - 1, UNTIL]
    events = pl.DataFrame({"timestamp": times})
    assert window(events, until=UNTIL, days=days)["timestamp"].to_list() == times[1:3]


def test_a_window_without_events_says_where_they_are() -> None:
    with pytest.raises(InputError, match=f"the newest is of {UNTIL}"):
        window(pl.DataFrame({"timestamp": [UNTIL]}), until=UNTIL - 10, days=1)
    with pytest.raises(InputError, match="without a time"):
        window(pl.DataFrame({"timestamp": [UNTIL, None]}), until=UNTIL, days=1)
    with pytest.raises(InputError, match="days=0"):
        window(pl.DataFrame({"timestamp": [UNTIL]}), until=UNTIL, days=0)


def test_what_lies_before_an_erasure_is_left_out(tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.sqlite")
    choices = Choices(store, clock=lambda: 1_000.5)
    times = {"user_id": ["ann", "ben", "ann", "ann", "ben"], "timestamp": [10, 20, 999, 1_000, None]}
    events = pl.DataFrame(times).with_columns(pl.lit(None, kind).alias(name) for name, kind in PLACE.items())
    assert without_forgotten(events, choices).equals(events)
    choices.personalise("ben", False)
    choices.forget("ann", {})
    assert without_forgotten(events, choices)["user_id", "timestamp"].rows() == [("ben", 20), ("ann", 1_000), ("ben", None)]
    store.close()


def test_what_stands_before_an_erasure_in_the_log_is_left_out_whatever_time_it_tells(tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.sqlite")
    choices = Choices(store, clock=lambda: 1_000.0)
    ahead = LiveEvent("e1", "ann", "i1", "view", 1_000 + DAY, None, 4, 0)  # a client's clock was ahead
    later = LiveEvent("e2", "ann", "i2", "view", 1_001, None, 6, 0)
    elsewhere = LiveEvent("e3", "ann", "i3", "view", 1_002, None, 2, 1)
    choices.forget("ann", {0: 5})
    events = logged._frame([ahead, later, elsewhere])
    assert without_forgotten(events, choices)["item_id"].to_list() == ["i2", "i3"]
    store.close()


class Silent:
    """A log that answers, but gives nothing from a place on; or one that does not answer."""

    def __init__(self, events: Sequence[LiveEvent], *, down: bool = False) -> None:
        self.events, self.down, self.asked = list(events), down, 0

    def begin(self) -> dict[int, int]:
        return {0: 0}

    def end(self) -> dict[int, int]:
        if self.down:
            raise StorageError("a broker", "it does not answer", "start it")
        return {0: 10}

    def read(self, positions: Positions, limit: int, *, wait_seconds: float = 0.0) -> list[LiveEvent]:
        self.asked += 1
        return [one for one in self.events if one.offset >= positions[0]][:limit]


def test_a_log_that_gives_less_than_it_has_says_how_far_it_was_read_and_one_that_is_down_says_so() -> None:
    held = [LiveEvent(f"e{place}", "ann", "i1", "view", UNTIL, None, place, 0) for place in range(4)]
    silent = Silent(held)
    found, reached = read_log(cast(EventLog, silent), {0: 10})
    assert (len(found), reached) == (4, {0: 4})
    assert silent.asked > 5, "one empty page is no end"
    with pytest.raises(StorageError, match="does not answer"):
        read_log(cast(EventLog, Silent(held, down=True)), {0: 10})
