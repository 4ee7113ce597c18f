"""Lists that nobody sees: made beside those that are shown, off the request's path, and compared with them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import kendalltau

from penchant.serve.experiments.answers import ShadowOut

_MOST = 8  # lists that wait; more are dropped, as what people see comes first
_log = logging.getLogger("penchant.serve")


@dataclass
class _Tally:
    lists: int = 0
    dropped: int = 0
    failed: int = 0
    overlap: float = 0.0
    seconds: float = 0.0
    correlations: list[float] = field(default_factory=list)


class Shadows:
    """One thread that makes them, as long as there is room.

    Args:
        most: Lists that may wait.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._waiting: queue.Queue[tuple[tuple[str, str], Callable[[], Sequence[int]], Sequence[int]] | None] = queue.Queue(most)
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def offer(self, experiment: str, arm: str, make: Callable[[], Sequence[int]], shown: Sequence[int]) -> bool:
        """Have a list made, later; never waits.

        Args:
            experiment: Its name.
            arm: The arm whose list it is.
            make: Gives the items, best first.
            shown: What was shown instead.

        Returns:
            Whether there was room.
        """
        with self._lock:
            tally = self._tallies.setdefault((experiment, arm), _Tally())
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="shadows", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(((experiment, arm), make, shown))
        except queue.Full:
            tally.dropped += 1
            return False
        return True

    def of(self, experiment: str) -> list[ShadowOut]:
        """What is known of the shadows of an experiment."""
        with self._lock:
            found = [(arm, tally) for (name, arm), tally in self._tallies.items() if name == experiment]
        return [
            ShadowOut(
                arm=arm,
                lists=tally.lists,
                dropped=tally.dropped,
                failed=tally.failed,
                overlap=tally.overlap / tally.lists if tally.lists else None,
                correlation=float(np.mean(tally.correlations)) if tally.correlations else None,
                milliseconds=1e3 * tally.seconds / tally.lists if tally.lists else None,
            )
            for arm, tally in found
        ]

    def close(self) -> None:
        """Make what waits, and end."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join()

    def _run(self) -> None:
        while (one := self._waiting.get()) is not None:
            key, make, shown = one
            tally = self._tallies[key]
            started = time.perf_counter()
            try:
                made = make()
            except Exception:  # of whatever kind: nobody waits for it
                _log.exception("a shadow list of %s failed", "/".join(key))
                tally.failed += 1
                continue
            tally.seconds += time.perf_counter() - started
            tally.lists += 1
            tally.overlap += overlap(made, shown)
            tau = correlation(made, shown)
            if tau is not None:
                tally.correlations = [*tally.correlations[-9_999:], tau]


def overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """Items that both lists have, as a share of the longer one; 1 where both are empty."""
    longest = max(len(one), len(other))
    return len({*one} & {*other}) / longest if longest else 1.0


def correlation(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Kendall's tau of the places of items that both lists have; None where these are fewer than two."""
    places = {item: place for place, item in enumerate(other)}
    both = [(place, places[item]) for place, item in enumerate(one) if item in places]
    if len(both) < 2:
        return None
    mine, theirs = zip(*both, strict=True)
    return float(np.asarray(kendalltau(mine, theirs))[0])
