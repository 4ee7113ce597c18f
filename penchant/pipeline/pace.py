"""How long a part took of late: the base of what can be expected of it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_FOLLOWS = 0.1  # share of a new sample in a running mean
_LEAST = 8  # samples that a high quantile means something of


def smoothed(before: float, now: float) -> float:
    """A running mean that follows within some ten samples; the first one counts in full."""
    return now if before == 0 else before + _FOLLOWS * (now - before)


class Pace:
    """The newest durations of a part.

    Args:
        samples: Kept at most.
        seconds: After which a sample counts no more, so that a part that was slow once is tried again.
        clock: Seconds.
    """

    def __init__(self, *, samples: int = 64, seconds: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self._clock = seconds, clock
        self._samples: deque[tuple[float, float]] = deque(maxlen=samples)
        self._lock = threading.Lock()

    def took(self, seconds: float) -> None:
        """One more."""
        with self._lock:
            self._samples.append((self._clock(), seconds))

    def expected(self) -> float:
        """Seconds that 9 of 10 calls stayed below; 0 while too few are known."""
        oldest = self._clock() - self.seconds
        with self._lock:
            recent = sorted(took for when, took in self._samples if when >= oldest)
        return recent[int(0.9 * len(recent))] if len(recent) >= _LEAST else 0.0
