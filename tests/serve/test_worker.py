"""The worker on files and on real servers: everything that was acknowledged counts exactly once, whatever happens."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from penchant.core.errors import StorageError
from penchant.serve.counters import trending
from penchant.serve.events import EventLog, LiveEvent
from penchant.serve.kafka_log import KafkaEventLog
from penchant.serve.redis_store import RedisStateStore
from penchant.serve.set_aside import DEAD
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import StateStore, Write, user_key
from penchant.serve.worker import Worker
from penchant.users.decay import DAY
from penchant.users.state import UserState
from tests.servers import kafka_broker, redis_server

ROOT = Path(__file__).resolve().parents[2]
NOW = 129_952_000


def labels(item_id: str) -> list[str]:
    return [f"kind:{item_id[0]}"]


def event(number: int, user: str = "ann", item: str = "tea", time: int = NOW) -> LiveEvent:
    return LiveEvent(f"e{number}", user, item, "view", time)


def state(store: StateStore, user: str) -> UserState:
    (found,) = store.get([user_key(user)])
    return UserState() if found is None else UserState.from_bytes(found.value)


def drain(worker: Worker) -> None:
    """Step until everything that is logged now was read."""
    begin, end = worker.log.begin(), worker.log.end()
    mine = set(end) if worker.partitions is None else worker.partitions
    while any(worker.store.positions().get(partition, begin[partition]) < end[partition] for partition in mine):
        worker.step(wait_seconds=0.5)


@pytest.fixture(scope="module")
def broker() -> Iterator[int]:
    with kafka_broker() as port:
        yield port


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=["files", "servers"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[EventLog, StateStore]]:
    if request.param == "files":
        log, store = SqliteEventLog(tmp_path / "events.sqlite"), SqliteStateStore(tmp_path / "state.sqlite")
    else:
        log = KafkaEventLog(f"127.0.0.1:{request.getfixturevalue('broker')}", topic=f"events-{tmp_path.name}", partitions=2)
        store = RedisStateStore(f"redis://127.0.0.1:{request.getfixturevalue('redis_port')}/0", name=str(tmp_path))
    yield log, store
    log.close()
    store.close()


@pytest.fixture
def log(parts: tuple[EventLog, StateStore]) -> EventLog:
    return parts[0]


@pytest.fixture
def store(parts: tuple[EventLog, StateStore]) -> StateStore:
    return parts[1]


@pytest.fixture
def worker(log: EventLog, store: StateStore) -> Worker:
    return Worker(log, store, labels, batch=7, clock=lambda: NOW)


def test_what_was_logged_is_known_of_the_user(worker: Worker, log: EventLog, store: StateStore) -> None:
    log.append([event(1), event(2, "bob", "oil"), event(3, item="rice", time=NOW - 5)])
    assert sum(worker.lag().values()) == 3
    drain(worker)
    assert [did.item_id for did in state(store, "ann").recent] == ["tea", "rice"]
    assert set(state(store, "ann").interests.counts) == {"kind:t", "kind:r"}
    assert state(store, "bob").total == 1
    assert state(store, "cem") == UserState()
    assert sum(worker.lag().values()) == 0
    assert (worker.progress.events, worker.progress.dead) == (3, 0)


def test_a_second_worker_goes_on_where_the_first_ended(worker: Worker, log: EventLog, store: StateStore) -> None:
    log.append([event(number) for number in range(20)])
    worker.step(wait_seconds=5.0)
    drain(Worker(log, store, labels, batch=3, clock=lambda: NOW))
    assert state(store, "ann").total == 20
    assert worker.step() == 0


def test_an_id_counts_once_however_often_it_is_sent(worker: Worker, log: EventLog, store: StateStore) -> None:
    log.append([event(1), event(2)])
    drain(worker)
    log.append([event(2), event(1), event(1), event(3)])
    drain(worker)
    assert state(store, "ann").total == 3
    assert trending(store, NOW) == [("tea", 3.0)]


def test_what_cannot_be_is_set_aside_with_its_reason(worker: Worker, log: EventLog, store: StateStore) -> None:
    log.append([event(1), event(2, time=NOW + 10**6), event(3)])
    drain(worker)
    assert state(store, "ann").total == 2
    (key,) = store.names(DEAD)
    (letter,) = store.get([key])
    assert letter is not None
    assert "lies in the future" in json.loads(letter.value)["reason"]
    assert worker.progress.dead == 1


def test_what_was_logged_before_the_clock_was_set_back_counts(log: EventLog, store: StateStore) -> None:
    clock = iter([NOW, *[NOW - 30 * DAY] * 9])
    worker = Worker(log, store, labels, clock=lambda: next(clock))
    log.append([event(1)])
    drain(worker)
    log.append([event(2), event(3, time=NOW - 30 * DAY)])
    drain(worker)
    assert (state(store, "ann").total, worker.progress.dead) == (3, 0)


def test_a_replay_comes_to_the_same_state(worker: Worker, log: EventLog, store: StateStore) -> None:
    dice = random.Random(1)
    log.append([event(n, dice.choice(["ann", "bob"]), dice.choice(["tea", "oil"]), NOW - dice.randrange(10**5)) for n in range(40)])
    log.append([event(99, time=NOW + 10**6)])
    drain(worker)
    before = {user: state(store, user) for user in ("ann", "bob")}, trending(store, NOW)
    worker.replay()
    assert store.names(user_key("")) == []
    assert worker.lag() == {partition: end - log.begin()[partition] for partition, end in log.end().items()}
    drain(worker)
    assert ({user: state(store, user) for user in ("ann", "bob")}, trending(store, NOW)) == before


def test_two_workers_on_the_same_partitions_double_nothing(parts: tuple[EventLog, StateStore]) -> None:
    log, store = parts
    log.append([event(number, f"user {number % 7}") for number in range(120)])
    workers = [Worker(log, store, labels, batch=5, clock=lambda: NOW) for _ in range(2)]
    threads = [threading.Thread(target=drain, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(state(store, f"user {number}").total for number in range(7)) == 120
    assert dict(trending(store, NOW)) == pytest.approx({"tea": 120.0})


def test_trends_forget(worker: Worker, log: EventLog, store: StateStore) -> None:
    log.append([event(n, item="old", time=NOW - 10**5) for n in range(9)] + [event(n, item="new") for n in range(20, 23)])
    drain(worker)
    (first, second) = trending(store, NOW)
    assert (first, second[0]) == (("new", 3.0), "old")
    assert second[1] < 1
    later = dict(trending(store, NOW + 21_600))
    assert later["new"] == pytest.approx(1.5)
    assert trending(store, NOW, limit=1) == [first]


def test_a_poison_record_stops_nothing(broker: int, tmp_path: Path) -> None:
    log = KafkaEventLog(f"127.0.0.1:{broker}", topic="spoilt", partitions=1)
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{broker}"})
    producer.produce("spoilt", b"\xff no event")
    long_ago = {"format": 1, "event_id": "e0", "user_id": "ann", "item_id": "tea", "event": "view", "timestamp": -(10**20), "value": None}
    producer.produce("spoilt", json.dumps(long_ago).encode())
    producer.flush(10)
    log.append([event(1)])
    store = SqliteStateStore(tmp_path / "state.sqlite")
    worker = Worker(log, store, labels, clock=lambda: NOW)
    drain(worker)
    assert state(store, "ann").total == 1
    assert store.names(DEAD) == ["dead:0:0", "dead:0:1"]
    log.close()


def test_spoilt_values_are_begun_anew(worker: Worker, log: EventLog, store: StateStore) -> None:
    assert store.put({key: Write(b"spoilt") for key in (user_key("ann"), "trend:0", "trend:1")})
    log.append([event(1)])
    drain(worker)
    assert state(store, "ann").total == 1
    assert trending(store, NOW) == [("tea", 1.0)]


def test_refusals_are_waited_out(tmp_path: Path) -> None:
    log, store = SqliteEventLog(tmp_path / "events.sqlite"), SqliteStateStore(tmp_path / "state.sqlite")
    log.append([event(1)])
    worker, stop, real = Worker(log, store, labels, clock=lambda: NOW), threading.Event(), log.read
    left: list[Exception] = [StorageError("log", "it is away", "wait"), RuntimeError("what nobody has thought of")]

    def sometimes(*args, **more):
        if left:
            raise left.pop()
        stop.set()
        return real(*args, **more)

    log.read = sometimes  # type: ignore[method-assign]
    worker.run(stop)
    assert state(store, "ann").total == 1
    assert worker.progress.refused == 2


WORKER = """
import sys, threading
from pathlib import Path
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.worker import Worker
log, store = SqliteEventLog(Path(sys.argv[1]) / "events.sqlite"), SqliteStateStore(Path(sys.argv[1]) / "state.sqlite")
print("up", flush=True)
Worker(log, store, lambda item: [item], batch=3).run(threading.Event())
"""


def test_killed_again_and_again_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "events.sqlite")
    dice, sent = random.Random(3), 0
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(20):
            log.append([event(sent + number, f"user {dice.randrange(5)}") for number in range(4)])
            sent += 4
        threading.Event().wait(dice.uniform(0, 0.3))
        process.kill()
        process.wait()
    store = SqliteStateStore(tmp_path / "state.sqlite")
    drain(Worker(log, store, lambda item: [item]))
    assert sum(state(store, f"user {number}").total for number in range(5)) == sent
    log.close()
    store.close()


def test_each_partition_may_have_its_worker(broker: int, tmp_path: Path) -> None:
    log = KafkaEventLog(f"127.0.0.1:{broker}", topic="shared", partitions=3)
    log.append([event(number, f"user {number}") for number in range(30)])
    store = SqliteStateStore(tmp_path / "state.sqlite")
    first = Worker(log, store, labels, partitions=[0], clock=lambda: NOW)
    drain(first)
    assert set(store.positions()) == {0}
    drain(Worker(log, store, labels, partitions=[1, 2], clock=lambda: NOW))
    assert sum(state(store, f"user {number}").total for number in range(30)) == 30
    log.close()
