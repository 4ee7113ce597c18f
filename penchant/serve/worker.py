"""The near-line worker: reads the event log and keeps what the service knows of users and of the present up to date.

What follows from a batch of events and the place in the log after it are stored in one step. So a worker that is killed at
any moment, even one of two that read the same partition, repeats work but never loses or doubles an event; and a store that
lost everything is made anew by reading the log from its beginning.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from penchant.core.errors import ArtifactError, StorageError, require
from penchant.serve.events import AHEAD, EventLog, LiveEvent, Unreadable
from penchant.serve.stores import StateStore, Stored, Write
from penchant.users.decay import DAY, Decayed
from penchant.users.state import Did, UserState

_log = logging.getLogger("penchant.serve")
USER, DEAD, TREND = "user:", "dead:", "trend:"
_TREND_HALF_LIFE = DAY / 4
_TREND_ITEMS = 500
_CONTENT = 2_000  # bytes of a dead letter that are kept
_KEPT_FOR = 30 * DAY  # dead letters
_TRIES = 50  # of one batch against others who write
_PAUSES = (0.05, 0.2, 1.0)  # seconds after the first, second and every later refusal of log or store

#: Labels of an item by its id, such as ``"category:Tea"``; none for an item that nobody knows.
Labels = Callable[[str], Sequence[str]]


@dataclass
class Progress:
    """What a worker has done since it began.

    Attributes:
        events: Read and stored.
        dead: Of them, set aside.
        again: Batches begun again because somebody else had written.
        refused: Times that log or store did not do what was asked.
    """

    events: int = 0
    dead: int = 0
    again: int = 0
    refused: int = 0


class Worker:
    """Follows a log.

    Args:
        log: What users do.
        store: What follows from it.
        labels: What the interests of a user are counted by.
        partitions: That it reads; all by default. Several workers share the partitions among them.
        batch: Events stored in one step.
        clock: UTC seconds.
    """

    def __init__(
        self,
        log: EventLog,
        store: StateStore,
        labels: Labels,
        *,
        partitions: Iterable[int] | None = None,
        batch: int = 500,
        clock: Callable[[], float] = time.time,
    ) -> None:
        require(batch >= 1, f"batch={batch}", "a step stores at least one event", "pass batch>=1")
        self.log, self.store, self.labels, self.batch, self.clock = log, store, labels, batch, clock
        self.partitions = None if partitions is None else frozenset(partitions)
        self.progress = Progress()
        self._first: dict[int, int] | None = None

    def step(self, wait_seconds: float = 0.0) -> int:
        """Read what comes next and store what follows from it; the number of records that were dealt with.

        Raises:
            StorageError: Log or store did not do what was asked; nothing or all of it was stored.
        """
        for _ in range(_TRIES):
            known = self.store.positions()
            start = {partition: known.get(partition, first) for partition, first in self._begin().items()}
            records = self.log.read(start, self.batch, wait_seconds)
            if not records:
                return 0
            after = {one.partition: one.offset + 1 for one in records}
            writes = self._follows(records)
            if self.store.put(writes, before={p: known[p] for p in after if p in known}, after=after):
                self.progress.events += len(records)
                self.progress.dead += sum(key.startswith(DEAD) for key in writes)
                return len(records)
            self.progress.again += 1
        raise StorageError(
            f"{_TRIES} tries", "others kept writing what this worker was about to write", "give each partition to one worker"
        )

    def run(self, stop: threading.Event, *, wait_seconds: float = 0.2) -> None:
        """Step until ``stop`` is set. Refusals of log and store are waited out, and so is what nobody has thought of."""
        refusals = 0
        while not stop.is_set():
            try:
                self.step(wait_seconds)
                refusals = 0
            except Exception as error:
                if not isinstance(error, StorageError):
                    _log.exception("the near-line worker failed, and tries again")
                self.progress.refused += 1
                stop.wait(_PAUSES[min(refusals, len(_PAUSES) - 1)])
                refusals += 1

    def lag(self) -> dict[int, int]:
        """Records that are not read yet, a partition each.

        Raises:
            StorageError: Log or store cannot be read.
        """
        known, begin = self.store.positions(), self._begin()
        ends = self.log.end()
        return {partition: ends[partition] - known.get(partition, first) for partition, first in begin.items()}

    def replay(self) -> None:
        """Forget what follows from the log and the place in it; the next steps read it from its beginning.

        The place moves first: who is interrupted replays again, and what is not forgotten yet knows its events by their ids.

        Raises:
            StorageError: Another worker reads the same partitions, or the store did not do what was asked.
        """
        begin, known = self._begin(), self.store.positions()
        moved = {partition: begin[partition] for partition in begin if partition in known}
        done = self.store.put({}, before={partition: known[partition] for partition in moved}, after=moved)
        require(done, "replay", "another worker reads the same partitions", "stop it first", StorageError)
        while keys := [key for prefix in (USER, TREND) for key in self.store.names(prefix)]:
            found = self.store.get(keys)
            self.store.put({key: Write(None, one.version) for key, one in zip(keys, found, strict=True) if one is not None})

    def _begin(self) -> dict[int, int]:
        if self._first is None:  # a broker takes its time to tell
            found = self.log.begin()
            read = set(found) if self.partitions is None else self.partitions & set(found)
            self._first = {partition: found[partition] for partition in sorted(read)}
        return self._first

    def _follows(self, records: Sequence[LiveEvent | Unreadable]) -> dict[str, Write]:
        """What is to be stored after these records."""
        latest = self.clock() + AHEAD
        events: dict[str, list[LiveEvent]] = {}
        dead: dict[str, bytes] = {}
        for one in records:
            if isinstance(one, Unreadable):
                dead |= _letter(one.partition, one.offset, one.reason, one.content)
            elif one.timestamp > latest:
                dead |= _letter(one.partition, one.offset, f"timestamp={one.timestamp}: it lies in the future", repr(one).encode())
            else:
                events.setdefault(one.user_id, []).append(one)
        trends = [TREND + str(partition) for partition in sorted({one.partition for mine in events.values() for one in mine})]
        keys = [*dead, *(USER + user for user in events), *trends]
        found = dict(zip(keys, self.store.get(keys), strict=True))
        after: dict[str, bytes] = dict(dead)
        counted: dict[str, list[tuple[str, int]]] = {trend: [] for trend in trends}
        for user, mine in events.items():
            before = _state(found[USER + user])
            fresh = [one for one, counts in zip(mine, before.fresh([one.event_id for one in mine]), strict=True) if counts]
            for one in fresh:
                counted[TREND + str(one.partition)].append((one.item_id, one.timestamp))
            if fresh:
                done = [(one.event_id, Did(one.item_id, one.event, one.timestamp, one.value), self.labels(one.item_id)) for one in fresh]
                after[USER + user] = before.with_events(done).to_bytes()
        for trend, seen in counted.items():
            after[trend] = _trend_bytes(_trend(found[trend]).add(seen, most=_TREND_ITEMS))
        return {key: Write(value, _version(found[key]), _KEPT_FOR if key in dead else None) for key, value in after.items()}


def _version(found: Stored | None) -> int:
    return 0 if found is None else found.version


def _state(found: Stored | None) -> UserState:
    try:
        return UserState() if found is None else UserState.from_bytes(found.value)
    except ArtifactError as error:  # go on with what the log says from here
        _log.warning("a user's state was spoilt in the store and is begun anew: %s", error)
        return UserState()


def _trend(found: Stored | None) -> Decayed:
    """Forgetting counts of items, as a worker stored them for one partition."""
    try:
        told = {"at": 0, "counts": {}} if found is None else json.loads(found.value)
        return Decayed(_TREND_HALF_LIFE, int(told["at"]), {str(item): float(count) for item, count in told["counts"].items()})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        _log.warning("trends were spoilt in the store and are begun anew: %r", error)
        return Decayed(_TREND_HALF_LIFE)


def trending(store: StateStore, now: int, limit: int = 100) -> list[tuple[str, float]]:
    """Items that many do something with at present, the most first, with their counts.

    Raises:
        StorageError: The store cannot be read.
    """
    totals: dict[str, float] = {}
    for one in store.get(store.names(TREND)):
        for item, count in _trend(one).as_of(now):
            totals[item] = totals.get(item, 0.0) + count
    return sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]


def _trend_bytes(counted: Decayed) -> bytes:
    return json.dumps({"at": counted.at, "counts": counted.counts}, separators=(",", ":")).encode()


def _letter(partition: int, offset: int, reason: str, content: bytes) -> dict[str, bytes]:
    told = {"partition": partition, "offset": offset, "reason": reason, "content": content[:_CONTENT].decode("utf-8", "backslashreplace")}
    return {f"{DEAD}{partition}:{offset}": json.dumps(told).encode()}
