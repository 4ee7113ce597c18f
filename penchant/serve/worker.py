"""The near-line worker: reads the event log and keeps what the service knows of users and of the present up to date.

What follows from a batch of events and the place in the log after it are stored in one step. So a worker that is killed at
any moment, even one of two that read the same partition, repeats work but never loses a record or counts it twice. An event that
is sent again is another record: it is known by its id among the user's newest 2,000 events, and counts again after that. A store
that lost everything is made anew by reading the log from its beginning, as far back as the log still goes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from penchant.core.errors import ArtifactError, StorageError, UnavailableError, require
from penchant.serve.choices import Choices
from penchant.serve.counters import TREND, WITH, Counters
from penchant.serve.events import AHEAD, Erased, EventLog, LiveEvent, Positions, Unreadable
from penchant.serve.set_aside import DEAD, KEPT_FOR, Record, aside, letter, poison
from penchant.serve.stores import StateStore, Stored, Write, user_key
from penchant.users.state import Did, UserState
from penchant.users.together import AGAINST, pairs

_log = logging.getLogger("penchant.serve")
_TRIES = 50  # of one batch against others who write
#: What is no event's doing: whatever was read is read again. Everything else is, and must not stop the log.
_NOT_OF_EVENTS = (StorageError, UnavailableError, OSError, MemoryError)
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
        newest: UTC seconds of the newest of the events that does not lie in the future; None: there was none yet.
    """

    events: int = 0
    dead: int = 0
    again: int = 0
    refused: int = 0
    newest: int | None = None

    def stored(self, records: Sequence[Record], dead: int, now: float) -> None:
        """Count what was stored of a step, ``dead`` of it set aside."""
        self.events += len(records)
        self.dead += dead
        times = [one.timestamp for one in records if isinstance(one, LiveEvent) and one.timestamp <= now]
        self.newest = max([*times, *([] if self.newest is None else [self.newest])], default=None)


@dataclass(frozen=True)
class Batch:
    """Records that were stored in one step.

    Attributes:
        records: How many.
        dead: Of them, set aside.
        partitions: Of the log, in order.
        seconds: From when they were read to when they were stored, earlier tries left out.
    """

    records: int
    dead: int
    partitions: tuple[int, ...]
    seconds: float


class Worker:
    """Follows a log.

    Args:
        log: What users do.
        store: What follows from it.
        labels: What the interests of a user are counted by.
        partitions: That it reads; all by default. Several workers share the partitions among them.
        batch: Events stored in one step.
        clock: UTC seconds.
        seen: Called after every step with (item id, user id) of what was done in it, if anything was; not with what was done
            against an item. It must not fail.
        told: Called after every step in which something was stored. It must not fail.
    """

    def __init__(
        self,
        log: EventLog,
        store: StateStore,
        labels: Labels,
        *,
        partitions: Iterable[int] | None = None,
        batch: int = 1_000,
        clock: Callable[[], float] = time.time,
        seen: Callable[[Sequence[tuple[str, str]]], None] = lambda pairs: None,
        told: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        require(batch >= 1, f"batch={batch}", "a step stores at least one event", "pass batch>=1")
        self.log, self.store, self.labels, self.batch, self.clock = log, store, labels, batch, clock
        self.partitions = None if partitions is None else frozenset(partitions)
        self.progress, self.seen, self.told, self.choices = Progress(), seen, told, Choices(store)
        self._first: dict[int, int] | None = None
        self._latest = 0  # time so far: a clock that is set back does not make what was logged before lie in the future

    def step(self, wait_seconds: float = 0.0) -> int:
        """Read what comes next and store what follows from it; the number of records that were dealt with.

        What follows from nothing, whatever is wrong with it, is set aside with its reason, and the log goes on.

        Raises:
            StorageError: Log or store did not do what was asked; nothing or all of it was stored.
        """
        for _ in range(_TRIES):
            known = self.store.positions()
            start = {partition: known.get(partition, first) for partition, first in self._begin().items()}
            records = self.log.read(start, self.batch, wait_seconds)
            if not records:
                self.seen([])
                return 0
            done = self._stored(records, known)
            if done:
                return done
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
        return {partition: end - next_one for partition, (next_one, end) in self.places().items()}

    def places(self) -> dict[int, tuple[int, int]]:
        """The offset that is read next, and the one that the next event will get, a partition each.

        Raises:
            StorageError: Log or store cannot be read.
        """
        known, begin = self.store.positions(), self._begin()
        ends = self.log.end()
        return {partition: (known.get(partition, first), ends[partition]) for partition, first in begin.items()}

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
        while keys := [key for prefix in (user_key(""), TREND.prefix, WITH.prefix) for key in self.store.names(prefix)]:
            found = self.store.get(keys)
            self.store.put({key: Write(None, one.version) for key, one in zip(keys, found, strict=True) if one is not None})

    def _stored(self, records: Sequence[Record], known: Positions) -> int:
        """Store what follows from records, or from the first of them if all at once cannot be; how many, 0 if others wrote."""
        began, looked = time.perf_counter(), False
        while True:
            try:
                after = {one.partition: one.offset + 1 for one in records}
                writes, done = self._follows(records)
                if not self.store.put(writes, before={p: known[p] for p in after if p in known}, after=after):
                    return 0
                break
            except _NOT_OF_EVENTS:
                raise
            except Exception as error:
                if len(records) == 1 and isinstance(records[0], Unreadable):
                    raise  # not even a letter can be kept
                _log.exception("%d records cannot be stored together: what is wrong with them is set aside", len(records))
                if len(records) == 1:
                    records = [aside(records[0], error)]
                elif looked:
                    records = records[: len(records) // 2]  # together they fail, and each alone does not
                else:
                    records, looked = poison(records, self._follows, _NOT_OF_EVENTS), True
        dead = sum(key.startswith(DEAD) for key in writes)
        self.progress.stored(records, dead, self.clock())
        self.told(Batch(len(records), dead, tuple(sorted(after)), time.perf_counter() - began))
        self.seen(done)
        return len(records)

    def _begin(self) -> dict[int, int]:
        if self._first is None:  # a broker takes its time to tell
            found = self.log.begin()
            read = set(found) if self.partitions is None else self.partitions & set(found)
            self._first = {partition: found[partition] for partition in sorted(read)}
        return self._first

    def _follows(self, records: Sequence[Record]) -> tuple[dict[str, Write], list[tuple[str, str]]]:
        """What is to be stored after these records, and who did something with which item."""
        now = int(self.clock())  # a clock that is ahead must not make its events count more
        self._latest = max(self._latest, now)
        latest = self._latest + AHEAD
        events: dict[str, list[LiveEvent]] = {}
        dead: dict[str, bytes] = {}
        for one in records:
            if isinstance(one, Erased):
                continue
            if isinstance(one, Unreadable):
                dead |= letter(one)
            elif one.timestamp > latest:
                dead |= letter(aside(one, f"timestamp={one.timestamp}: it lies in the future"))
            else:
                events.setdefault(one.user_id, []).append(one)
        people = zip(events, self.choices.of(list(events)), strict=True)
        events = {user: counting for user, choice in people if (counting := [one for one in events[user] if choice.counts(one)])}
        keys = [*dead, *map(user_key, events)]
        found = dict(zip(keys, self.store.get(keys), strict=True))
        after: dict[str, bytes] = dict(dead)
        trends, together = Counters(TREND), Counters(WITH)
        touched: list[tuple[str, str]] = []
        for user, mine in events.items():
            before = _state(found[user_key(user)])
            fresh = [one for one, counts in zip(mine, before.fresh([one.event_id for one in mine]), strict=True) if counts]
            if not fresh:
                continue
            done = [Did(one.item_id, one.event, one.timestamp, one.value, one.offset, one.partition) for one in fresh]
            told = [(one.event_id, did, self.labels(one.item_id)) for one, did in zip(fresh, done, strict=True)]
            after[user_key(user)] = before.with_events(told).to_bytes()
            touched += [(one.item_id, user) for one in fresh if one.event not in AGAINST]
            for one in fresh:
                trends.count(one.partition, "", one.item_id, min(one.timestamp, now))
            for item_id, other, when in pairs(before.recent, done):
                together.count(fresh[0].partition, item_id, other, min(when, now))
        counted = trends.keys | together.keys
        found |= dict(zip(counted, self.store.get(list(counted)), strict=True))
        after |= trends.added(found) | together.added(found)
        return {key: Write(value, _version(found[key]), KEPT_FOR if key in dead else None) for key, value in after.items()}, touched


def _version(found: Stored | None) -> int:
    return 0 if found is None else found.version


def _state(found: Stored | None) -> UserState:
    try:
        return UserState() if found is None else UserState.from_bytes(found.value)
    except ArtifactError as error:  # go on with what the log says from here
        _log.warning("a user's state was spoilt in the store and is begun anew: %s", error)
        return UserState()
