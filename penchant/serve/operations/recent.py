"""What happened of late: requests, refusals and times by route, in a ring of short slots that old ones fall out of.

Times are counted in buckets that grow by a constant factor, so that any quantile of any span of slots is known to within 1%,
whatever the times are, and no single time is kept (DDSketch: Masson et al., 2019, section 2).
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, log

from penchant.core.errors import require

_ACCURACY = 0.01  # alpha of the paper: a quantile is off by this share of itself, at most
_GROWTH = (1 + _ACCURACY) / (1 - _ACCURACY)  # gamma
_LEAST, _MOST = 1e-5, 1e3  # seconds; what lies beyond counts as these, so there are at most 922 buckets


@dataclass
class Tally:
    """Requests of some route in some span of time.

    Attributes:
        requests: All of them.
        refused: Answered with a status from 400 to 499.
        failed: From 500 on, or not at all.
        buckets: How many took as long, by the bucket's number.
    """

    requests: int = 0
    refused: int = 0
    failed: int = 0
    buckets: Counter[int] = field(default_factory=Counter[int])

    def add(self, other: Tally) -> None:
        """Count what another has counted, too."""
        self.requests += other.requests
        self.refused += other.refused
        self.failed += other.failed
        self.buckets.update(other.buckets)

    def quantile(self, share: float) -> float | None:
        """Seconds within which this share (0..1) of the requests ended, to within 1%; None where there were none."""
        if not self.requests:
            return None
        numbers = sorted(self.buckets)
        up_to = list(accumulate(self.buckets[number] for number in numbers))
        bucket = numbers[bisect_left(up_to, max(1, ceil(share * self.requests)))]
        return 2 * _GROWTH**bucket / (_GROWTH + 1)


#: Tallies by route.
Slot = dict[str, Tally]


class Recent:
    """Tallies of the last while, safe for several threads.

    Args:
        slots: Kept whole, beside the one that is being filled.
        seconds: That a slot lasts.
        clock: Seconds that never go back.
    """

    def __init__(self, slots: int = 60, seconds: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        require(slots >= 1, f"slots={slots}", "at least one slot is kept", "pass slots>=1")
        require(seconds > 0, f"seconds={seconds}", "a slot lasts a while", "pass seconds>0")
        self.slots, self.seconds, self.clock = slots, seconds, clock
        self.started = clock()
        self._ring: list[tuple[int, Slot]] = [(-1, {})] * (slots + 1)
        self._lock = threading.Lock()

    def saw(self, route: str, status: int, seconds: float) -> None:
        """Count one request.

        Args:
            route: The template of its address, so that there are few.
            status: Of its answer; 0 where there was none.
            seconds: That it took.
        """
        bucket = ceil(log(min(max(seconds, _LEAST), _MOST), _GROWTH))
        with self._lock:
            slot = self._slot(self._number())
            tally = slot.get(route)
            if tally is None:
                tally = slot[route] = Tally()
            tally.requests += 1
            tally.refused += 400 <= status < 500
            tally.failed += status >= 500 or status == 0
            tally.buckets[bucket] += 1

    def over(self, slots: int) -> tuple[Slot, float]:
        """The newest ``slots`` slots together, the one that is being filled among them, and the seconds they span so far."""
        newest, kept = self._kept()
        first = newest - slots + 1
        total: Slot = {}
        for number, slot in kept.items():
            if number >= first:
                for route, tally in slot.items():
                    total.setdefault(route, Tally()).add(tally)
        now = self.clock()
        return total, min(now - self.started, now - first * self.seconds)

    def each(self) -> list[Slot]:
        """Every whole slot of the last while, the oldest first, not to be changed; empty ones where nothing happened."""
        newest, kept = self._kept()
        return [kept.get(newest - ago, {}) for ago in range(self.slots, 0, -1)]

    def _kept(self) -> tuple[int, dict[int, Slot]]:
        """The number of the newest slot, and all slots by theirs. Only that one still changes, so it alone is copied in the lock."""
        with self._lock:
            newest = self._number()
            kept = dict(self._ring)
            if newest in kept:
                kept[newest] = {route: _copy(tally) for route, tally in kept[newest].items()}
        return newest, kept

    def _number(self) -> int:
        return int(self.clock() // self.seconds)

    def _slot(self, number: int) -> Slot:
        place = number % len(self._ring)
        if self._ring[place][0] != number:
            self._ring[place] = (number, {})
        return self._ring[place][1]


def _copy(tally: Tally) -> Tally:
    return Tally(tally.requests, tally.refused, tally.failed, Counter(tally.buckets))
