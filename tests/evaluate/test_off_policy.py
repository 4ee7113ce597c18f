"""What another policy would have earned: against the truth, which is known here."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.evaluate.off_policy import off_policy

EARNS = np.array([0.1, 0.3, 0.6])  # mean reward of three actions
LOGGED, OTHER = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.2, 0.7])
TRUTH = float(OTHER @ EARNS)


def played(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    actions = rng.choice(3, n, p=LOGGED)
    return actions, (rng.random(n) < EARNS[actions]).astype(float)


def test_all_three_find_the_truth_where_a_plain_mean_does_not() -> None:
    actions, rewards = played(50_000, 1)
    found = off_policy(
        rewards, LOGGED[actions], OTHER[actions], expected=EARNS[actions], expected_target=np.full(len(actions), float(OTHER @ EARNS))
    )
    assert abs(rewards.mean() - TRUTH) > 0.2
    for estimate in (found.ips, found.snips, found.doubly_robust):
        assert estimate == pytest.approx(TRUTH, abs=0.02)
    assert found.low < TRUTH < found.high
    assert found.warning is None


def test_doubly_robust_is_right_where_the_propensities_or_the_model_are() -> None:
    actions, rewards = played(50_000, 2)
    wrong = np.full(50_000, 1 / 3)
    modelled = {"expected": EARNS[actions], "expected_target": np.full(50_000, TRUTH)}
    assert off_policy(rewards, wrong, OTHER[actions], **modelled).doubly_robust == pytest.approx(TRUTH, abs=0.02)
    assert abs(off_policy(rewards, wrong, OTHER[actions]).ips - TRUTH) > 0.1
    bad_model = {"expected": np.full(50_000, 0.9), "expected_target": np.full(50_000, 0.9)}
    assert off_policy(rewards, LOGGED[actions], OTHER[actions], **bad_model).doubly_robust == pytest.approx(TRUTH, abs=0.03)


def test_the_interval_holds_as_often_as_it_says() -> None:
    holds = 0
    for seed in range(200):
        actions, rewards = played(2_000, seed)
        found = off_policy(rewards, LOGGED[actions], OTHER[actions])
        holds += found.low <= TRUTH <= found.high
    assert holds >= 0.9 * 200


def test_the_same_policy_is_a_plain_mean() -> None:
    rewards = np.array([1.0, 0.0, 0.0, 1.0])
    found = off_policy(rewards, np.full(4, 0.25), np.full(4, 0.25))
    assert (found.ips, found.snips, found.effective) == (0.5, 0.5, 4.0)
    assert found.warning is not None and "too few" in found.warning


def test_clipping_bounds_the_weights_and_says_so() -> None:
    logged = np.array([0.001] * 5 + [0.5] * 995)
    rewards = np.array([1.0] * 5 + [0.0] * 995)
    free = off_policy(rewards, logged, np.full(1_000, 0.5))
    held = off_policy(rewards, logged, np.full(1_000, 0.5), most=10)
    assert free.ips == pytest.approx(2.5)
    assert held.ips == pytest.approx(0.05)
    assert free.effective < 10 < held.effective
    assert held.clipped == 0.005
    assert off_policy(rewards, logged, np.full(1_000, 0.5), most=0.9).warning == "100% of the weights were cut: expect a bias"


def test_decisions_of_one_user_are_not_taken_as_many() -> None:
    rng = np.random.default_rng(3)
    taste = np.repeat(rng.random(50) < 0.5, 40).astype(float)
    users = np.repeat(np.arange(50), 40)
    alone = off_policy(taste, np.ones(2_000), np.ones(2_000))
    together = off_policy(taste, np.ones(2_000), np.ones(2_000), units=users)
    assert together.high - together.low > 5 * (alone.high - alone.low)


def test_a_policy_that_would_do_nothing_of_it_has_no_estimate() -> None:
    found = off_policy(np.ones(10), np.full(10, 0.5), np.zeros(10))
    assert (found.snips, found.effective) == (0.0, 0.0)
    assert found.high == np.inf


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="a probability above 0"):
        off_policy(np.ones(2), np.array([0.0, 1.0]), np.ones(2))
    with pytest.raises(InputError, match="at least one"):
        off_policy(np.ones(0), np.ones(0), np.ones(0))
