"""What only a store on a server can meet: the server is gone, slow, or has lost everything."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from penchant.core.errors import StorageError
from penchant.pipeline.breaker import Breaker
from penchant.serve.drill import programs
from penchant.serve.redis_store import RedisStateStore
from penchant.serve.stores import Write
from tests.servers import free_port, redis_server, running


def test_without_a_server_it_says_so_and_keeps_the_password_to_itself() -> None:
    with pytest.raises(StorageError, match="Redis did not do what was asked") as refused:
        RedisStateStore(f"redis://ann:secret@127.0.0.1:{free_port()}/0", wait_seconds=0.3)
    assert "secret" not in str(refused.value)


def test_a_server_that_went_away_refuses_until_it_is_back(tmp_path: Path) -> None:
    with redis_server(tmp_path) as port:
        store = RedisStateStore(f"redis://127.0.0.1:{port}/0", wait_seconds=0.3)
        assert store.put({"a": Write(b"1")}, after={0: 7})
    for act in (lambda: store.get(["a"]), lambda: store.put({"b": Write(b"1")}), store.positions, store.names):
        with pytest.raises(StorageError, match="what was logged is safe"):
            act()
    with redis_server(tmp_path, port):
        assert store.get(["a"]) == [None]
        assert store.positions() == {}, "values and positions are lost together, so all is read again"
        assert store.put({"a": Write(b"1")}, after={0: 1})


def test_a_flush_loses_values_and_positions_together(tmp_path: Path) -> None:
    with redis_server(tmp_path) as port:
        store = RedisStateStore(f"redis://127.0.0.1:{port}/0")
        assert store.put({"a": Write(b"1")}, after={0: 7})
        redis.Redis(port=port).flushall()
        assert not store.put({"b": Write(b"1")}, before={0: 7}, after={0: 8})
        assert (store.names(), store.positions()) == ([], {})


def test_a_slow_server_is_not_waited_for_for_long(tmp_path: Path) -> None:
    with running(lambda: programs.redis(tmp_path, free_port())) as program:
        store = RedisStateStore(f"redis://127.0.0.1:{program.port}/0", wait_seconds=0.3)
        program.halt()
        with pytest.raises(StorageError):
            store.get(["a"])
        program.go_on()
        assert store.put({"a": Write(b"1")})


def test_a_server_that_hangs_is_left_alone_and_tried_again(tmp_path: Path) -> None:
    now = [0.0]
    breaker = Breaker(failures=2, rest_seconds=5.0, clock=lambda: now[0])
    with running(lambda: programs.redis(tmp_path, free_port())) as program:
        store = RedisStateStore(f"redis://127.0.0.1:{program.port}/0", wait_seconds=0.1, breaker=breaker)
        program.halt()
        for told in ("did not do what was asked", "did not do what was asked", "is left alone", "is left alone"):
            with pytest.raises(StorageError, match=told):
                store.get(["a"])
        program.go_on()
        with pytest.raises(StorageError, match="is left alone"):
            store.get(["a"])
        now[0] = 6.0
        assert store.get(["a"]) == [None]
        assert store.put({"a": Write(b"1")})


def test_stores_of_other_names_do_not_touch(tmp_path: Path) -> None:
    with redis_server(tmp_path) as port:
        first, second = (RedisStateStore(f"redis://127.0.0.1:{port}/0", name=name) for name in ("one", "two"))
        assert first.put({"a": Write(b"1")}, after={0: 1})
        assert (second.get(["a"]), second.positions(), second.names()) == ([None], {}, [])
