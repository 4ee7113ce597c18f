"""What every event log does, with known answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penchant.core.errors import StorageError
from penchant.serve.events import EventLog, LiveEvent, Unreadable
from penchant.serve.kafka_log import KafkaEventLog
from penchant.serve.sqlite_log import SqliteEventLog
from tests.servers import kafka_broker

Opened = Callable[[], EventLog]


@pytest.fixture(scope="module")
def broker() -> Iterator[int]:
    with kafka_broker() as port:
        yield port


@pytest.fixture(params=["sqlite", "kafka"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens one and the same log, as often as wanted."""
    logs: list[EventLog] = []

    def sqlite() -> EventLog:
        return SqliteEventLog(tmp_path / "events.sqlite")

    def kafka() -> EventLog:
        port = request.getfixturevalue("broker")
        return KafkaEventLog(f"127.0.0.1:{port}", topic=f"events-{tmp_path.name}", partitions=3)

    def another() -> EventLog:
        logs.append(sqlite() if request.param == "sqlite" else kafka())
        return logs[-1]

    yield another
    for log in logs:
        log.close()


@pytest.fixture
def log(opened: Opened) -> EventLog:
    return opened()


def event(number: int, user: str = "ann") -> LiveEvent:
    return LiveEvent(f"e{number}", user, f"i{number}", "view", 1_000 + number)


def everything(log: EventLog, count: int) -> list[LiveEvent | Unreadable]:
    """All records of a log that should hold ``count``, read in small steps."""
    found: list[LiveEvent | Unreadable] = []
    places = log.begin()
    for _ in range(100):
        part = log.read(places, limit=7, wait_seconds=0.2)
        assert len(part) <= 7
        found += part
        places = {**places, **{one.partition: one.offset + 1 for one in part}}
        if len(found) >= count and not part:
            break
    return found


def test_an_empty_log_ends_where_it_begins(log: EventLog) -> None:
    assert log.begin() == log.end()
    assert log.read(log.begin()) == []
    assert log.append([]).accepted == 0


def test_who_has_read_past_the_places_has_read_the_events(log: EventLog) -> None:
    people = ["ann", "bob", "cid", "dan", "eve"]
    done = log.append([event(number, people[number % 5]) for number in range(10)])
    found = [one for one in everything(log, 10) if isinstance(one, LiveEvent)]
    assert done.places == {partition: max(one.offset for one in found if one.partition == partition) for partition in done.places}
    assert {one.partition for one in found} == set(done.places)
    again = log.append([event(0, "ann")])
    assert (again.accepted, again.duplicates) in {(1, 0), (0, 1)}
    assert all(again.places[one.partition] >= one.offset for one in found if one.event_id == "e0")


def test_what_was_acknowledged_comes_back_as_it_was(log: EventLog) -> None:
    odd = LiveEvent("r1", "bob\x00 ☕", "café", "rating", 7, 4.5)
    assert log.append([odd, event(1)]).accepted == 2
    found = everything(log, 2)
    same = [one for one in found if isinstance(one, LiveEvent) and one.event_id == "r1"]
    assert len(found) == 2
    assert same == [LiveEvent("r1", "bob\x00 ☕", "café", "rating", 7, 4.5, same[0].offset, same[0].partition)]


def test_events_of_a_user_lie_in_one_partition_in_order(log: EventLog) -> None:
    users = ["ann", "bob", "cem", "dee", "eve"]
    for first in range(0, 40, 8):
        log.append([event(number, users[number % 5]) for number in range(first, first + 8)])
    found = [one for one in everything(log, 40) if isinstance(one, LiveEvent)]
    assert len(found) == 40
    for place, user in enumerate(users):
        mine = [one for one in found if one.user_id == user]
        assert [one.event_id for one in mine] == [f"e{number}" for number in range(place, 40, 5)]
        assert len({one.partition for one in mine}) == 1
        assert [one.offset for one in mine] == sorted({one.offset for one in mine})


def test_reading_goes_on_from_any_place(log: EventLog) -> None:
    log.append([event(number) for number in range(10)])
    found = everything(log, 10)
    (place,) = {one.partition for one in found}
    assert log.read({place: found[6].offset}, limit=2, wait_seconds=2.0) == found[6:8]
    assert log.read({place: found[2].offset}, limit=3, wait_seconds=2.0) == found[2:5], "backwards, too"
    assert log.end()[place] == found[-1].offset + 1
    assert log.read({place: log.end()[place]}) == []


def test_a_second_handle_sees_the_same(opened: Opened) -> None:
    first, second = opened(), opened()
    first.append([event(1)])
    assert everything(second, 1) == everything(first, 1)
    second.append([event(2)])
    assert len(everything(first, 2)) == 2


def test_a_reader_waits_for_the_next_event(opened: Opened) -> None:
    log, other = opened(), opened()
    places = log.end()
    writer = threading.Timer(0.3, lambda: other.append([event(1)]))
    writer.start()
    found = log.read(places, wait_seconds=10.0)
    writer.join()
    assert [one.event_id for one in found if isinstance(one, LiveEvent)] == ["e1"]


def test_many_threads_lose_nothing(log: EventLog) -> None:
    def write(thread: int) -> None:
        for step in range(5):
            assert log.append([event(100 * thread + step, f"user {thread}")]).accepted == 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.event_id for one in everything(log, 30) if isinstance(one, LiveEvent)}) == 30


def test_a_closed_log_refuses(opened: Opened) -> None:
    log = opened()
    log.append([event(1)])
    places = log.begin()
    log.close()
    for act in (lambda: log.append([event(2)]), lambda: log.read(places), log.end):
        with pytest.raises(StorageError, match="closed"):
            act()
    log.close()
