"""Counters that forget: a count is worth half after a half-life.

A sum of 2 ** -((now - t) / half-life) over events does not depend on the order they arrive in, so a late event counts
exactly what it would have counted in time, and nothing has to be counted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from penchant.core.errors import require

DAY = 86_400


@dataclass(frozen=True)
class Decayed:
    """Counts by name as of one moment.

    Attributes:
        half_life: Seconds.
        at: UTC seconds that ``counts`` are worth their numbers at; that of the newest event.
        counts: Above 0, by name.
    """

    half_life: float = 7 * DAY
    at: int = 0
    counts: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.half_life > 0, f"half_life={self.half_life:g}", "counts halve after a time", "pass half_life>0")

    def add(self, events: Iterable[tuple[str, int]], *, most: int = 200) -> Decayed:
        """With events (name, UTC seconds) counted, in whatever order they come; of more than ``most`` names the largest stay."""
        new = list(events)
        if not new:
            return self
        newest = max(time for _, time in new)
        at = max(self.at, newest) if self.counts else newest
        counts = dict(self.as_of(at))
        for name, time in new:
            counts[name] = counts.get(name, 0.0) + self._worth(at - time)
        largest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
        return Decayed(self.half_life, at, {name: count for name, count in largest if count > 0})

    def as_of(self, now: int) -> Iterator[tuple[str, float]]:
        """Names and what their counts are worth at ``now``, not before ``at``."""
        worth = self._worth(max(now - self.at, 0))
        return ((name, count * worth) for name, count in self.counts.items())

    def _worth(self, age: float) -> float:
        return 2.0 ** -(age / self.half_life)
