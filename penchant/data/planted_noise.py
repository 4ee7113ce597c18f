"""Noise of which everybody knows where it is: events whose item was replaced by one of chance, for measuring what finds it.

Letters: E events, N items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories

_NOISE = 11  # a purpose of the seed


@dataclass(frozen=True)
class Planted:
    """Histories with noise.

    Attributes:
        histories: R rows of as many events as before.
        noise: bool[E], where an item was replaced.
        before: int32[E], the items as they were.
    """

    histories: Histories
    noise: np.ndarray
    before: np.ndarray


def planted(histories: Histories, num_items: int, *, share: float = 0.1, seed: int = 0) -> Planted:
    """Replace the items of some events by others, all items being equally likely. Each event has the same chance to be noise.

    Args:
        histories: R rows.
        num_items: N, at least 2.
        share: Of events that become noise.
        seed: Of chance.

    Raises:
        InputError: ``share`` is outside 0..1, or there is no other item.
    """
    require(0 <= share <= 1, f"share={share}", "a share of events", "pass a number from 0 to 1")
    require(num_items >= 2, f"num_items={num_items}", "an item is replaced by another", "pass two or more items")
    random = generator(seed, _NOISE)
    noise = random.random(histories.num_events) < share
    drawn = random.integers(1, num_items, size=histories.num_events)  # of the others: what is at or above the item moves up by one
    others = drawn + (drawn >= histories.items)
    items = np.where(noise, others, histories.items).astype(np.int32)
    return Planted(replace(histories, items=items), noise, histories.items)
