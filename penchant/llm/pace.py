"""How fast a server may be asked: so many requests and tokens a minute, and rest when it says so."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

_MINUTE = 60.0


class Pace:
    """Spreads turns evenly over time, for any number of threads.

    Args:
        requests: A minute; None: any number.
        tokens: A minute, read and written together; None: any number.
        clock: Seconds that never go back.
    """

    def __init__(self, requests: int | None = None, tokens: int | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = _MINUTE / requests if requests else 0.0
        self._token = _MINUTE / tokens if tokens else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._next_request = self._next_token = self._rest_until = float("-inf")

    def turn(self, tokens: int) -> float:
        """Take the next turn, for a request of so many tokens at most. Returns the seconds until it comes."""
        with self._lock:
            now = self._clock()
            at = max(now, self._next_request, self._next_token, self._rest_until)
            self._next_request = at + self._each
            self._next_token = at + tokens * self._token
            return at - now

    def correct(self, tokens: int, used: int) -> None:
        """Tell that a turn taken for ``tokens`` needed ``used``; the difference is free for others."""
        with self._lock:
            self._next_token -= (tokens - used) * self._token

    def rest(self, seconds: float) -> None:
        """Nobody's turn comes for so long."""
        with self._lock:
            self._rest_until = max(self._rest_until, self._clock() + seconds)


def backoff(tried: int, first: float, longest: float) -> float:
    """Seconds to wait after a request failed for the ``tried``-th time, from 1 on: anything up to a bound that doubles ("full jitter").

    Requests that failed together so do not come back together.
    """
    return random.uniform(0.0, min(longest, first * 2.0 ** min(tried - 1, 60)))
