"""Histories whose suspect items are replaced by likelier ones.

Letters: R rows of E events together, N items, D width of text vectors, n suspects.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from penchant.core.errors import require
from penchant.data.histories import Histories

_AT_ONCE = 1024  # suspects whose likeness to all items is held at a time


def suspects(suspicion: np.ndarray, histories: Histories, *, share: float = 0.1, most: float = 0.2) -> np.ndarray:
    """bool[E], the most suspect events: a share of all, but never too many of one row.

    Args:
        suspicion: float64[E], comparable between rows; higher is more suspect.
        histories: R rows.
        share: Of all events.
        most: Share of a row's events that may be suspects, rounded down but at least one.

    Raises:
        InputError: A share is outside 0..1.
    """
    for name, value in (("share", share), ("most", most)):
        require(0 <= value <= 1, f"{name}={value}", "a share of events", "pass a number from 0 to 1")
    count = int(share * histories.num_events)
    found = np.zeros(histories.num_events, bool)
    found[np.argsort(-suspicion, kind="stable")[:count]] = True
    places = np.empty(histories.num_events, np.int64)  # 0 for the most suspect event of a row
    places[np.lexsort((-suspicion, histories.rows))] = histories.places
    return found & (places < np.maximum(1, (most * histories.lengths).astype(np.int64))[histories.rows])


def replaced_alike(histories: Histories, which: np.ndarray, vectors: np.ndarray, *, near: int = 2) -> Histories:
    """Suspects replaced by the item whose text is most like the events around them, other suspects left out.

    A suspect without any other event near it stays. No item is put in its own place.

    Args:
        histories: R rows.
        which: bool[E], the suspects.
        vectors: float32[N + 1, D], unit rows; row 0 is zero.
        near: Events before, and events behind, that are looked at.
    """
    found = np.flatnonzero(which)
    around = np.zeros((len(found), vectors.shape[1]), np.float32)
    for step in [*range(-near, 0), *range(1, near + 1)]:
        other = found + step
        inside = (other >= 0) & (other < histories.num_events)
        other = np.clip(other, 0, max(histories.num_events - 1, 0))
        inside &= (histories.rows[other] == histories.rows[found]) & ~which[other]
        around[inside] += vectors[histories.items[other[inside]]]
    items = histories.items.copy()
    for start in range(0, len(found), _AT_ONCE):
        part = found[start : start + _AT_ONCE]
        like = around[start : start + _AT_ONCE] @ vectors.T  # [n, N + 1]
        like[:, 0] = -np.inf
        like[np.arange(len(part)), histories.items[part]] = -np.inf
        known = np.abs(around[start : start + _AT_ONCE]).sum(axis=1) > 0
        items[part[known]] = like.argmax(axis=1)[known]
    return replace(histories, items=items.astype(np.int32))


def replaced_by(histories: Histories, which: np.ndarray, others: Histories) -> Histories:
    """Suspects replaced by what stands in their place in other histories.

    Args:
        histories: R rows.
        which: bool[E], the suspects.
        others: As many events, for example of chance.
    """
    return replace(histories, items=np.where(which, others.items, histories.items).astype(np.int32))
