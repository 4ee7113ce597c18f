"""What only a log on a broker can meet: records that are no events, and a broker that is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from penchant.core.errors import InputError, StorageError
from penchant.serve.events import LiveEvent, Unreadable
from penchant.serve.kafka_log import KafkaEventLog
from tests.servers import free_port, kafka_broker

GOOD = {"format": 1, "event_id": "e1", "user_id": "ann", "item_id": "tea", "event": "view", "timestamp": 5, "value": None}
WRONG = (
    {"format": 2},
    {"user_id": 3},
    {"timestamp": "5"},
    {"timestamp": -1},
    {"timestamp": -(10**20)},
    {"timestamp": 10**20},
    {"value": "much"},
    {"value": float("inf")},
    {"value": 10**400},
    {"user_id": "half a character: \ud800"},
)
BAD = [b"", b"\xff\xfe", b"[]", b"{}", *(json.dumps({**GOOD, **wrong}).encode() for wrong in WRONG)]


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with kafka_broker() as port:
        yield f"127.0.0.1:{port}"


def test_what_is_no_event_is_set_aside_with_its_reason(broker: str) -> None:
    log = KafkaEventLog(broker, topic="poison", partitions=1)
    producer = Producer({"bootstrap.servers": broker})
    for content in (*BAD, json.dumps(GOOD).encode()):
        producer.produce("poison", content)
    producer.flush(10)
    found: list[LiveEvent | Unreadable] = []
    while len(found) <= len(BAD):
        found += log.read({0: len(found)}, wait_seconds=10.0)
    assert found[-1] == LiveEvent("e1", "ann", "tea", "view", 5, None, len(BAD), 0)
    for offset, (one, content) in enumerate(zip(found, BAD, strict=False)):
        assert isinstance(one, Unreadable)
        assert (one.offset, one.content) == (offset, content)
        assert one.reason
    log.close()


def test_who_watches_the_group_sees_it_move(broker: str) -> None:
    log = KafkaEventLog(broker, topic="watched", partitions=1, group="watchers")
    log.append([LiveEvent(f"e{number}", "ann", "tea", "view", number) for number in range(6)])
    place = 0
    while place < 6:
        place += len(log.read({0: place}, limit=2, wait_seconds=5.0))
    assert log.read({0: 6}) == []
    log.close()
    watcher = Consumer({"bootstrap.servers": broker, "group.id": "watchers"})
    (found,) = watcher.committed([TopicPartition("watched", 0)], timeout=10)
    watcher.close()
    assert found.offset == 6


def test_without_a_broker_it_says_so() -> None:
    with pytest.raises(StorageError, match="the broker did not do what was asked"):
        KafkaEventLog(f"127.0.0.1:{free_port()}", wait_seconds=0.5)


def test_a_broker_that_went_away_refuses_and_nothing_is_acknowledged() -> None:
    with kafka_broker() as port:
        log = KafkaEventLog(f"127.0.0.1:{port}", partitions=1, wait_seconds=3.0)
        assert log.append([LiveEvent("e1", "ann", "tea", "view", 1)]).accepted == 1
    with pytest.raises(StorageError, match="an event sent twice counts once"):
        log.append([LiveEvent("e2", "ann", "tea", "view", 2)])
    with pytest.raises(StorageError):
        log.end()
    log.close()


def test_a_topic_without_partitions_is_refused() -> None:
    with pytest.raises(InputError, match="partitions=0"):
        KafkaEventLog("127.0.0.1:1", partitions=0)
