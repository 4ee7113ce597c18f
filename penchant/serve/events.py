"""What users do, as it is logged, and the contract of a log: durable when acknowledged, read in order from any place.

``penchant.serve.sqlite_log`` keeps it in one file, ``penchant.serve.kafka_log`` on a broker. Every log passes
``tests/contracts/test_event_logs.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

#: Seconds that a clock may be ahead of ours: what lies further in the future is refused.
AHEAD = 86_400
#: Days that a release is made of unless it is told otherwise: what a log is to keep, at least.
REBUILT_DAYS = 180
#: The offset from which to read on, a partition each.
Positions = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One thing a user did.

    Attributes:
        event_id: Of this event alone: a second event of that id is a duplicate, and counts once.
        event: Name of the action, or ``"undo"``.
        timestamp: UTC seconds.
        offset: Place in its partition; 0 for an event that is not in the log yet.
        partition: Where it lies. All events of a user lie in one, in the order they arrived.
    """

    event_id: str
    user_id: str
    item_id: str
    event: str
    timestamp: int
    value: float | None = None
    offset: int = 0
    partition: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What lies in the log and is no event: others may write to a broker, too.

    Attributes:
        partition: Where it lies.
        offset: Its place there.
        reason: Why it is none.
        content: Its bytes.
    """

    partition: int
    offset: int
    reason: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Erased(Unreadable):
    """Where an event lay that was erased with all else of its user: whoever reads goes on."""


@dataclass(frozen=True)
class Appended:
    """What became of an append.

    Attributes:
        accepted: Events written.
        duplicates: Events that the log knew by their ids. A broker does not look: there the reader drops them.
        places: The newest offset by partition: who has read past these has read all of the events.
    """

    accepted: int
    duplicates: int
    places: Mapping[int, int]

    @property
    def last_offset(self) -> int:
        """The newest offset the log knows of; -1 where it was told of none."""
        return max(self.places.values(), default=-1)


class EventLog(Protocol):
    """An append-only log in one or more partitions. Safe for several threads."""

    def append(self, events: Sequence[LiveEvent]) -> Appended:
        """Write events; when this returns they are durable.

        Raises:
            StorageError: Not all of them were written. Sending all again does no harm, as an id counts once.
        """
        ...

    def read(self, start: Positions, limit: int = 1000, wait_seconds: float = 0.0) -> Sequence[LiveEvent | Unreadable]:
        """At most ``limit`` records of the partitions of ``start``, in order within each.

        Args:
            start: From where. Whoever reads has dealt with all that lies before.
            limit: Of records.
            wait_seconds: How long to wait for the first one, if there is none yet.

        Raises:
            StorageError: The log cannot be read.
        """
        ...

    def begin(self) -> dict[int, int]:
        """The oldest offset of every partition that is still there; what ``read`` starts from to see everything."""
        ...

    def end(self) -> dict[int, int]:
        """The offset that the next event of every partition will get."""
        ...

    def close(self) -> None:
        """Let go of it. A closed log refuses everything else with a ``StorageError``."""
        ...


@runtime_checkable
class UserEvents(Protocol):
    """Whoever finds the events of one user: a log that can, or a store that a worker keeps up to date."""

    def last_of_user(self, user_id: str) -> int:
        """A number that grows with the user's events; 0 where there are none."""
        ...

    def of_user(self, user_id: str, newest: int = 2000) -> list[LiveEvent]:
        """The newest events of a user and, before them, older opinions, in the order they arrived: what somebody hid stays hidden."""
        ...

    def users(self, limit: int = 1000) -> list[str]:
        """Ids of users with events."""
        ...

    def end(self) -> dict[int, int]:
        """Up to where in the log these are all that users did: the next offset of each partition.

        Raises:
            StorageError: That cannot be read.
        """
        ...
