"""Intervals that may be looked at at any time: right where one looks all the time, and not much wider than need be."""

from __future__ import annotations

from math import inf, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.evaluate.always_valid import LEAST, evidence, looks, mixture_width, of_difference, of_mean, radius

ALPHA = 0.05


def test_the_radius_is_that_of_the_theorem() -> None:
    r = sqrt((-2 * log(0.05) + log(1 - 2 * log(0.05))) / 500)
    assert mixture_width(0.05, 500) == pytest.approx(r)
    n, spread = 300, 300 * r**2
    assert radius(2.0, n, 0.05, 500) == pytest.approx(2.0 * sqrt(2 * (n * r**2 + 1) / (n**2 * r**2) * log(sqrt(spread + 1) / 0.05)))


def test_the_interval_is_narrowest_where_it_should_be() -> None:
    best = radius(1.0, 1_000, ALPHA, 1_000)
    assert all(best <= radius(1.0, 1_000, ALPHA, other) for other in (100, 500, 900, 1_100, 2_000, 10_000))


@given(estimate=st.floats(-2, 2), deviation=st.floats(0.1, 5), n=st.integers(1, 10**6))
def test_p_is_below_alpha_exactly_where_the_interval_excludes_zero(estimate: float, deviation: float, n: int) -> None:
    half = radius(deviation, n, ALPHA)
    if abs(abs(estimate) - half) > 1e-9:
        assert (evidence(estimate, deviation, n, ALPHA) < ALPHA) == (abs(estimate) > half)


def excludes_zero(found: list) -> bool:
    return any(one.low > 0 or one.high < 0 for one in found)


def test_who_looks_all_the_time_is_wrong_no_more_often_than_alpha_and_a_fixed_interval_far_more() -> None:
    rng = np.random.default_rng(5)
    runs, n, at = 300, 2_000, np.arange(2 * LEAST + 20, 2_001, 20)
    wrong = fixed = 0
    for _ in range(runs):
        values, treated = (rng.random(n) < 0.3).astype(float), rng.random(n) < 0.5
        found = looks(values, treated, at, ALPHA)
        wrong += excludes_zero(found)
        usual = [1.96 * sqrt(one.units) * (one.high - one.estimate) / (radius(1.0, one.units) * one.units) for one in found]
        fixed += any(abs(one.estimate) > half for one, half in zip(found, usual, strict=True))
    assert wrong <= runs * ALPHA
    assert fixed > 3 * runs * ALPHA, "this is what is avoided"


def test_a_real_difference_is_found() -> None:
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(50):
        treated = rng.random(4_000) < 0.5
        values = (rng.random(4_000) < np.where(treated, 0.36, 0.3)).astype(float)
        found += excludes_zero(looks(values, treated, np.arange(200, 4_001, 200)))
    assert found >= 40


def test_the_difference_is_that_of_the_means() -> None:
    rng = np.random.default_rng(1)
    treated, control = rng.normal(2, 1, 400), rng.normal(1, 3, 200)
    found = of_difference(treated, control)
    assert found.estimate == pytest.approx(treated.mean() - control.mean())
    assert found.low < 1 < found.high
    assert found.high - found.estimate == pytest.approx(radius(sqrt(600 * (treated.var(ddof=1) / 400 + control.var(ddof=1) / 200)), 600))
    mirrored = of_difference(control, treated)
    assert (mirrored.low, mirrored.high, mirrored.p) == pytest.approx((-found.high, -found.low, found.p))


def test_too_little_says_nothing() -> None:
    few = np.ones(LEAST - 1)
    assert (of_mean(few).low, of_mean(few).high, of_mean(few).p) == (-inf, inf, 1.0)
    assert of_difference(few, np.zeros(500)).p == 1.0
    assert of_difference(np.zeros(0), np.zeros(0)).units == 0


def test_without_any_spread_the_answer_is_sure() -> None:
    found = of_difference(np.ones(50), np.zeros(50))
    assert (found.low, found.high, found.p) == (1.0, 1.0, 0.0)
    assert of_difference(np.ones(50), np.ones(50)).p == 1.0


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_an_impossible_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match="an error rate lies between 0 and 1"):
        mixture_width(alpha)
