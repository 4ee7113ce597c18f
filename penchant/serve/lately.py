"""What is done, or read from a store, at most once in so many seconds. A clock that was set back does not hold it up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Every:
    """Says when the next time has come.

    Args:
        seconds: Between two times, at least.
        clock: Seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds, self._clock = seconds, clock
        self._last: float | None = None

    @property
    def over(self) -> bool:
        """Whether it has."""
        now = self._clock()
        return self._last is None or not 0 <= now - self._last < self.seconds

    def done(self) -> None:
        """It was just done."""
        self._last = self._clock()

    def due(self) -> bool:
        """Whether it has; then it counts as done, whatever comes of it."""
        if not self.over:
            return False
        self.done()
        return True


class Lately(Generic[T]):
    """A value as of a few seconds ago, for several threads.

    Args:
        read: Gives it anew; where it raises, the next who asks tries again.
        first: Before it was ever read.
        seconds: That one serves for.
        clock: Seconds.
    """

    def __init__(self, read: Callable[[], T], first: T, seconds: float, clock: Callable[[], float]) -> None:
        self._read, self.last, self._every = read, first, Every(seconds, clock)
        self._lock = threading.Lock()

    def now(self) -> T:
        """Read, if the last time was some seconds ago."""
        with self._lock:
            if self._every.over:
                self.last = self._read()
                self._every.done()
            return self.last

    def put(self, value: T) -> None:
        """It is known without reading."""
        with self._lock:
            self.last = value
            self._every.done()
