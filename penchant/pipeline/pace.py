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
        self._told: tuple[float, float] | None = None  # until when what was said last holds, and what it was

    def took(self, seconds: float) -> None:
        """One more."""
        with self._lock:
            self._samples.append((self._clock(), seconds))
            self._told = None

    def expected(self) -> float:
        """Seconds that 9 of 10 calls stayed below; 0 while too few are known."""
        now = self._clock()
        with self._lock:
            if self._told is not None and now < self._told[0]:
                return self._told[1]
            recent = [(took, when) for when, took in self._samples if when >= now - self.seconds]
            expected = sorted(recent)[int(0.9 * len(recent))][0] if len(recent) >= _LEAST else 0.0
            oldest = min((when for _, when in recent), default=now)
            self._told = oldest + self.seconds, expected  # the samples stay the same as long as that
            return expected
