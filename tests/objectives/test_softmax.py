"""The chunked softmax equals the plain one; the sampled one estimates it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.objectives.softmax import FullSoftmax, SampledSoftmax, linear_cross_entropy, linear_cross_entropy_reference


class Table:
    """An item table that is a matrix."""

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights

    def all(self) -> torch.Tensor:
        return self.weights

    def some(self, items: torch.Tensor) -> torch.Tensor:
        return self.weights[items]


@settings(max_examples=25, deadline=None)
@given(positions=st.integers(1, 40), items=st.integers(1, 60), chunk=st.integers(1, 50), seed=st.integers(0, 99))
def test_chunked_equals_plain_in_value_and_gradients(positions: int, items: int, chunk: int, seed: int) -> None:
    torch.manual_seed(seed)
    states = torch.randn(positions, 8, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(items, 8, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(items, (positions,))
    fast = linear_cross_entropy(states, weights, targets, chunk=chunk)
    slow = linear_cross_entropy_reference(states, weights, targets)
    torch.testing.assert_close(fast.double(), slow, rtol=1e-5, atol=1e-6)
    for a, b in zip(torch.autograd.grad(3 * fast, (states, weights)), torch.autograd.grad(3 * slow, (states, weights)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_bf16_gradients_point_the_same_way() -> None:
    torch.manual_seed(0)
    states = torch.randn(64, 32, requires_grad=True)
    weights = torch.randn(500, 32, requires_grad=True)
    targets = torch.randint(500, (64,))
    slow = torch.autograd.grad(linear_cross_entropy_reference(states, weights, targets), (states, weights))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fast = torch.autograd.grad(linear_cross_entropy(states, weights, targets), (states, weights))
    for a, b in zip(fast, slow, strict=True):
        assert torch.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.995


@pytest.mark.parametrize("size", [0.1, 1.0, 4.0])  # the largest lies beyond what needs no shift
def test_value_and_gradients_at_any_size_of_logits(size: float) -> None:
    torch.manual_seed(0)
    states, weights = torch.randn(30, 16) * size, torch.randn(77, 16) * size
    states.requires_grad_()
    targets = torch.randint(77, (30,))
    fast, slow = (loss(states, weights, targets) for loss in (linear_cross_entropy, linear_cross_entropy_reference))
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(*(torch.autograd.grad(loss, states)[0] for loss in (fast, slow)), rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(linear_cross_entropy(states, weights, targets), slow)


def test_huge_logits_stay_finite() -> None:
    states = torch.full((2, 4), 1e3, requires_grad=True)
    loss = linear_cross_entropy(states, torch.randn(9, 4) * 1e3, torch.tensor([0, 8]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(states.grad).all()


def test_sampled_loss_estimates_the_full_one() -> None:
    torch.manual_seed(0)
    states, weights = torch.randn(50, 8), torch.randn(201, 8) * 0.5
    targets = torch.randint(1, 201, (50,))
    counts = np.random.default_rng(0).integers(1, 50, 201)
    full = FullSoftmax()(states, targets, Table(weights))
    sampled = SampledSoftmax(counts, negatives=400, power=0.5)
    mean = torch.stack([sampled(states, targets, Table(weights)) for _ in range(200)]).mean()
    assert abs(float(mean - full)) < 0.05


def test_log_q_removes_the_popularity_bias_of_the_sampler() -> None:
    """With equal logits everywhere, the corrected loss is log N whatever the sampler prefers."""
    counts = np.array([0] + [1000] * 10 + [1] * 90)
    states, weights = torch.zeros(400, 4), torch.zeros(101, 4)
    torch.manual_seed(1)
    loss = SampledSoftmax(counts, negatives=300, power=1.0)(states, torch.randint(1, 101, (400,)), Table(weights))
    assert abs(float(loss) - np.log(100)) < 0.35


def test_no_negatives_is_refused() -> None:
    with pytest.raises(InputError, match=r"negatives=0: .*; pass negatives>=1"):
        SampledSoftmax(np.ones(4), negatives=0)
