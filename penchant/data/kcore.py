"""The k-core of an event log: only users and items with enough events, where both hold at once."""

from __future__ import annotations

import logging

import numpy as np
import polars as pl

from penchant.core.errors import DataError, require

_log = logging.getLogger(__name__)


def k_core(events: pl.DataFrame, *, user_min: int = 5, item_min: int = 5) -> pl.DataFrame:
    """Drop users with fewer than ``user_min`` events and items with fewer than ``item_min``, until none is left to drop.

    Every event counts, repeats too. The result is the largest such part of the log, so it does not depend on the order
    of dropping. The number of rounds is logged. Take the k-core before splitting, and say so beside every number:
    it looks at the whole log, the test period included.

    Args:
        events: With ``user_id`` and ``item_id``; other columns stay.
        user_min: At least 1.
        item_min: At least 1.

    Returns:
        The remaining rows, in their order.

    Raises:
        InputError: A minimum is below 1.
        DataError: The events have no such columns.
    """
    require(
        min(user_min, item_min) >= 1, f"user_min={user_min}, item_min={item_min}", "a core asks for an event at least", "pass both >= 1"
    )
    missing = {"user_id", "item_id"} - set(events.columns)
    require(not missing, f"events without {sorted(missing)}", "a core counts events of users and items", "name these columns", DataError)
    users, items = (_dense(events[name]) for name in ("user_id", "item_id"))
    rows = np.arange(len(events))
    rounds, before = 0, -1
    while len(rows) != before:
        before = len(rows)
        for codes, least in ((users, user_min), (items, item_min)):
            rows = rows[np.bincount(codes[rows], minlength=1)[codes[rows]] >= least]
        rounds += 1
    _log.info("%d-%d-core: %d of %d events left after %d rounds", user_min, item_min, len(rows), len(events), rounds)
    return events[rows]


def _dense(ids: pl.Series) -> np.ndarray:
    """int64[E], equal numbers for equal ids (null is an id too)."""
    return ids.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
