"""Less noise, the same mean."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.evaluate.always_valid import of_difference
from penchant.evaluate.cuped import adjusted


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_the_variance_is_less_by_the_square_of_the_correlation(share: float) -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(5, 2, 20_000)
    outcomes = share * before + rng.normal(0, 1, 20_000)
    found = adjusted(outcomes, before)
    assert found.values.mean() == pytest.approx(outcomes.mean())
    assert found.values.var() == pytest.approx(outcomes.var() * (1 - found.correlation**2))
    assert found.theta == pytest.approx(share, abs=0.02)


def test_an_effect_is_kept_and_its_interval_is_narrower() -> None:
    rng = np.random.default_rng(3)
    before, treated = rng.normal(0, 2, 4_000), rng.random(4_000) < 0.5
    outcomes = before + rng.normal(0, 0.5, 4_000) + 0.2 * treated
    values = adjusted(outcomes, before).values
    plain, better = (of_difference(one[treated], one[~treated]) for one in (outcomes, values))
    assert better.low < 0.2 < better.high
    assert better.high - better.low < 0.4 * (plain.high - plain.low)
    assert better.low > 0 > plain.low


def test_a_covariate_that_says_nothing_changes_nothing() -> None:
    outcomes = np.array([1.0, 0.0, 2.0])
    assert adjusted(outcomes, np.ones(3)).values.tolist() == outcomes.tolist()
    assert adjusted(np.zeros(0), np.zeros(0)).theta == 0
    with pytest.raises(InputError, match="3 outcomes and 2 covariates"):
        adjusted(outcomes, np.ones(2))
