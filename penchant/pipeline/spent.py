"""Processor time that an answer costs: of the thread that makes it, and of whoever works for that thread elsewhere."""

from __future__ import annotations

import threading
import time


class _Here(threading.local):
    elsewhere = 0.0


_here = _Here()


def spent() -> float:
    """Processor seconds of this thread so far, with those of other processes on its behalf. Differences count."""
    return time.thread_time() + _here.elsewhere


def spent_elsewhere(seconds: float) -> None:
    """Another process worked so long for this thread."""
    _here.elsewhere += seconds
