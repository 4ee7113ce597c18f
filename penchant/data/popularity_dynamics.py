"""How popular each item was, period by period: what PrepRec (RecSys 2024, arXiv:2401.01497) knows of items instead of ids.

Popularity at a period is a sum over the last 32 periods, for coarse ones weighted by 0.5 per period of age, and is told
as a percentile among the items that had any. Whoever asks for the popularity at a time gets that of periods that were
over by then.

Letters: E events, N items, P periods, L lags.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from penchant.core.errors import require
from penchant.data.histories import Histories

DAY = 86_400
WINDOW = 32
#: Rows before the first period, so that no lag reaches beyond the table.
LAGS = 12


@dataclass(frozen=True)
class Popularity:
    """Percentiles of one period length.

    Attributes:
        begin: UTC seconds, the beginning of the first period.
        seconds: Length of a period.
        table: float32[LAGS + P, N + 1] in 0..1, 0 for items without events; row LAGS + p belongs to period p, the rows
            before it are zero.
    """

    begin: int
    seconds: int
    table: np.ndarray

    @classmethod
    def of(cls, histories: Histories, num_items: int, *, days: float, decay: float) -> Popularity:
        """From events.

        Args:
            histories: Timed, with at least one event.
            num_items: N.
            days: Length of a period.
            decay: Weight of a period against the next one; 1 counts all of the last 32 alike.

        Raises:
            InputError: There are no times, or no events.
        """
        require(histories.timed, "histories without times", "popularity over time needs times", "use a data set with times")
        require(histories.num_events > 0, "0 events", "popularity is counted from events", "check the split")
        begin, seconds = int(histories.times.min()), round(days * DAY)
        periods = (histories.times - begin) // seconds
        count = int(periods.max()) + 1
        width = num_items + 1
        counts = np.bincount(periods * width + histories.items, minlength=count * width).reshape(count, width).astype(np.float64)
        return cls(begin, seconds, np.concatenate([np.zeros((LAGS, width), np.float32), percentiles(windowed(counts, decay))]))

    def before(self, times: np.ndarray) -> np.ndarray:
        """int64[...], the row of ``table`` with the last period that was over at each of ``times``.

        Times after the last event get the last row, times before the first period a row of zeros.
        """
        found = (np.asarray(times, np.int64) - self.begin) // self.seconds - 1
        return np.clip(found + LAGS, LAGS - 1, len(self.table) - 1)


def windowed(counts: np.ndarray, decay: float) -> np.ndarray:
    """float64[P, N + 1]: sum over the last 32 periods t' <= t of decay ** (t - t') counts[t'].

    Args:
        counts: float64[P, N + 1].
        decay: In (0, 1].
    """
    found = np.zeros_like(counts)
    for age in range(min(WINDOW, len(counts))):
        found[age:] += decay**age * counts[: len(counts) - age]
    return found


def percentiles(values: np.ndarray) -> np.ndarray:
    """float32[P, N + 1]: in each row the share of active items (value > 0) with at most this value; equal values share their mean rank.

    Args:
        values: float64[P, N + 1], not negative.
    """
    active = values > 0
    idle = (~active).sum(axis=1, keepdims=True)
    ranks = rankdata(values, axis=1) - idle
    return np.where(active, ranks / np.maximum(active.sum(axis=1, keepdims=True), 1), 0.0).astype(np.float32)
