from __future__ import annotations

import numpy as np
import pytest

from penchant.claims.verdicts import Outcome, bootstrap, compare, interval, outcome
from penchant.core.errors import InputError


def values(mean: float, seeds: int = 3, users: int = 4000, seed: int = 0, between: float = 0.0) -> np.ndarray:
    """float[S, R] of hits with a share of ``mean``, seeds ``between`` apart."""
    random = np.random.default_rng(seed)
    shares = np.clip(mean + between * random.normal(size=(seeds, 1)), 0, 1)
    return (random.random((seeds, users)) < shares).astype(np.float32)


def test_a_clear_gain_is_held_and_its_mirror_is_not() -> None:
    better, worse = values(0.3), values(0.2, seed=1)
    one, other = compare(better, worse, name="worse", comparisons=50), compare(worse, better, name="better", comparisons=50)
    assert one.outcome is Outcome.HELD
    assert other.outcome is Outcome.NOT_HELD
    assert one.difference == pytest.approx(-other.difference)
    assert one.difference == pytest.approx(0.1, abs=0.02)
    assert one.relative == pytest.approx(0.5, abs=0.15)


def test_equal_arms_are_undecided() -> None:
    assert compare(values(0.2), values(0.2, seed=1), name="same").outcome is Outcome.UNDECIDED


def test_a_negative_margin_lets_the_subject_be_behind() -> None:
    near, good = values(0.195, users=40_000), values(0.2, users=40_000, seed=1)
    assert compare(near, good, name="good", margin=-0.2).outcome is Outcome.HELD
    assert compare(near, good, name="good", margin=0.2).outcome is Outcome.NOT_HELD


def test_less_is_better_where_the_claim_says_so() -> None:
    assert compare(values(0.2), values(0.3, seed=1), name="more", lower=True).outcome is Outcome.HELD


def test_lower_is_better_margin_asks_for_a_share_of_the_other() -> None:
    found = compare(values(0.2, users=40_000), values(0.3, users=40_000, seed=1), name="more", lower=True, margin=0.5)
    assert found.outcome is Outcome.NOT_HELD  # a third less, and half was asked for


def test_more_comparisons_make_a_wider_interval() -> None:
    first, second = values(0.25), values(0.2, seed=1)
    few, many = (compare(first, second, name="x", comparisons=count).corrected for count in (1, 100))
    assert many[0] < few[0] < few[1] < many[1]


def test_seeds_that_disagree_widen_the_interval() -> None:
    calm, wild = interval(values(0.3)), interval(values(0.3, between=0.05))
    assert wild[1] - wild[0] > 1.5 * (calm[1] - calm[0])


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(100):
        low, high = interval(values(0.3, seeds=4, users=200, seed=seed, between=0.03))
        inside += low <= 0.3 <= high
    assert 0.82 <= inside / 100 <= 0.995  # four seeds say little about how seeds vary


def test_paired_users_cancel_what_both_arms_share() -> None:
    shared = values(0.3, seeds=1)
    first, second = bootstrap(shared, np.maximum(0, shared - 0.01), 500)
    assert np.std(first - second) < 0.1 * np.std(first)


def test_other_users_are_refused() -> None:
    with pytest.raises(InputError, match="same users"):
        compare(values(0.2, users=10), values(0.2, users=11), name="x")


def test_a_claim_holds_only_as_a_whole() -> None:
    held, lost, open_ = (
        compare(values(a, users=9000), values(b, users=9000, seed=1), name="x") for a, b in ((0.3, 0.2), (0.2, 0.3), (0.2, 0.2))
    )
    assert outcome([held, held]) is Outcome.HELD
    assert outcome([held, open_]) is Outcome.UNDECIDED
    assert outcome([held, open_, lost]) is Outcome.NOT_HELD
