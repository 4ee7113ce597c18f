"""Ratios of sums and their spread."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.evaluate.ratio import linearised


def test_the_mean_is_the_ratio_and_the_spread_is_the_true_one() -> None:
    rng = np.random.default_rng(8)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        taste, lists = rng.beta(2, 6, n), 1 + rng.poisson(4, n)
        return rng.binomial(lists, taste).astype(float), lists.astype(float)

    clicks, lists = draw(2_000)
    values = linearised(clicks, lists)
    assert values.mean() == pytest.approx(clicks.sum() / lists.sum())
    again = [clicks.sum() / lists.sum() for clicks, lists in (draw(2_000) for _ in range(400))]
    assert values.std(ddof=1) / 2_000**0.5 == pytest.approx(float(np.std(again)), rel=0.15)
    naive = (values.mean() * (1 - values.mean()) / lists.sum()) ** 0.5
    assert naive < 0.85 * float(np.std(again)), "lists of one user are alike: taking them as independent would be too sure"


def test_nothing_to_divide_by_is_refused() -> None:
    with pytest.raises(InputError, match="something to divide by"):
        linearised(np.ones(2), np.zeros(2))
