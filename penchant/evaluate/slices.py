"""Named parts of the evaluated rows, so that an average cannot hide who is served badly.

Letters: R rows, E target events, N items.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from penchant.data.histories import Histories
from penchant.data.popularity import HEAD_SHARE, MID_SHARE, TIERS, popularity_tiers
from penchant.data.splits import Split, Targets


@dataclass(frozen=True)
class Slice:
    """Some of the rows.

    Attributes:
        group: What the rows are cut by; the slices of a group do not overlap and together hold all rows.
        name: The slice within its group.
        rule: One sentence that says which rows are in it.
        rows: bool[R].
    """

    group: str
    name: str
    rule: str
    rows: np.ndarray

    @property
    def size(self) -> int:
        """Rows in the slice."""
        return int(self.rows.sum())


POPULARITY = "target popularity"
LENGTH = "history length"

_TIER_RULES = {
    "head": f"items that hold the first {HEAD_SHARE:.0%} of the training events",
    "mid": f"items that hold the training events from {HEAD_SHARE:.0%} to {MID_SHARE:.0%}",
    "tail": "the other items with training events",
    "new": "cold items, without any training event",
}


def slices(split: Split, targets: Targets) -> list[Slice]:
    """Target popularity (head, mid, tail, new) and history length (short, middle, long); empty slices are left out."""
    counts = np.bincount(split.train.items, minlength=split.num_items + 1)
    return by_popularity(targets.items, popularity_tiers(counts)) + by_length(targets.histories)


def by_popularity(wanted: Histories, tiers: np.ndarray) -> list[Slice]:
    """By the tier most common among a row's targets; of equally common ones the rarer items'.

    Args:
        wanted: R rows of targets, at least one each.
        tiers: int8[N + 1], see ``penchant.data.popularity``.
    """
    kinds = len(TIERS)
    votes = np.bincount(wanted.rows * kinds + tiers[wanted.items], minlength=len(wanted) * kinds).reshape(-1, kinds)
    tier = votes.argmax(axis=1)  # the first of equals, and tiers are numbered from rare to popular
    return _filled(
        Slice(POPULARITY, TIERS[code], f"the targets' most common tier: {_TIER_RULES[TIERS[code]]}", tier == code)
        for code in reversed(range(kinds))
    )


def by_length(histories: Histories) -> list[Slice]:
    """By terciles of the number of visible events; equal lengths stay together, so the parts may differ in size."""
    lengths = histories.lengths
    if len(lengths) == 0:
        return []
    low, high = (int(cut) for cut in np.quantile(lengths, (1 / 3, 2 / 3), method="inverted_cdf"))
    return _filled(
        (
            Slice(LENGTH, "short", f"at most {low} earlier events", lengths <= low),
            Slice(LENGTH, "middle", f"{low + 1} to {high} earlier events", (lengths > low) & (lengths <= high)),
            Slice(LENGTH, "long", f"more than {high} earlier events", lengths > high),
        )
    )


def _filled(parts: Iterable[Slice]) -> list[Slice]:
    return [part for part in parts if part.size > 0]
