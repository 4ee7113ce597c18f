"""A circuit breaker: a part that fails again and again is left alone for a while, then tried once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from penchant.core.errors import require


class Breaker:
    """Closed (calls pass), open (they do not), half open (one passes, and decides).

    Args:
        failures: In a row, after which it opens.
        rest_seconds: How long it stays open.
        clock: Seconds.
    """

    def __init__(self, *, failures: int = 5, rest_seconds: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        require(failures >= 1, f"failures={failures}", "a breaker opens after a failure", "pass failures>=1")
        self.failures, self.rest_seconds, self._clock = failures, rest_seconds, clock
        self._failed = 0
        self._until = 0.0
        self._lock = threading.Lock()

    @property
    def resting(self) -> bool:
        """Whether it is open."""
        return self._failed >= self.failures and self._clock() < self._until

    def passes(self) -> bool:
        """Whether to call. After its rest the first one is let through, and the others wait for what comes of it."""
        with self._lock:
            if self._failed < self.failures:
                return True
            if self._clock() < self._until:
                return False
            self._until = self._clock() + self.rest_seconds
            return True

    def succeeded(self) -> None:
        """A call went well: it is closed."""
        with self._lock:
            self._failed = 0

    def failed(self) -> None:
        """A call failed, or came too late."""
        with self._lock:
            self._failed += 1
            if self._failed >= self.failures:
                self._until = self._clock() + self.rest_seconds
