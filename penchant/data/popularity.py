"""Popularity tiers: the one rule by which items are called head, mid, tail or new."""

from __future__ import annotations

import numpy as np

from penchant.core.errors import require

NEW, TAIL, MID, HEAD = 0, 1, 2, 3
#: Names of the tiers, by number.
TIERS = ("new", "tail", "mid", "head")
#: Share of all events that the head holds, and that head and mid hold together.
HEAD_SHARE, MID_SHARE = 0.5, 0.8


def popularity_tiers(counts: np.ndarray) -> np.ndarray:
    """The tier of each item, from how often it occurs in the training events.

    Items are taken from the most to the least frequent (equal counts: lower code first). Head is the smallest such set
    with at least 50% of the events, mid the next ones up to 80%, tail the other items with events, new those without.

    Args:
        counts: int64[N + 1], events an item; entry 0 is padding and is not counted.

    Returns:
        int8[N + 1], an index into ``TIERS``; entry 0 is ``NEW``.

    Raises:
        InputError: ``counts`` is not one row with a padding entry, or holds a negative number.
    """
    counts = np.asarray(counts)
    require(
        counts.ndim == 1 and len(counts) > 0,
        f"counts of shape {counts.shape}",
        "counts are one number an item, after padding",
        "pass int64[N + 1]",
    )
    require(int(counts.min()) >= 0, f"count {int(counts.min())}", "an item cannot have fewer than 0 events", "pass counts >= 0")
    events = counts[1:].astype(np.int64)
    order = np.argsort(-events, kind="stable")
    total = int(events.sum())
    before = np.cumsum(events[order]) - events[order]  # events of all more popular items
    tiers = np.full(len(events), TAIL, np.int8)
    tiers[before < MID_SHARE * total] = MID
    tiers[before < HEAD_SHARE * total] = HEAD
    tiers[events[order] == 0] = NEW
    result = np.zeros(len(counts), np.int8)
    result[1 + order] = tiers
    return result
