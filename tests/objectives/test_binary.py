"""The safe form equals the formula, stays finite where the formula does not, and negatives are never the target."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from penchant.core.errors import InputError
from penchant.objectives.binary import BinaryCrossEntropy, generalised_binary, generalised_binary_reference


class Table:
    """A matrix that remembers what was asked for."""

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights, self.asked = weights, []

    def all(self) -> torch.Tensor:
        return self.weights

    def some(self, items: torch.Tensor) -> torch.Tensor:
        self.asked.append(items)
        return self.weights[items]


@pytest.mark.parametrize("beta", [1.0, 0.3, 0.01])
def test_safe_form_equals_the_formula_in_value_and_gradients(beta: float) -> None:
    torch.manual_seed(0)
    positive = torch.randn(9, requires_grad=True)
    negative = torch.randn(9, 5, requires_grad=True)
    fast, slow = generalised_binary(positive, negative, beta), generalised_binary_reference(positive, negative, beta)
    torch.testing.assert_close(fast, slow)
    for a, b in zip(torch.autograd.grad(fast, (positive, negative)), torch.autograd.grad(slow, (positive, negative)), strict=True):
        torch.testing.assert_close(a, b)


def test_known_answers() -> None:
    loss = generalised_binary(torch.zeros(1), torch.zeros(1, 3), 0.5)
    assert float(loss) == pytest.approx((0.5 * math.log(2) + 3 * math.log(2)) / 4)
    taken_out = generalised_binary(torch.zeros(1), torch.tensor([[0.0, -torch.inf]]))
    assert float(taken_out) == pytest.approx(2 * math.log(2) / 3)


def test_plain_equals_binary_cross_entropy_of_torch() -> None:
    positive, negative = torch.randn(7), torch.randn(7, 2)
    logits = torch.cat([positive[:, None], negative], dim=1)
    labels = torch.tensor([1.0, 0.0, 0.0]).expand(7, 3)
    torch.testing.assert_close(generalised_binary(positive, negative), F.binary_cross_entropy_with_logits(logits, labels))


def test_huge_logits_stay_finite() -> None:
    positive = torch.tensor([-1e4, 1e4], requires_grad=True)
    negative = torch.tensor([[1e4], [-torch.inf]], requires_grad=True)
    loss = generalised_binary(positive, negative, 0.2)
    loss.backward()
    assert loss.item() == pytest.approx((0.2e4 + 1e4) / 4)
    assert torch.isfinite(positive.grad).all()
    assert torch.isfinite(negative.grad).all()


def test_calibration_sets_the_power_between_one_and_the_share_sampled() -> None:
    def beta(t: float) -> float:
        return BinaryCrossEntropy(101, negatives=10, calibration=t).beta

    assert beta(0.0) == pytest.approx(1.0)
    assert beta(1.0) == pytest.approx(0.1)
    assert beta(0.5) == pytest.approx(0.55)


def test_own_negatives_are_uniform_over_the_other_items() -> None:
    torch.manual_seed(0)
    table, targets = Table(torch.randn(6, 4)), torch.full((4000,), 3)
    BinaryCrossEntropy(5, negatives=3)(torch.randn(4000, 4), targets, table)
    drawn = torch.bincount(table.asked[1].flatten(), minlength=6)
    assert drawn[[0, 3]].tolist() == [0, 0]
    torch.testing.assert_close(drawn[[1, 2, 4, 5]] / 12_000, torch.full((4,), 0.25), atol=0.02, rtol=0)


def test_a_shared_negative_that_is_the_target_costs_nothing() -> None:
    torch.manual_seed(0)
    table, states = Table(torch.randn(3, 4)), torch.randn(50, 4)
    targets = torch.randint(1, 3, (50,))
    loss = BinaryCrossEntropy(2, negatives=1, shared=True)(states, targets, table)
    drawn = int(table.asked[1])
    logits = states @ table.weights.T
    expected = F.softplus(-logits[torch.arange(50), targets]) + torch.where(targets == drawn, 0.0, F.softplus(logits[:, drawn]))
    torch.testing.assert_close(loss, expected.mean() / 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"negatives": 0}, "negatives=0: "), ({"negatives": 5}, "pass 1<=negatives<=4"), ({"calibration": 2.0}, "calibration=2.0: ")],
)
def test_impossible_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BinaryCrossEntropy(5, **settings)  # type: ignore[arg-type]
