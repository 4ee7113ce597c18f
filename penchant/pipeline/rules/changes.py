"""Changes of scores: factors on the candidates, and items that are made candidates because a rule speaks for them.

Letters: N items, C candidates.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from penchant.pipeline.rules.asked import Asked
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Boost, Freshness
from penchant.users.decay import DAY


class Change(Protocol):
    """What one rule does with scores, where it holds."""

    @property
    def label(self) -> str | None:
        """Stands at each item that is meant; None: nothing does."""
        ...

    def meant(self, items: np.ndarray) -> np.ndarray:
        """bool[C], which of int32[C] it is about."""
        ...

    def inject(self, asked: Asked, barred: np.ndarray) -> np.ndarray:
        """int32[m], items that are made candidates, without those of bool[N + 1]."""
        ...

    def factors(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """float32[C], factors on the scores of int32[C]; 1 where an item is not meant."""
        ...


class Boosted:
    """See ``Boost``.

    Args:
        goods: N items.
        rule: As written.
    """

    def __init__(self, goods: Goods, rule: Boost) -> None:
        self.goods, self.label = goods, rule.label
        self._mask = goods.mask(rule.where)
        self._strength = np.float32(rule.strength)
        self._count = rule.inject if rule.strength > 1 else 0
        self._items = goods.by_popularity(np.flatnonzero(self._mask).astype(np.int32)) if self._count else np.zeros(0, np.int32)

    def meant(self, items: np.ndarray) -> np.ndarray:
        """See ``Change``."""
        return self._mask[items]

    def inject(self, asked: Asked, barred: np.ndarray) -> np.ndarray:
        """See ``Change``."""
        return self.goods.nearest(self._items[~barred[self._items]], asked.history, self._count)

    def factors(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """See ``Change``."""
        return np.where(self._mask[items], self._strength, np.float32(1))


class Fresh:
    """See ``Freshness``.

    Args:
        goods: N items.
        rule: As written.
    """

    label = None

    def __init__(self, goods: Goods, rule: Freshness) -> None:
        self._created, self._more, self._half = goods.created, rule.strength - 1, rule.half_life_days * DAY

    def meant(self, items: np.ndarray) -> np.ndarray:
        """See ``Change``."""
        return ~np.isnan(self._created[items])

    def inject(self, asked: Asked, barred: np.ndarray) -> np.ndarray:
        """Nothing."""
        return np.zeros(0, np.int32)

    def factors(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """See ``Change``. What is to be created in the future is as fresh as can be."""
        age = np.maximum(asked.now - self._created[items], 0.0)
        return np.where(np.isnan(age), 1.0, 1 + self._more * np.exp2(-age / self._half)).astype(np.float32)
