"""Turns: few requests at a time run Python; the others wait in order instead of all at once getting in each other's way.

An interpreter runs one thread at a time. Where thirty requests compute at once, each gives the lock away at every array and
every query and queues for it again behind all the others, so that all become slow together; one after the other, most are
done early. A turn is given back while its thread waits for something else, so whatever waits holds up nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from penchant.core.errors import require


class _Mine(threading.local):
    held = False


class Turns:
    """See the top of this file.

    Args:
        most: Threads with a turn.
        patience: Seconds that one waits at most; then it goes on without a turn, as whoever has one may hang.
    """

    def __init__(self, most: int = 1, *, patience: float = 0.1) -> None:
        require(most >= 1, f"most={most}", "somebody has to have a turn", "pass most>=1")
        require(patience >= 0, f"patience={patience:g}", "nobody waits less than no time", "pass patience>=0")
        self.most, self.patience = most, patience
        self._free = threading.Semaphore(most)
        self._mine = _Mine()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Work that is done in a turn."""
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Waiting, in which others may have this thread's turn. Without one there is nothing to give."""
        if not self._mine.held:
            yield
            return
        self._give()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        self._mine.held = self._free.acquire(timeout=self.patience)

    def _give(self) -> None:
        if self._mine.held:
            self._mine.held = False
            self._free.release()
