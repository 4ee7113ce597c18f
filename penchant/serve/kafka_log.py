"""The event log on a broker that speaks Kafka's protocol: one topic, partitioned by user, acknowledged by all replicas in sync.

A topic has one replica unless more are asked for: then an event is as safe as the disk of that one broker.
The producer is idempotent, so that its own retries neither double nor reorder. An append that failed may have been written
in part; the ids of events make sending it again harmless. Who reads keeps its own positions, together with what it made of
the events; what is committed to the consumer group is there for those who watch its lag.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from math import isfinite

from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from penchant.core.errors import InputError, StorageError, require
from penchant.pipeline.breaker import Breaker
from penchant.serve.brokers import Brokers, without_secrets
from penchant.serve.events import Appended, LiveEvent, Positions, Unreadable
from penchant.serve.kafka_writer import KafkaWriter, Refused
from penchant.serve.requests import LATEST_TIME
from penchant.serve.topics import found_or_made

TOPIC = "penchant-events"
_FORMAT = 1
_TEXTS = ("event_id", "user_id", "item_id", "event")
_REMEDY = "check that the broker runs and can be reached, then try again; an event sent twice counts once"
_FETCH = 100  # milliseconds after which a broker answers that there is nothing new
_POLL = 0.05  # seconds of waiting for a broker's answer at a time


class KafkaEventLog:
    """See ``penchant.serve.events.EventLog``.

    Args:
        servers: Addresses of brokers, such as ``"localhost:9092"``, separated by commas.
        topic: Made with ``partitions`` if it is not there; then it keeps its events for good.
        partitions: Of a topic that is made.
        replicas: Brokers that keep each partition of a topic that is made.
        group: Consumer group that positions are committed to.
        wait_seconds: How long the broker may take for an answer.
        breaker: Opened by appends that failed or were not acknowledged: as long as it is open nobody waits for any.
        options: Further settings of librdkafka, such as those of TLS and passwords, for producer and consumer alike.

    Raises:
        StorageError: No broker answers.
        InputError: An option is not known, cannot be used, or is one that the log chooses itself.
    """

    def __init__(
        self,
        servers: str,
        *,
        topic: str = TOPIC,
        partitions: int = 8,
        replicas: int = 1,
        group: str = "penchant",
        wait_seconds: float = 10.0,
        breaker: Breaker | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        brokers = Brokers(servers, partitions, replicas, options or {})
        self.servers, self.topic, self._wait = servers, topic, wait_seconds
        common = {"log_level": 2, **brokers.options, "bootstrap.servers": servers}
        writing = {"enable.idempotence": True, "acks": "all", "linger.ms": 2, "delivery.timeout.ms": int(wait_seconds * 1e3)}
        own = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": _FETCH}
        self._reading = {**common, **own}
        self._read_lock = threading.Lock()
        self._open = True
        try:
            admin = AdminClient(common)
            self._writer = KafkaWriter(topic, {**common, **writing}, wait_seconds=wait_seconds, breaker=breaker)
            self._consumer = Consumer(self._reading)
        except KafkaException as error:  # which does not ask the broker yet
            told = without_secrets(error.args[0].str(), brokers.options)
            raise InputError("the options of Kafka", told, "see librdkafka's CONFIGURATION.md for what there is") from None
        self._partitions = self._found_or_made(admin, partitions, replicas)
        self._next: dict[int, int] = {}  # where the consumer goes on
        self._committed: dict[int, int] = {}

    def append(self, events: Sequence[LiveEvent]) -> Appended:
        """See ``EventLog``. Events of a user keep their order. What another thread appends is not waited for."""
        self._still_open()
        try:
            places = self._writer.append([(one.user_id.encode("utf-8", "surrogatepass"), _written(one)) for one in events])
        except Refused as error:
            raise self._refused(str(error)) from error
        return Appended(len(events), 0, places)

    def read(self, start: Positions, limit: int = 1000, wait_seconds: float = 0.0) -> list[LiveEvent | Unreadable]:
        """See ``EventLog``. What lies before ``start`` is committed to the consumer group."""
        with self._read_lock:
            self._still_open()
            try:
                if dict(start) != self._next:
                    self._consumer.assign([TopicPartition(self.topic, partition, offset) for partition, offset in start.items()])
                    self._next = dict(start)
                self._commit(start)
                first = self._consumer.poll(max(wait_seconds, _POLL))
                messages = [] if first is None else [first, *self._consumer.consume(limit - 1, timeout=0)]  # which waits to be full
            except KafkaException as error:
                raise self._refused(str(error)) from error
            self._look_for_errors(messages)
            for message in messages:
                self._next[message.partition()] = message.offset() + 1  # type: ignore[index, operator]
        return [_event(message) for message in messages]

    def begin(self) -> dict[int, int]:
        """See ``EventLog``."""
        return {partition: bounds[0] for partition, bounds in self._bounds().items()}

    def end(self) -> dict[int, int]:
        """See ``EventLog``."""
        return {partition: bounds[1] for partition, bounds in self._bounds().items()}

    def close(self) -> None:
        """See ``EventLog``."""
        with self._read_lock:
            if self._open:
                self._open = False
                self._writer.close()
                self._consumer.close()

    def _commit(self, start: Positions) -> None:
        """Tell the group what moved since the last time; nobody waits for it."""
        done = [TopicPartition(self.topic, *place) for place in start.items() if place[1] > 0 and self._committed.get(place[0]) != place[1]]
        if done:
            self._consumer.commit(offsets=done, asynchronous=True)
            self._committed |= start

    def _bounds(self) -> dict[int, tuple[int, int]]:
        """The first and the next offset of every partition, as the broker tells who reads from it.

        Its answer to a plain question is not relied on: some brokers give the newest batch's first offset as the end.
        """
        self._still_open()
        try:
            self._writer.look()
        except Refused as error:
            raise self._refused(str(error)) from error
        found: dict[int, tuple[int, int]] = {}
        deadline = time.monotonic() + self._wait
        consumer = Consumer(self._reading)  # of its own: one that has read before also tells what it knew then
        try:
            consumer.assign([TopicPartition(self.topic, partition, OFFSET_BEGINNING) for partition in range(self._partitions)])
            while len(found) < self._partitions:
                self._look_for_errors(consumer.consume(1, timeout=_POLL))
                for partition in set(range(self._partitions)) - set(found):
                    low, high = consumer.get_watermark_offsets(TopicPartition(self.topic, partition), cached=True)
                    if high != OFFSET_INVALID:
                        found[partition] = (max(low, 0), high)
                if time.monotonic() > deadline:
                    raise self._refused(f"no answer in {self._wait:g} s")
        except KafkaException as error:
            raise self._refused(str(error)) from error
        finally:
            consumer.close()
        return dict(sorted(found.items()))

    def _found_or_made(self, admin: AdminClient, partitions: int, replicas: int) -> int:
        """The number of partitions of the topic."""
        try:
            return found_or_made(admin, self.topic, partitions=partitions, replicas=replicas, wait_seconds=self._wait)
        except KafkaException as error:
            self._consumer.close()
            self._writer.close()
            raise self._refused(str(error)) from error

    def _look_for_errors(self, messages: Sequence[Message]) -> None:
        for message in messages:
            error = message.error()
            if error is not None:
                self._next = {}
                raise self._refused(str(error))

    def _still_open(self) -> None:
        if not self._open:
            raise StorageError(f"topic {self.topic!r}", "the event log is closed", "open it again")

    def _refused(self, why: str) -> StorageError:
        return StorageError(f"topic {self.topic!r} at {self.servers}", f"the broker did not do what was asked ({why})", _REMEDY)


def _written(event: LiveEvent) -> bytes:
    content = {name: getattr(event, name) for name in (*_TEXTS, "timestamp", "value")}
    return json.dumps({"format": _FORMAT, **content}, separators=(",", ":")).encode()


def _event(message: Message) -> LiveEvent | Unreadable:
    content, partition, offset = message.value() or b"", message.partition(), message.offset()
    place = {"partition": -1 if partition is None else partition, "offset": -1 if offset is None else offset}
    try:
        told = json.loads(content)
        version = told["format"]
        require(version == _FORMAT, f"format={version!r}", f"this Penchant reads format {_FORMAT}", "use a newer Penchant")
        texts = [told[name] for name in _TEXTS]
        whole, value = told["timestamp"], told["value"]
        right = all(isinstance(text, str) for text in texts) and type(whole) is int and isinstance(value, int | float | None)
        require(right, f"{told}", "names are texts, the timestamp is a whole number, the value a number or null", "mend the sender")
        # What nobody could have sent over HTTP, and what no column of a table could hold, goes no further.
        require(0 <= whole <= LATEST_TIME, f"timestamp={whole}", f"it lies between 0 and {LATEST_TIME}", "send UTC seconds")
        number = None if value is None else float(value)
        require(number is None or isfinite(number), f"value={value}", "it is a finite number, or null", "mend the sender")
        for text in texts:
            text.encode()  # half a character is no text
        return LiveEvent(*texts, timestamp=whole, value=number, **place)
    except Exception as error:  # whatever is wrong with it, the next event must be read
        return Unreadable(**place, reason=f"{type(error).__name__}: {error}", content=content)
