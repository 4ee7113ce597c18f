"""Writing to a topic: who appends waits for what became of their own records, and is refused at once while the broker is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from penchant.pipeline.breaker import Breaker

_POLL = 0.05  # seconds of waiting for a broker's answer at a time
_REST = 5.0  # seconds that a broker is left alone after a row of appends that failed
#: Key and value of a record.
Record = tuple[bytes, bytes]


class Refused(Exception):
    """What a broker did not do."""


class Line:
    """A producer, and the one thread that hears what it is told, so that nobody is told by another's.

    Args:
        settings: Of librdkafka.

    Raises:
        KafkaException: They are no good.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.producer = Producer(dict(settings))
        self._open = True
        self._thread = threading.Thread(target=self._hear, name="acknowledgements of the event log", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """End once everything under way was acknowledged, or has failed."""
        self._open = False

    def close(self, wait_seconds: float) -> None:
        """Likewise, and wait for that so long at most."""
        self.leave()
        self._thread.join(wait_seconds)

    def _hear(self) -> None:
        while self._open or len(self.producer):
            self.producer.poll(_POLL)


class KafkaWriter:
    """Safe for several threads.

    A producer of which records failed is left for a new one: its numbers have a gap then, for which some brokers refuse all
    that it sends later, and for good.

    Args:
        topic: Where records go.
        settings: Of librdkafka.
        wait_seconds: How long the broker may take to acknowledge.
        breaker: Opened by appends that failed: as long as it is open nobody waits for any.

    Raises:
        KafkaException: The settings are no good.
    """

    def __init__(self, topic: str, settings: Mapping[str, Any], *, wait_seconds: float, breaker: Breaker | None = None) -> None:
        self.topic, self._wait, self._settings = topic, wait_seconds, dict(settings)
        self._breaker = breaker or Breaker(failures=3, rest_seconds=_REST)
        self._line = Line(self._settings)
        self._lock = threading.Lock()

    def append(self, records: Sequence[Record]) -> dict[int, int]:
        """Write records, and wait until they are acknowledged; the newest offset by partition.

        Raises:
            Refused: Not all of them were.
        """
        if not records:
            return {}
        if not self._breaker.passes():
            raise self.resting()
        line = self._line
        try:
            places = self._sent(line.producer, records)
        except (KafkaException, BufferError, Refused) as error:
            self._breaker.failed()
            self._renew(line)
            raise Refused(str(error)) from error
        self._breaker.succeeded()
        return places

    def look(self) -> None:
        """Whether it makes sense to ask the broker for anything.

        Raises:
            Refused: It has not answered of late.
        """
        if self._breaker.resting:
            raise self.resting()

    def resting(self) -> Refused:
        """For who is not let through."""
        return Refused("it has not answered of late, and is left alone for some seconds")

    def close(self) -> None:
        """Wait for what is under way."""
        self._line.close(self._wait)

    def _sent(self, producer: Producer, records: Sequence[Record]) -> dict[int, int]:
        failed: list[str] = []
        places: dict[int, int] = {}
        left, all_told = len(records), threading.Event()

        def told(error: KafkaError | None, message: Message) -> None:
            nonlocal left
            if error is not None:
                failed.append(str(error))
            else:
                partition, offset = message.partition() or 0, message.offset() or 0
                places[partition] = max(offset, places.get(partition, 0))
            left -= 1
            if not left:
                all_told.set()

        for key, value in records:
            self._produce(producer, key, value, told)
        all_told.wait(self._wait)
        if failed or not all_told.is_set():
            raise Refused(failed[0] if failed else f"{left} events were not acknowledged in {self._wait:g} s")
        return places

    def _produce(self, producer: Producer, key: bytes, value: bytes, told: Any) -> None:
        deadline = time.monotonic() + self._wait
        while True:
            try:
                producer.produce(self.topic, value, key=key, on_delivery=told)
                return
            except BufferError:  # too much is under way: wait for some of it
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL)

    def _renew(self, line: Line) -> None:
        with self._lock:
            if self._line is line:  # of several that fail together, one does
                self._line = Line(self._settings)
                line.leave()
