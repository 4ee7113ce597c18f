"""Processor time for what makes lists better but can be left out: without a limit it would take the cores from what every list needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from penchant.core.errors import require

_SAVED = 0.2  # seconds whose share may be spent at once, so that a few requests that come together are not parted


class Budget:
    """So much processor time a second. Safe for several threads.

    Whoever asks is let through as long as anything is left, and may overdraw it: so even a part that costs more than what is
    saved up gets its turn, and on average no more is spent than there is.

    Args:
        cores: Processor seconds a second.
        clock: Seconds.
    """

    def __init__(self, cores: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        require(cores >= 0, f"cores={cores:g}", "a share of processor time is 0 or more", "pass cores>=0")
        self.cores, self._clock = cores, clock
        self._most = cores * _SAVED
        self._left, self._at = self._most, clock()
        self._lock = threading.Lock()

    def take(self, seconds: float) -> bool:
        """Whether there is something left; then as much is taken.

        Args:
            seconds: Processor time that it will cost.
        """
        with self._lock:
            now = self._clock()
            self._left, self._at = min(self._left + (now - self._at) * self.cores, self._most), now
            if self._left <= 0:
                return False
            self._left -= seconds
            return True
