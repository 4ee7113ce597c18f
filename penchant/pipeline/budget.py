"""Processor time for what makes lists better but can be left out: without a limit it would take the cores from what every list needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from penchant.core.errors import require

_SAVED = 0.2  # seconds whose share may be spent at once, so that a few requests that come together are not parted
_CUT, _GROWTH = 0.7, 0.02  # of the share where somebody was late; of all cores, a second
_BETWEEN = 0.5  # seconds between two cuts: requests that come together are late together
_LEAST = 0.02  # of all cores, whoever is late


class Budget:
    """So much processor time a second. Safe for several threads.

    Whoever asks is let through as long as anything is left, and may overdraw it: so even a part that costs more than what is
    saved up gets its turn, and on average no more is spent than there is.

    Whoever was late makes the share smaller by a third, and with time it grows again (as in the congestion control of TCP: Jacobson,
    SIGCOMM 1988). So where everything else takes the cores it gives way, and about one request in some hundreds is late.

    Args:
        cores: Processor seconds a second, at most.
        clock: Seconds.
    """

    def __init__(self, cores: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        require(cores >= 0, f"cores={cores:g}", "a share of processor time is 0 or more", "pass cores>=0")
        self.cores, self._clock = cores, clock
        self._share = cores
        self._left, self._at = cores * _SAVED, clock()
        self._cut = -_BETWEEN
        self._lock = threading.Lock()

    def take(self, seconds: float) -> bool:
        """Whether there is something left; then as much is taken.

        Args:
            seconds: Processor time that it will cost.
        """
        with self._lock:
            self._grow()
            if self._left <= 0:
                return False
            self._left -= seconds
            return True

    def late(self) -> None:
        """A request was not answered in time."""
        with self._lock:
            self._grow()
            if self._at - self._cut >= _BETWEEN:
                self._cut = self._at
                self._share = max(self._share * _CUT, self.cores * _LEAST)

    @property
    def share(self) -> float:
        """Processor seconds a second at present."""
        with self._lock:
            self._grow()
            return self._share

    def _grow(self) -> None:
        now = self._clock()
        passed, self._at = now - self._at, now
        self._share = min(self._share + passed * _GROWTH * self.cores, self.cores)
        self._left = min(self._left + passed * self._share, self._share * _SAVED)
