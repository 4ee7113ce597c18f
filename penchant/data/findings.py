"""What the leak checks report, and the small tools they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.data.histories import Histories

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing that makes, or may make, a measured number wrong.

    Attributes:
        code: Short name of the check, for filters, e.g. ``"target-in-training"``.
        severity: "error": the numbers cannot be trusted; "warning": look at it; "info": say it beside the numbers.
        message: What was found and why it matters.
        count: How many events, rows, items or features it concerns.
        example: One of them, for people; None where there is none to show.
    """

    code: str
    severity: Severity
    message: str
    count: int
    example: str | None = None


def event_frame(histories: Histories) -> pl.DataFrame:
    """One row an event: row, user, item, time, action."""
    return pl.DataFrame(
        {
            "row": histories.rows,
            "user": histories.users[histories.rows],
            "item": histories.items,
            "time": histories.times,
            "action": histories.actions,
        }
    )


def first_times(histories: Histories) -> np.ndarray:
    """int64[R], the time of each row's first event; the largest int64 for an empty row."""
    times = np.full(len(histories), np.iinfo(np.int64).max)
    full = histories.lengths > 0
    times[full] = histories.times[histories.offsets[:-1][full]]
    return times


def last_times(histories: Histories) -> np.ndarray:
    """int64[R], the time of each row's last event; the smallest int64 for an empty row."""
    times = np.full(len(histories), np.iinfo(np.int64).min)
    full = histories.lengths > 0
    times[full] = histories.times[histories.offsets[1:][full] - 1]
    return times


def say(dataset: Dataset, *, user: int = 0, item: int = 0, time: int | None = None) -> str:
    """An event in words, from codes."""
    parts = []
    if user:
        parts.append(f"user {dataset.users.ids[user - 1]!r}")
    if item:
        parts.append(f"item {dataset.catalog.items.ids[item - 1]!r}")
    if time is not None:
        parts.append(f"at {np.datetime64(time, 's')}" if dataset.timed else f"at place {time}")
    return ", ".join(parts)


def share(part: int, whole: int) -> str:
    """A percentage for a message."""
    return f"{100 * part / max(1, whole):.3g}%"
