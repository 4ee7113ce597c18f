"""What is made anew beside the requests: nobody who is forgotten is worked for, and the work leaves time for others."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

import pytest

from penchant.core.errors import StorageError
from penchant.serve.refresher import Refresher
from penchant.serve.refreshes import REFRESH, Refreshes
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write


def nothing(users: list[str]) -> Mapping[str, Mapping[str, Write]]:
    return {user: {} for user in users}


def test_who_is_forgotten_before_the_step_stands_in_no_queue(store: SqliteStateStore) -> None:
    asked: list[str] = []

    def stale(users: Sequence[str]) -> list[str]:
        asked.extend(users)
        return list(users)

    refresher = Refresher("test", Refreshes(store, "m"), stale, nothing, starts=False)
    refresher.ask(["ann", "ben", "ann"])
    refresher.forget("ann")
    refresher.forget("nobody")
    assert refresher.step() == 1
    assert asked == ["ben"]
    assert store.names(REFRESH) == []


def test_forgetting_waits_for_the_step_that_is_under_way(store: SqliteStateStore) -> None:
    began, goes_on = threading.Event(), threading.Event()

    def make(users: list[str]) -> Mapping[str, Mapping[str, Write]]:
        began.set()
        assert goes_on.wait(10)
        return nothing(users)

    refresher = Refresher("test", Refreshes(store, "m"), list, make, starts=False)
    refresher.ask(["ann"])
    step = threading.Thread(target=refresher.step)
    step.start()
    assert began.wait(10)
    forgets = threading.Thread(target=refresher.forget, args=("ann",))
    forgets.start()
    forgets.join(0.1)
    assert forgets.is_alive()
    goes_on.set()
    for thread in (step, forgets):
        thread.join(10)
    assert store.names(REFRESH) == []


def test_more_than_may_wait_are_dropped_and_a_refusal_forgets_nobody(store: SqliteStateStore) -> None:
    dropped: list[None] = []
    refuses = [True]

    def stale(users: Sequence[str]) -> list[str]:
        if refuses:
            refuses.clear()
            raise StorageError("the store", "it rests", "wait")
        return list(users)

    queue = Refreshes(store, "m")
    refresher = Refresher("test", queue, stale, nothing, starts=False, most_asked=2, dropped=lambda: dropped.append(None))
    refresher.ask(["ann", "ben", "cat", "ann"])
    assert len(dropped) == 1
    with pytest.raises(StorageError):
        refresher.step()
    assert refresher.step() == 2


def test_what_nobody_has_thought_of_forgets_nobody(store: SqliteStateStore) -> None:
    fails = [True]

    def stale(users: Sequence[str]) -> list[str]:
        if fails:
            fails.clear()
            raise ZeroDivisionError
        return list(users)

    refresher = Refresher("test", Refreshes(store, "m"), stale, nothing, starts=False)
    refresher.ask(["ann", "ben"])
    with pytest.raises(ZeroDivisionError):
        refresher.step()
    assert refresher.step() == 2


def test_work_takes_its_share_of_the_time_and_no_more(store: SqliteStateStore) -> None:
    spent: list[float] = []

    def make(users: list[str]) -> Mapping[str, Mapping[str, Write]]:
        time.sleep(0.02)
        return nothing(users)

    refresher = Refresher("test", Refreshes(store, "m"), list, make, batch=1, share=0.25, timed=spent.append)
    refresher.ask([f"u{number}" for number in range(200)])
    started = time.perf_counter()
    time.sleep(1.5)
    refresher.close()
    assert 0 < sum(spent) <= 0.4 * (time.perf_counter() - started)
