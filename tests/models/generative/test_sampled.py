"""Sampled beams are draws without replacement from the stated distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.models.generative.depth import DepthHead, DepthSettings
from penchant.models.generative.sampled import Sampled, conditioned, greatest_within, log_softmax_within
from tests.models.generative.worlds import padded

DRAWS = 20_000


def frequencies(codes: list[list[int]], search: Sampled, places: int, allowed: torch.Tensor | None = None) -> tuple[np.ndarray, np.ndarray]:
    """float[N + 1, N + 1], shares of (first, second) items drawn; and the log-probabilities float[N + 1] of all items."""
    torch.manual_seed(0)
    head, state = DepthHead(padded(np.array(codes)), 8, DepthSettings(temperature=0.8)).eval(), torch.randn(1, 8)
    found, _ = head.best(state.expand(DRAWS, -1), places, None, allowed, search=search)
    pairs = torch.nn.functional.pad(found, (0, 2 - places)).numpy()
    counts = np.zeros((len(codes) + 1, len(codes) + 1))
    np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
    with torch.no_grad():
        return counts / DRAWS, head.score(state)[0].double().numpy()


def softmax(values: np.ndarray) -> np.ndarray:
    weights = np.exp(values - values.max())
    return weights / weights.sum()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_of_one_level_agree_with_the_softmax(temperature: float) -> None:
    shares, scores = frequencies([[0], [1], [2], [3], [4]], Sampled(temperature, torch.Generator().manual_seed(1)), 2)
    chances = softmax(scores[1:] / temperature)
    np.testing.assert_allclose(shares[1:, 1:].sum(axis=1), chances, atol=0.015)  # four standard errors
    second = chances[:, None] * chances / (1 - chances[:, None])  # without replacement
    np.fill_diagonal(second, 0)
    np.testing.assert_allclose(shares[1:, 1:], second, atol=0.015)


def test_draws_of_two_levels_agree_with_the_scores_where_all_tuples_are_items() -> None:
    grid = [[first, second] for first in range(3) for second in range(2)]
    shares, scores = frequencies(grid, Sampled(generator=torch.Generator().manual_seed(1)), 1)
    np.testing.assert_allclose(np.exp(scores[1:]).sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(shares[1:, 0], np.exp(scores[1:]), atol=0.015)


def test_codes_that_lead_nowhere_take_no_part() -> None:
    grid = [[first, second] for first in range(2) for second in range(2)]
    allowed = torch.tensor([False, True, False, True, True])  # after the first code 0 only (0, 0) is left
    shares, scores = frequencies(grid, Sampled(generator=torch.Generator().manual_seed(1)), 1, allowed)
    firsts = np.exp(scores[1::2]) + np.exp(scores[2::2])
    within = np.exp(scores[3:]) / firsts[1]
    np.testing.assert_allclose(shares[1:, 0], [firsts[0], 0, firsts[1] * within[0], firsts[1] * within[1]], atol=0.015)


def test_lists_come_again_with_the_same_generator_only() -> None:
    codes = padded(np.arange(50)[:, None])
    head, states = DepthHead(codes, 8).eval(), torch.randn(4, 8)
    first, again, other = (head.best(states, 5, search=Sampled(2.0, torch.Generator().manual_seed(seed)))[0].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_known_answers_within_groups() -> None:
    values, groups = torch.tensor([0.0, 1.0, 5.0], dtype=torch.float64), torch.tensor([0, 0, 2])
    assert greatest_within(values, groups, 3).tolist() == [1, 1, 5]
    torch.testing.assert_close(log_softmax_within(values, groups, 3).exp(), torch.cat([values[:2].softmax(0), values.new_ones(1)]))
    moved = conditioned(values, groups, values.new_tensor([-2.0, 0.0, 7.0]))
    assert moved[1:].tolist() == [-2, 7]
    # F(x) = exp(-exp(-x)), a truncated Gumbel variable: exp(-moved) = exp(-greatest) - exp(-Z) + exp(-value)
    torch.testing.assert_close((-moved[0]).exp(), torch.tensor(np.exp(2.0) - np.exp(-1.0) + 1.0))


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("inf"), float("nan")])
def test_a_temperature_that_cannot_divide_is_refused(wrong: float) -> None:
    with pytest.raises(InputError, match=r"temperature=.*; pass temperature>0"):
        Sampled(wrong)
