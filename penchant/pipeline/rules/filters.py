"""Filters: items that must not be shown. They are known before candidates are made, so that none is made in vain.

Letters: N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.pipeline.rules.asked import Asked, Doings, When
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Exclude

#: Excluded items that generators are told of, the most popular ones; others are taken out of what they name. Closing each
#: one costs a beam search time.
TOLD = 500


@dataclass(frozen=True)
class Barred:
    """Items that rules exclude for one request.

    Attributes:
        mask: bool[N + 1].
        told: int32[m], those that generators are told of, at most ``TOLD``; some may stand there twice.
        all_told: Whether these are all.
    """

    mask: np.ndarray
    told: np.ndarray
    all_told: bool


class Filters:
    """All rules that exclude.

    Args:
        goods: N items.
        rules: As written.
    """

    def __init__(self, goods: Goods, rules: Sequence[Exclude]) -> None:
        fixed = np.zeros(len(goods) + 1, bool)
        self._others: list[_Conditional] = []
        for rule in rules:
            when = When(goods, rule)
            mask = None if rule.where is None else goods.mask(rule.where)
            doings = None if rule.did is None else Doings(goods, rule.did)
            if when.always and doings is None and mask is not None:
                fixed |= mask
            else:
                told = np.zeros(0, np.int32) if doings is not None or mask is None else _told(goods, mask)
                self._others.append(_Conditional(when, mask, doings, told))
        told = _told(goods, fixed)
        self._fixed = Barred(fixed, told, int(fixed.sum()) == len(told))

    def barred(self, asked: Asked) -> Barred:
        """What this request must not show."""
        holding = [one for one in self._others if one.when.holds(asked)]
        if not holding:
            return self._fixed
        mask, all_told = self._fixed.mask.copy(), self._fixed.all_told
        told: list[np.ndarray] = []
        for one in holding:
            if one.doings is None:
                if one.mask is not None:
                    mask |= one.mask
                told.append(one.told)
                all_told &= len(one.told) < TOLD
            else:
                items = one.doings.items_of(asked)
                items = items if one.mask is None else items[one.mask[items]]
                mask[items] = True
                told.append(np.unique(items))
        first = np.concatenate([*told, self._fixed.told])  # what this person had is what generators would name
        return Barred(mask, first[:TOLD], all_told and len(first) <= TOLD)


@dataclass(frozen=True)
class _Conditional:
    """A rule that does not always exclude the same."""

    when: When
    mask: np.ndarray | None
    doings: Doings | None
    told: np.ndarray


def _told(goods: Goods, mask: np.ndarray) -> np.ndarray:
    return goods.by_popularity(np.flatnonzero(mask).astype(np.int32))[:TOLD]
