"""What every state store does, with known answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.core.errors import StorageError
from penchant.serve.redis_store import RedisStateStore
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import StateStore, Stored, Write
from tests.servers import redis_server

Opened = Callable[[], StateStore]


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=["sqlite", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens one and the same store, as often as wanted."""
    stores: list[StateStore] = []

    def another() -> StateStore:
        if request.param == "sqlite":
            stores.append(SqliteStateStore(tmp_path / "state.sqlite"))
        else:
            stores.append(RedisStateStore(f"redis://127.0.0.1:{request.getfixturevalue('redis_port')}/0", name=str(tmp_path)))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Opened) -> StateStore:
    return opened()


def value(store: StateStore, key: str) -> bytes | None:
    (found,) = store.get([key])
    return None if found is None else found.value


def version(store: StateStore, key: str) -> int:
    (found,) = store.get([key])
    return 0 if found is None else found.version


def test_versions_are_told_without_values(store: StateStore) -> None:
    assert store.versions([]) == []
    assert store.put({"a": Write(b"1"), "b": Write(b"2"), "ends": Write(b"3", ttl_seconds=0.05)})
    keys = ["b", "gone", "a", "b"]
    assert store.versions(keys) == [version(store, key) for key in keys]
    assert store.versions(["gone"]) == [0]
    time.sleep(0.1)
    assert store.versions(["ends"]) == [0]


def test_an_empty_store_holds_nothing(store: StateStore) -> None:
    assert store.get([]) == []
    assert store.get(["a", "b"]) == [None, None]
    assert store.positions() == {}
    assert store.names() == []
    assert store.put({})


def test_values_come_back_in_the_order_asked_for(store: StateStore) -> None:
    everything = bytes(range(256))
    assert store.put({"a": Write(everything), "käse\x00 ☕": Write(b""), "b": Write(b"2")})
    found = store.get(["b", "none", "käse\x00 ☕", "a", "a"])
    assert [one and one.value for one in found] == [b"2", None, b"", everything, everything]


def test_a_value_changes_only_where_its_version_is_known(store: StateStore) -> None:
    assert store.put({"a": Write(b"1")})
    first = version(store, "a")
    assert not store.put({"a": Write(b"2")}), "it is there already"
    assert not store.put({"a": Write(b"2", first + 1)})
    assert store.put({"a": Write(b"2", first)})
    assert not store.put({"a": Write(b"3", first)}), "somebody was faster"
    assert value(store, "a") == b"2"
    assert version(store, "a") > first


def test_a_deleted_value_is_gone_and_its_version_does_not_come_back(store: StateStore) -> None:
    store.put({"a": Write(b"1")})
    old = version(store, "a")
    assert not store.put({"a": Write(None, old + 7)})
    assert store.put({"a": Write(None, old)})
    assert (store.get(["a"]), store.names()) == ([None], [])
    assert store.put({"a": Write(b"new")})
    assert version(store, "a") > old
    assert not store.put({"a": Write(b"lost", old)}), "who knew the old value does not overwrite the new one"


def test_a_change_is_made_whole_or_not_at_all(store: StateStore) -> None:
    store.put({"a": Write(b"1")})
    assert not store.put({"b": Write(b"2"), "a": Write(b"2", 999)}, after={0: 5})
    assert (value(store, "a"), value(store, "b"), store.positions()) == (b"1", None, {})


def test_values_and_positions_move_together(store: StateStore) -> None:
    assert store.put({"a": Write(b"1")}, after={0: 10, 3: 1})
    assert store.positions() == {0: 10, 3: 1}
    assert not store.put({"b": Write(b"2")}, after={0: 20}), "somebody has read up to 10 already"
    assert not store.put({"b": Write(b"2")}, before={0: 9}, after={0: 20})
    assert store.put({"b": Write(b"2")}, before={0: 10, 3: 77}, after={0: 20}), "partition 3 does not move"
    assert store.put({}, before={0: 20}, after={0: 0}), "back to the beginning, for a replay"
    assert store.positions() == {0: 0, 3: 1}
    assert value(store, "b") == b"2"


def test_values_end_by_themselves(store: StateStore) -> None:
    assert store.put({"short": Write(b"1", ttl_seconds=0.05), "long": Write(b"1", ttl_seconds=60.0)})
    known = version(store, "long")
    time.sleep(0.1)
    assert store.get(["short"]) == [None]
    assert store.names() == ["long"]
    assert store.put({"short": Write(b"again"), "long": Write(b"forever", known)})
    assert store.names() == ["long", "short"]


def test_keys_are_listed_in_order_page_by_page(store: StateStore) -> None:
    names = sorted([*(f"user:{number:03d}" for number in range(25)), "user:é", "item:1", "users", "use"], key=str.encode)
    assert store.put({name: Write(b"") for name in names})
    assert store.names() == names
    wanted = [name for name in names if name.startswith("user:")]
    paged: list[str] = []
    while page := store.names("user:", paged[-1] if paged else "", limit=10):
        assert len(page) <= 10
        paged += page
    assert paged == wanted
    assert store.names("user:", "user:024") == ["user:é"]
    assert store.names("user:", "zebra") == []
    assert store.names("nobody") == []


def test_a_second_handle_sees_the_same(opened: Opened) -> None:
    first, second = opened(), opened()
    first.put({"a": Write(b"1")}, after={0: 4})
    assert second.get(["a"]) == first.get(["a"])
    assert second.positions() == {0: 4}


def test_of_many_who_count_at_once_nobody_is_lost(opened: Opened) -> None:
    stores = [opened() for _ in range(4)]

    def count(store: StateStore) -> None:
        for _ in range(10):
            while True:
                (found,) = store.get(["sum"])
                old = found or Stored(b"0", 0)
                if store.put({"sum": Write(str(int(old.value) + 1).encode(), old.version)}):
                    break

    threads = [threading.Thread(target=count, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(stores[0], "sum") == b"40"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.binary(max_size=9), st.booleans()), max_size=12))
def test_it_does_what_a_dictionary_does(store: StateStore, steps: list[tuple[str, bytes | None, bool]]) -> None:
    store.put({key: Write(None, version(store, key)) for key in store.names()})
    expected: dict[str, bytes] = {}
    for key, new, right in steps:
        known = version(store, key)
        done = store.put({key: Write(new, known if right else known + 1_000_000)})
        assert done == right
        if done and new is None:
            expected.pop(key, None)
        elif done and new is not None:
            expected[key] = new
    assert {key: value(store, key) for key in store.names()} == expected


def test_a_closed_store_refuses(store: StateStore) -> None:
    store.close()
    for act in (lambda: store.get(["a"]), lambda: store.put({"a": Write(b"1")}), store.positions, store.names):
        with pytest.raises(StorageError, match="closed"):
            act()
    store.close()
