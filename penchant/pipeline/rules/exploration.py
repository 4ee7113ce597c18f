"""Exploration: places that go by chance to items of which little is known, so that something is learnt of them.

The chance of each item is computed first and then drawn from, so what is logged is what was done: exactly 1/E with the uniform
method. Thompson's chance, that an item's success rate is the largest of E by their posteriors, has no closed form; the
integral is taken on a grid.

Letters: E items that may be drawn, G points of the grid.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import betainc

from penchant.pipeline.rules.asked import Asked, When
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Explore
from penchant.pipeline.rules.outcomes import Outcomes
from penchant.pipeline.rules.selection import Draws

_GRID = 1_024  # points: rates are told apart by a thousandth


class Explorer:
    """See ``Explore``.

    Args:
        goods: N items.
        rule: As written.
    """

    def __init__(self, goods: Goods, rule: Explore) -> None:
        self.goods, self.rule = goods, rule
        self.when = When(goods, rule)
        self._mask = goods.mask(rule.where)
        self._items = goods.by_popularity(np.flatnonzero(self._mask).astype(np.int32))

    def inject(self, asked: Asked, barred: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """int32[m], items that are made candidates so that there are ``pool`` to draw from.

        Args:
            asked: The request.
            barred: bool[N + 1], which are not.
            candidates: int32[C], what is there already.
        """
        missing = self.rule.pool - int(np.count_nonzero(self._mask[candidates]))
        return self.goods.nearest(self._items[~barred[self._items]], asked.history, max(missing, 0))

    def draws(self, asked: Asked, candidates: np.ndarray) -> Draws:
        """The places that may go by chance, among int32[C] in the order of preference: the first ``pool`` of its items take part."""
        members = self._mask[candidates]
        members &= np.cumsum(members) <= self.rule.pool
        most = asked.k if self.rule.most is None else self.rule.most

        def chances(places: np.ndarray) -> np.ndarray:
            return self.chances(candidates[places], asked.outcomes)

        return Draws(members, self.rule.chance, self.rule.keep_first, most, chances, asked.random())

    def chances(self, items: np.ndarray, outcomes: Outcomes) -> np.ndarray:
        """float64[E], of each of int32[E] to be the one that is drawn; they sum to 1."""
        if self.rule.method == "uniform":
            return np.full(len(items), 1 / len(items))
        successes, failures = outcomes.counts(items)
        return chances_to_be_best(self.rule.prior[0] + successes, self.rule.prior[1] + failures)


def chances_to_be_best(successes: np.ndarray, failures: np.ndarray) -> np.ndarray:
    """float64[E], P(rate of i is the largest), for independent rates ~ Beta(successes, failures), float[E] each.

    P_i is the integral over x of the product of the others' distribution functions, by i's distribution: on each step of
    the grid the step of i's times the mean of the others' product (trapezoid). Equal posteriors get equal chances.
    """
    both, which, alike = np.unique(successes + 1j * failures, return_inverse=True, return_counts=True)
    below = np.stack([_below(float(one.real), float(one.imag)) for one in both])
    logs = np.log(np.maximum(below, 1e-300))
    others = np.exp(alike @ logs - logs)  # without one of its own kind
    found = (np.diff(below, axis=1) * (others[:, 1:] + others[:, :-1]) / 2).sum(axis=1)[which.ravel()]
    return found / found.sum()


@lru_cache(maxsize=4_096)
def _below(successes: float, failures: float) -> np.ndarray:
    """float64[G], Beta's distribution function."""
    return betainc(successes, failures, np.linspace(0, 1, _GRID))
