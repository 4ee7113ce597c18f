"""So many at a time of one kind of work, in threads of their own, so that all other requests have theirs whatever it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from prometheus_client import Counter

from penchant.core.errors import UnavailableError, require

Result = TypeVar("Result")


class AtATime:
    """It runs in the event loop's thread alone, so its count needs no lock.

    Args:
        what: It is, for who is refused: ``"writes to the event log"``.
        most: That run.
        waiting: That may wait for a turn; further ones are refused at once.
        patience: Seconds that one waits for its turn.
        refused: Counts those that are refused.
    """

    def __init__(self, what: str, *, most: int, waiting: int, patience: float, refused: Counter) -> None:
        require(most >= 1, f"most={most}", "one runs at a time, at least", "pass most>=1")
        self.what, self.most, self.waiting, self.patience, self.refused = what, most, waiting, patience, refused
        self._turns, self._threads, self._wait = asyncio.Semaphore(most), CapacityLimiter(most), 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """What ``work`` gives, once it is its turn.

        Raises:
            UnavailableError: Too many run and wait, or its turn did not come.
        """
        if self._turns.locked() and self._wait >= self.waiting:
            raise self._busy()
        self._wait += 1
        try:
            async with asyncio.timeout(self.patience):
                await self._turns.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self._wait -= 1
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            self._turns.release()

    def _busy(self) -> UnavailableError:
        self.refused.inc()
        return UnavailableError(f"{self.what}", f"{self.most} are under way, and they take long", "send the same again in some seconds")
