from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.pipeline.rules.exploration import chances_to_be_best


def test_equals_have_equal_chances() -> None:
    assert chances_to_be_best(np.full(5, 1.0), np.full(5, 9.0)) == pytest.approx(np.full(5, 0.2))
    assert chances_to_be_best(np.ones(1), np.ones(1)) == pytest.approx([1.0])


def test_two_uniform_rates_and_their_square() -> None:
    """Beta(2, 1) has the distribution function x^2: it is above a uniform one with probability 2/3."""
    assert chances_to_be_best(np.array([2.0, 1.0]), np.array([1.0, 1.0])) == pytest.approx([2 / 3, 1 / 3], abs=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 200)), min_size=2, max_size=12))
def test_the_integral_is_what_many_draws_show(posteriors: list[tuple[int, int]]) -> None:
    successes, failures = np.array(posteriors, float).T
    draws = np.random.default_rng(0).beta(successes, failures, (20_000, len(posteriors)))
    shares = np.bincount(draws.argmax(axis=1), minlength=len(posteriors)) / len(draws)
    found = chances_to_be_best(successes, failures)
    assert found.sum() == pytest.approx(1.0)
    assert found == pytest.approx(shares, abs=0.02)
