"""Whatever one event holds, the worker goes on: it is set aside with its reason, and those beside it count."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penchant.core.errors import ArtifactError, StorageError, UnavailableError
from penchant.serve.events import Appended, LiveEvent, Positions, Unreadable
from penchant.serve.set_aside import DEAD, poison
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import StateStore, Write, user_key
from penchant.serve.worker import Worker
from penchant.users.state import UserState

NOW = 1_700_000_000
FAR = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(10**40), 10**40))


class Told:
    """A log in memory of whatever it is told."""

    def __init__(self, events: Sequence[LiveEvent]) -> None:
        self.events: list[LiveEvent | Unreadable] = []
        self.append(events)

    def append(self, events: Sequence[LiveEvent]) -> Appended:
        for one in events:
            self.events.append(LiveEvent(one.event_id, one.user_id, one.item_id, one.event, one.timestamp, one.value, len(self.events)))
        return Appended(len(events), 0, self.end())

    def read(self, start: Positions, limit: int = 1000, wait_seconds: float = 0.0) -> list[LiveEvent | Unreadable]:
        return self.events[start[0] : start[0] + limit]

    def begin(self) -> dict[int, int]:
        return {0: 0}

    def end(self) -> dict[int, int]:
        return {0: len(self.events)}

    def close(self) -> None:
        """There is nothing to let go of."""


def event(number: int, user: str = "ann", item: str = "tea", time: int = NOW) -> LiveEvent:
    return LiveEvent(f"e{number}", user, item, "view", time)


def labels(item_id: str) -> list[str]:
    if item_id == "poison":
        raise KeyError("nobody has thought of this")
    return [f"kind:{item_id[0]}"]


@contextmanager
def stored() -> Iterator[SqliteStateStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStateStore(Path(folder) / "state.sqlite")
        yield store
        store.close()


def total(store: StateStore, user: str) -> int:
    (found,) = store.get([user_key(user)])
    return 0 if found is None else UserState.from_bytes(found.value).total


def reasons(store: StateStore) -> dict[int, str]:
    letters = [json.loads(found.value) for found in store.get(store.names(DEAD)) if found is not None]
    return {one["offset"]: one["reason"] for one in letters}


def follow(worker: Worker, *, steps: int = 40) -> None:
    for _ in range(steps):
        if not worker.step():
            return
    raise AssertionError("the worker does not come to the end of the log")


@settings(max_examples=60, deadline=None)
@given(times=st.lists(FAR, min_size=1, max_size=6), users=st.sampled_from(["alone", "ann"]), batch=st.sampled_from([1, 3, 100]))
@example(times=[-(10**20)], users="ann", batch=100)
@example(times=[-30_000_000, -700_000_000], users="alone", batch=100)
@example(times=[-(2**63), 2**63 - 1, 2**63], users="alone", batch=100)
def test_no_time_stops_the_worker(times: list[int], users: str, batch: int) -> None:
    far = [event(number, users, "oil", time) for number, time in enumerate(times)]
    log = Told([event(100), *far, event(101), event(102, "bob", "oil")])
    with stored() as store:
        worker = Worker(log, store, labels, batch=batch, clock=lambda: NOW)
        follow(worker)
        aside = len(reasons(store))
        assert total(store, "bob") == 1
        assert total(store, "ann") + total(store, "alone") + aside == 2 + len(times)
        assert worker.progress.dead == aside
        log.append([event(103)])
        follow(worker)
        assert total(store, "ann") + total(store, "alone") + aside == 3 + len(times)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_what_nobody_has_thought_of_is_set_aside_alone(batch: int) -> None:
    log = Told([event(number, f"user {number % 3}", "poison" if number in (4, 5, 11) else "tea") for number in range(20)])
    with stored() as store:
        follow(Worker(log, store, labels, batch=batch, clock=lambda: NOW))
        assert sum(total(store, f"user {number}") for number in range(3)) == 17
        assert set(reasons(store)) == {4, 5, 11}
        assert "nobody has thought of this" in reasons(store)[4]


def test_events_of_whose_choice_is_damaged_hold_up_nobody_else() -> None:
    log = Told([event(1), event(2, "bob"), event(3)])
    with stored() as store:
        worker = Worker(log, store, labels, clock=lambda: NOW)
        worker.choices.personalise("ann", yes=False)
        (key,) = store.names("choice:")
        assert store.put({key: Write(b"spoilt", store.versions([key])[0])})
        follow(worker)
        assert (total(store, "ann"), total(store, "bob"), set(reasons(store))) == (0, 1, {0, 2})


@pytest.mark.parametrize("error", [StorageError("store", "away", "wait"), UnavailableError("part", "away", "wait"), OSError("away")])
def test_what_is_no_events_doing_sets_nothing_aside(error: Exception) -> None:
    log, left = Told([event(number) for number in range(5)]), [error] * 3

    def away(item_id: str) -> list[str]:
        if left:
            raise left.pop()
        return []

    with stored() as store:
        worker = Worker(log, store, away, clock=lambda: NOW)
        for _ in range(3):
            with pytest.raises(type(error)):
                worker.step()
        assert (store.positions(), store.names(DEAD)) == ({}, [])
        follow(worker)
        assert total(store, "ann") == 5


def test_a_store_that_chokes_on_one_value_goes_on_with_the_others() -> None:
    log = Told([event(number, f"user {number}") for number in range(9)])
    with stored() as store:
        real = store.put

        def chokes(writes: Mapping[str, Write], **more: Any) -> bool:
            if user_key("user 5") in writes:
                raise ValueError("a value that cannot be written")
            return real(writes, **more)

        store.put = chokes  # type: ignore[method-assign]
        follow(Worker(log, store, labels, clock=lambda: NOW))
        assert sum(total(store, f"user {number}") for number in range(9)) == 8
        assert set(reasons(store)) == {5}


@given(bad=st.sets(st.integers(0, 30)))
def test_exactly_what_fails_is_found(bad: set[int]) -> None:
    tries: list[int] = []

    def tried(records: Sequence[LiveEvent | Unreadable]) -> None:
        tries.append(len(records))
        if any(isinstance(one, LiveEvent) and int(one.event_id[1:]) in bad for one in records):
            raise ArtifactError("it", "is bad", "leave it")

    found = poison([event(number) for number in range(31)], tried, (StorageError,))
    assert {number for number, one in enumerate(found) if isinstance(one, Unreadable)} == bad
    assert len(tries) <= 1 + 2 * 31
