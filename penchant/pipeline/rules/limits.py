"""Quotas and spacing over one catalogue.

Letters: N items, C candidates.
"""

from __future__ import annotations

import numpy as np

from penchant.pipeline.rules.asked import Asked, When
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Quota, Spacing
from penchant.pipeline.rules.selection import Cap, Floor, Gap


class Counted:
    """See ``Quota``.

    Args:
        goods: N items.
        rule: As written.
    """

    def __init__(self, goods: Goods, rule: Quota) -> None:
        self.goods, self.when = goods, When(goods, rule)
        self.most, self.least = rule.most, rule.least or 0
        if rule.where is not None:
            self.keys = goods.mask(rule.where).astype(np.int32)
        else:
            assert rule.by is not None
            self.keys = goods.keys(rule.by)
        self._members = goods.by_popularity(np.flatnonzero(self.keys).astype(np.int32)) if self.least else np.zeros(0, np.int32)

    def inject(self, asked: Asked, barred: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """int32[m], as many items as "at least" lacks among int32[C], without those of bool[N + 1]."""
        missing = self.least - int(np.count_nonzero(self.keys[candidates])) if self.least else 0
        return self.goods.nearest(self._members[~barred[self._members]], asked.history, max(missing, 0))

    def caps(self, items: np.ndarray) -> list[Cap]:
        """What "at most" says of int32[C]."""
        return [] if self.most is None else [Cap(self.keys[items], self.most)]

    def floors(self, items: np.ndarray) -> list[Floor]:
        """What "at least" says of int32[C]."""
        return [Floor(self.keys[items] > 0, self.least)] if self.least else []


class Spaced:
    """See ``Spacing``.

    Args:
        goods: N items.
        rule: As written.
    """

    def __init__(self, goods: Goods, rule: Spacing) -> None:
        self.when, self.window, self.most = When(goods, rule), rule.window, rule.most
        self.keys = goods.keys(rule.by)

    def gap(self, items: np.ndarray) -> Gap:
        """What it says of int32[C]."""
        return Gap(self.keys[items], self.window, self.most)
