"""How long answers take when requests come at random: an approximation for several servers with any times of service.

Letters: S measured times of service, c servers, a = rate x mean time of service (the load in servers).
"""

from __future__ import annotations

import math

import numpy as np

from penchant.core.errors import require

_PRECISION = 1e-4  # of a time, relative


def erlang_c(servers: int, load: float) -> float:
    """Probability that a request has to wait (Erlang 1917), in a queue with exponential times of service.

    Args:
        servers: c.
        load: a; from c on everybody waits.
    """
    if load >= servers:
        return 1.0
    blocked = 1.0  # Erlang's B, by its recursion, which does not overflow
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def response(seconds: np.ndarray, rate: float, servers: int, share: float = 0.99) -> float:
    """Seconds within which that share of the requests is answered, waiting included; infinite where they come too fast.

    Whoever waits does so for an exponential time of mean E[s] (1 + v) / (2 c (1 - a / c)), with v the squared coefficient
    of variation of the times of service (Lee and Longton 1959, for Poisson arrivals). For c = 1 and exponential times of
    service this is exact.

    Args:
        seconds: float[S], times of service as they were measured.
        rate: Requests a second.
        servers: c.
        share: In (0, 1).

    Raises:
        InputError: A value is out of range.
    """
    times = np.sort(np.asarray(seconds, np.float64))
    require(len(times) > 0 and times[0] > 0, f"{len(times)} times of service", "they are positive, and there are some", "measure some")
    require(rate > 0, f"rate={rate}", "requests come at some rate", "pass rate>0")
    require(servers >= 1, f"servers={servers}", "somebody answers", "pass servers>=1")
    require(0 < share < 1, f"share={share}", "a share lies between 0 and 1", "pass 0.99, for example")
    mean = float(times.mean())
    load = rate * mean
    if load >= servers:
        return math.inf
    waits = erlang_c(servers, load)
    wait = mean * (1 + float(times.var()) / mean**2) / (2 * servers * (1 - load / servers))

    def later(than: float) -> float:
        """The share of answers that take longer: of those done in time without waiting, those who waited too long."""
        left = than - times
        return float(np.where(left < 0, 1.0, waits * np.exp(-np.maximum(left, 0.0) / wait)).mean())

    low, high = 0.0, float(times[-1]) + wait
    while later(high) > 1 - share:
        high *= 2
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if later(middle) > 1 - share else (low, middle)
    return high


def servers_needed(seconds: np.ndarray, rate: float, goal: float, *, share: float = 0.99, most: int = 100_000) -> int | None:
    """The fewest servers with which that share is answered within ``goal`` seconds; None where no number would do.

    Args:
        seconds: See ``response``; so for ``rate`` and ``share``.
        goal: Seconds.
        most: Servers that are tried.
    """
    if np.quantile(seconds, share) > goal:
        return None  # even without waiting
    low = max(1, math.floor(rate * float(np.mean(seconds))))
    if response(seconds, rate, most, share) > goal:
        return None
    high = low
    while response(seconds, rate, high, share) > goal:
        high = min(2 * high, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if response(seconds, rate, middle, share) <= goal else (middle + 1, high)
    return low
