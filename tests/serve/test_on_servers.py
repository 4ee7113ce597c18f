"""The platform on Redis and a broker: server and worker in processes of their own, which share nothing else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penchant.core.errors import InputError, StorageError
from penchant.pipeline.steering import Ignored, Steering
from penchant.serve.backends import opened
from penchant.serve.directives import Directives, steering_key, together
from penchant.serve.events import LiveEvent
from penchant.serve.stock import Stock
from penchant.serve.stores import Write, user_key
from penchant.serve.work import work
from penchant.users.state import UserState
from tests.serve.test_server import ask
from tests.servers import free_port, kafka_broker, redis_server

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def penchant(*arguments: str, until: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A ``penchant`` process, once it has said ``until`` (a pattern); and what it said then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "penchant.cli.main", *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stderr is not None
        said = ""
        while (found := re.search(until, said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_an_event_travels_through_broker_worker_and_store_to_the_next_list(tiny_release_folder: Path, tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, kafka_broker() as kafka:
        places = ["--release", str(tiny_release_folder), "--redis", f"redis://127.0.0.1:{redis}/0", "--kafka", f"127.0.0.1:{kafka}"]
        with (
            penchant("serve", *places, "--no-follow", "--port", "0", until=r"http://127\.0\.0\.1:\d+/") as (_, url),
            penchant("worker", *places, until="follows 8 of 8 partitions") as (worker, _),
        ):
            assert ask(url + "v1/health")["events_logged"] is None
            events = [
                {"event_id": "1", "user_id": "visitor", "item_id": "i3", "event": "view"},
                {"event_id": "2", "user_id": "visitor", "item_id": "i7", "event": "like"},
                {"event_id": "2", "user_id": "visitor", "item_id": "i7", "event": "like"},
            ]
            assert ask(url + "v1/events", {"events": events})["accepted"] == 3, "a broker does not look for doubles, the worker does"
            for _ in range(200):
                if ask(url + "v1/users/visitor")["events"] == 2:
                    break
                time.sleep(0.05)
            seen = ask(url + "v1/users/visitor")
            assert [one["item_id"] for one in seen["history"]] == ["i7", "i3"]
            assert seen["liked"] == ["i7"]
            assert sum(one["share"] for one in seen["interests"]) == pytest.approx(1.0)
            found = ask(url + "v1/recommend", {"user_id": "visitor", "k": 5, "trace": True})
            assert found["history_length"] == 2
            assert {"together", "trending"} <= set(found["trace"]["generators"])
            assert not {"i3", "i7"} & {one["item_id"] for one in found["items"]}
            assert {one["item_id"] for one in ask(url + "v1/trending")["items"]} == {"i3", "i7"}
            assert [one["user_id"] for one in ask(url + "v1/users?search=visit")["users"]] == ["visitor"]
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(20) == 0


def test_what_cannot_work_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without redis"), opened(tmp_path, kafka="127.0.0.1:9092"):
        pass
    with pytest.raises(InputError, match="redis://localhost"), opened(tmp_path, redis="127.0.0.1:6379"):
        pass
    with pytest.raises(StorageError, match="did not do what was asked"), opened(tmp_path, redis=f"redis://127.0.0.1:{free_port()}/0"):
        pass


def test_a_file_log_may_go_with_a_store_on_redis(tmp_path: Path) -> None:
    with redis_server(tmp_path) as port, opened(tmp_path, redis=f"redis://127.0.0.1:{port}/0") as (log, store):
        assert log.end() == {0: 1}
        assert store.positions() == {}


def test_a_worker_makes_all_anew_from_the_log(tiny_release_folder: Path, tmp_path: Path) -> None:
    with opened(tmp_path) as (log, store):
        log.append([LiveEvent(f"e{n}", "ann", "i3", "view", 1_000 + n) for n in range(5)])
        spoilt = {user_key("ann"): Write(UserState().to_bytes()), user_key("gone"): Write(UserState().to_bytes())}
        assert store.put(spoilt, after={0: 6})
    places = ["--release", str(tiny_release_folder), "--state", str(tmp_path)]
    with penchant("worker", *places, "--replay", until="follows 1 of 1 partitions"), opened(tmp_path) as (log, store):
        for _ in range(200):
            if store.positions() == log.end() and store.get([user_key("gone")]) == [None]:
                break
            time.sleep(0.05)
        ann, gone = store.get([user_key("ann"), user_key("gone")])
        assert gone is None
        assert ann is not None
        assert UserState.from_bytes(ann.value).total == 5


def test_a_part_of_the_log_is_not_replayed_alone(tiny_release_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave --partition out"):
        work(tiny_release_folder, data_dir=tmp_path, partitions=[0], replay=True)
    with pytest.raises(InputError, match=r"partitions \[7\]: the log has 1"):
        work(tiny_release_folder, data_dir=tmp_path, partitions=[7])


def test_steering_and_stock_are_the_same_for_all_servers_of_a_store(tmp_path: Path) -> None:
    with redis_server(tmp_path) as port:
        url = f"redis://127.0.0.1:{port}/0"
        with opened(tmp_path / "a", redis=url) as (_, one), opened(tmp_path / "b", redis=url) as (_, other):
            now, steering = int(time.time()), Steering(weights={"ease": 0.5}, ignore=(Ignored.day(3, 1_000_000),))
            Directives(one).add("ann", steering, now, 600)
            Directives(other).add("ann", Steering(weights={"ease": 0.5}), now, 1)
            kept = Directives(one).of("ann", now)
            assert together(kept) == Steering(weights={"ease": 0.25}, ignore=steering.ignore)
            assert Directives(other).undo("ann", kept[0].id, now) == Directives(one).of("ann", now) == kept[1:]
            time.sleep(1.2)
            assert one.get([steering_key("ann")]) == [None], "Redis lets go of what is over"
            Stock(one).change(["TEA", "MUG"], [])
            Stock(other).change([], ["MUG"])
            assert Stock(one).out() == frozenset({"TEA"})
