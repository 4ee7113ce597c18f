"""The queue of refreshes on both stores: one place a user, one worker a place, and nothing waits for the dead."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penchant.serve.redis_store import RedisStateStore
from penchant.serve.refreshes import Refreshes
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import StateStore, Write
from tests.servers import redis_server


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=["sqlite", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], StateStore]]:
    """Opens one and the same store, as another process would."""
    stores: list[StateStore] = []

    def another() -> StateStore:
        sqlite = request.param == "sqlite"
        port = 0 if sqlite else request.getfixturevalue("redis_port")
        stores.append(
            SqliteStateStore(tmp_path / "state.sqlite") if sqlite else RedisStateStore(f"redis://127.0.0.1:{port}/0", name=str(tmp_path))
        )
        return stores[-1]

    yield another
    for store in stores:
        store.close()


def test_a_user_stands_in_the_queue_once_until_the_work_is_done(opened: Callable[[], StateStore]) -> None:
    store = opened()
    queue = Refreshes(store, "m")
    assert (queue.take(5), queue.want([]), queue.waiting()) == ({}, 0, 0)
    assert queue.want(["ann", "bob", "ann"]) == 2
    assert queue.want(["bob", "cid"]) == 1
    assert Refreshes(store, "other").take(5) == {}, "a queue a model"
    first, rest = queue.take(2), queue.take(5)
    assert sorted([*first, *rest]) == ["ann", "bob", "cid"]
    assert queue.take(5) == {}
    assert queue.want(["ann"]) == 0, "somebody works for her"
    assert queue.waiting() == 3
    assert queue.done(first, {user: {f"v:{user}": Write(b"1")} for user in first}) == 2
    assert queue.waiting() == 1
    assert [one.value for one in store.get([f"v:{user}" for user in first]) if one] == [b"1", b"1"]
    assert queue.want(first) == 2


def test_what_cannot_be_stored_for_one_does_not_cost_the_others(opened: Callable[[], StateStore]) -> None:
    store = opened()
    queue = Refreshes(store, "m")
    queue.want(["ann", "bob"])
    claims = queue.take(5)
    assert store.put({"v:ann": Write(b"by somebody else")})
    assert queue.done(claims, {user: {f"v:{user}": Write(b"mine")} for user in claims}) == 1
    assert [one.value for one in store.get(["v:ann", "v:bob"]) if one] == [b"by somebody else", b"mine"]


def test_claims_end_by_themselves(opened: Callable[[], StateStore]) -> None:
    queue = Refreshes(opened(), "m", ends_seconds=0.2)
    assert queue.want(["ann"]) == 1
    assert list(queue.take(1)) == ["ann"], "and then the worker was killed"
    assert queue.want(["ann"]) == 0
    time.sleep(0.3)
    assert queue.want(["ann"]) == 1
    assert list(queue.take(1)) == ["ann"]


def test_of_many_who_want_and_work_each_user_gets_one(opened: Callable[[], StateStore]) -> None:
    users, counted, taken, wanted = [f"u{n}" for n in range(30)], threading.Lock(), Counter[str](), [0]

    def work(queue: Refreshes) -> None:
        new = queue.want(users)
        mine: list[str] = []
        for _ in range(20):
            mine += queue.take(4)
        with counted:
            wanted[0] += new
            taken.update(mine)

    threads = [threading.Thread(target=work, args=(Refreshes(opened(), "m"),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wanted[0] == len(users)
    assert taken == Counter(users), "everybody once"
