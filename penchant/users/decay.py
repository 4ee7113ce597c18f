"""Counters that forget: a count is worth half after a half-life.

A sum of 2 ** -((now - t) / half-life) over events does not depend on the order they arrive in, so a late event counts
exactly what it would have counted in time, and nothing has to be counted again.
"""

from __future__ import annotations

import heapq
import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from penchant.core.errors import require

DAY = 86_400
_GRID = 30  # half-lives between two moments that numbers may be told as of
_BEFORE, _AFTER = -1_000.0, 2_000.0  # half-lives: powers of two further before are no numbers, and after nothing is left
_SLACK = 1.25  # so many times as many names as wanted may gather before the smallest are dropped


@dataclass(frozen=True)
class Decayed:
    """Counts by name as of one moment.

    Attributes:
        half_life: Seconds.
        at: UTC seconds that ``counts`` are worth their numbers at: the last moment of a coarse grid before the newest
            event. So an event changes its own count alone, and the numbers do not depend on how events were put in batches.
        newest: UTC seconds of the newest event.
        counts: Above 0, by name.
    """

    half_life: float = 7 * DAY
    at: int = 0
    newest: int = 0
    counts: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.half_life > 0, f"half_life={self.half_life:g}", "counts halve after a time", "pass half_life>0")

    def add(self, events: Iterable[tuple[str, int]], *, most: int = 200) -> Decayed:
        """With events (name, UTC seconds) counted, in whatever order they come.

        Where more than a quarter above ``most`` names would be kept, the ``most`` largest stay.
        """
        new = list(events)
        if not new:
            return self
        newest = max([time for _, time in new] + [self.newest] * bool(self.counts))
        step = int(_GRID * self.half_life) or 1
        at = newest - newest % step
        moved = self._worth(at - self.at)
        counts = dict(self.counts) if at == self.at else {name: count * moved for name, count in self.counts.items()}
        for name, time in new:
            counts[name] = counts.get(name, 0.0) + self._worth(at - time)
        if len(counts) > _SLACK * most:
            counts = dict(heapq.nsmallest(most, counts.items(), key=_largest_first))
        return Decayed(self.half_life, at, newest, {name: count for name, count in counts.items() if count > 0})

    def as_of(self, now: int) -> Iterator[tuple[str, float]]:
        """Names and what their counts are worth at ``now``, or at the newest event if that is later."""
        worth = self._worth(max(now, self.newest) - self.at)
        return ((name, count * worth) for name, count in self.counts.items())

    def to_bytes(self) -> bytes:
        """As it is stored: moments and numbers in 8 bytes each, then the names."""
        numbers = array("d", [self.half_life, self.at, self.newest, *self.counts.values()])
        return len(self.counts).to_bytes(4, "little") + numbers.tobytes() + json.dumps(list(self.counts)).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Decayed:
        """What ``to_bytes`` gave, on a machine of the same byte order.

        Raises:
            ValueError: It is something else.
        """
        end = 4 + 8 * (3 + int.from_bytes(stored[:4], "little"))
        half_life, at, newest, *counts = array("d", stored[4:end])
        return cls(half_life, int(at), int(newest), dict(zip(json.loads(stored[end:]), counts, strict=True)))

    def _worth(self, age: float) -> float:
        return 2.0 ** -(min(max(age, _BEFORE * self.half_life), _AFTER * self.half_life) / self.half_life)


def _largest_first(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]
