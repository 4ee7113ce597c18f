"""Calling generators for a request: one after the other, or all at once for as long as there is time."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from typing import Protocol

from penchant.contracts import TopK
from penchant.core.errors import PenchantError
from penchant.data.histories import Histories
from penchant.pipeline.lane import Asked, Generator, Lane
from penchant.pipeline.turns import Turns

FAILED, LATE, BUSY = "failed", "late", "resting or too busy"
HANG = 30.0  # seconds after which who has not answered does not answer any more, where there is no deadline
_LEAST = 0.001  # seconds in which nobody answers: nobody is asked


@dataclass
class Answered:
    """What generators named for one row.

    Attributes:
        lists: Of one row each, by name.
        missing: Why there is no list, by name.
        milliseconds: From the question to each answer.
    """

    lists: dict[str, TopK] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)


class Calls(Protocol):
    """A way to call generators by their names."""

    def call(self, names: Sequence[str], row: Histories, k: int, exclude: Histories, seconds: float | None = None) -> Answered:
        """The lists of those that answered.

        Args:
            names: Of generators.
            row: One history.
            k: Of each.
            exclude: One row.
            seconds: How long to wait for them; None: as long as it takes, up to ``HANG`` where others can go on.
        """
        ...

    def expected(self, name: str) -> float:
        """Seconds that it takes at present, at most nine times of ten; 0 where nobody knows."""
        ...

    def cost(self, name: str) -> float:
        """Processor seconds that a row takes at present; 0 where nobody knows."""
        ...


class OneByOne:
    """In the caller's thread, whatever the time. What fails is missing.

    Args:
        generators: By name.
    """

    def __init__(self, generators: Mapping[str, Generator]) -> None:
        self.generators = generators

    def call(self, names: Sequence[str], row: Histories, k: int, exclude: Histories, seconds: float | None = None) -> Answered:
        """See ``Calls``."""
        answered = Answered()
        for name in names:
            started = time.perf_counter()
            try:
                answered.lists[name] = self.generators[name].recommend(row, k, exclude=exclude)
            except (PenchantError, RuntimeError):  # a broken part costs its candidates, not the answer
                answered.missing[name] = FAILED
            answered.milliseconds[name] = (time.perf_counter() - started) * 1e3
        return answered

    def expected(self, name: str) -> float:
        """Nobody measures."""
        return 0.0

    def cost(self, name: str) -> float:
        """Nobody measures."""
        return 0.0


class AtOnce:
    """Each generator in a lane of its own, for all requests. What fails, rests or comes too late is missing.

    Args:
        generators: By name.
        most: Rows a lane takes at once.
        wait_seconds: How long the first of a batch waits for others.
        quick: Names of those that take less time than a thread's waking: they are called in the caller's own, while the others
            work.
        turns: That callers may have; they give theirs to others while they wait.
    """

    def __init__(
        self,
        generators: Mapping[str, Generator],
        *,
        most: int = 32,
        wait_seconds: float = 0.0,
        quick: Collection[str] = (),
        turns: Turns | None = None,
    ) -> None:
        self.quick, self.turns = frozenset(quick), turns or Turns()
        self.lanes = {name: Lane(generator, most=most, wait_seconds=wait_seconds) for name, generator in generators.items()}

    def call(self, names: Sequence[str], row: Histories, k: int, exclude: Histories, seconds: float | None = None) -> Answered:
        """See ``Calls``."""
        started, answered = time.perf_counter(), Answered()
        if seconds is not None and seconds < _LEAST:
            answered.missing = dict.fromkeys(names, LATE)
            return answered
        running: dict[str, Asked] = {}
        for name in sorted(names, key=self.quick.__contains__):  # those that take time begin first
            lane = self.lanes[name]
            asked = (lane.now if name in self.quick else lane.ask)(row, k, exclude)
            if asked is None:
                answered.missing[name] = BUSY
            else:
                running[name] = asked
        for name in filter(running.__contains__, names):
            asked = running[name]
            left = max(started + (HANG if seconds is None else seconds) - time.perf_counter(), 0.0)
            try:
                answered.lists[name] = self._result(asked, left)
            except (Late, CancelledError):
                self.lanes[name].give_up(asked)
                answered.missing[name] = LATE
            except Exception:  # of whatever kind: the lane has counted it
                answered.missing[name] = FAILED
            answered.milliseconds[name] = ((asked.done or time.perf_counter()) - asked.since) * 1e3
        return answered

    def _result(self, asked: Asked, left: float) -> TopK:
        if asked.answer.done():
            return asked.answer.result()
        with self.turns.aside():
            return asked.answer.result(left)

    def expected(self, name: str) -> float:
        """See ``Calls``."""
        return self.lanes[name].pace.expected()

    def cost(self, name: str) -> float:
        """See ``Calls``."""
        return self.lanes[name].cost

    def close(self) -> None:
        """End all lanes."""
        for lane in self.lanes.values():
            lane.close()
