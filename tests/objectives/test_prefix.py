from __future__ import annotations

import pytest
import torch

from penchant.core.errors import InputError
from penchant.objectives.prefix import prefix_loss

TARGET = torch.log(torch.tensor([[0.5, 0.25], [0.9, 0.1]]))


def test_each_prefix_counts_by_how_unlikely_it_is() -> None:
    first = [-TARGET[0, 0], -TARGET[0].sum() / 2]
    second = [-TARGET[1, 0], -TARGET[1].sum() / 2]
    expected = sum((a * a + b * b) / (a + b) for a, b in (first, second)) / 2
    torch.testing.assert_close(prefix_loss(TARGET), expected)


def test_the_focus_looks_at_the_worst_prefix() -> None:
    worst = -TARGET.cumsum(dim=1) / torch.tensor([1, 2])
    torch.testing.assert_close(prefix_loss(TARGET, focus=200.0), worst.amax(dim=1).mean())
    torch.testing.assert_close(prefix_loss(TARGET, temperature=2.0), prefix_loss(TARGET) / 2)


def test_negatives_stand_for_all_other_prefixes() -> None:
    target = torch.log(torch.tensor([[0.5]]))
    negatives = torch.log(torch.tensor([[[0.2], [0.1]]]))
    shared = torch.zeros(1, 2, 1, dtype=torch.bool)
    found = prefix_loss(target, negatives, shared, rivals=torch.tensor([5.0]))
    torch.testing.assert_close(found, -torch.log(torch.tensor(0.5 / (0.5 + 2 * 0.3))))


def test_negatives_with_the_targets_prefix_are_left_out() -> None:
    target = torch.log(torch.tensor([[0.5, 0.5]]))
    negatives = torch.log(torch.tensor([[[0.5, 0.3], [0.1, 0.2]]]))
    shared = torch.tensor([[[True, False], [False, False]]])
    found = prefix_loss(target, negatives, shared, rivals=torch.tensor([2.0, 3.0]), focus=0.0)
    first = torch.log(torch.tensor((0.5 + 0.1) / 0.5))
    second = torch.log(torch.tensor((0.25 + (0.15 + 0.02)) / 0.25)) / 2
    torch.testing.assert_close(found, (first**2 + second**2) / (first + second))


def test_when_every_negative_shares_the_prefix_it_costs_nothing() -> None:
    target = torch.log(torch.tensor([[0.5]])).requires_grad_()
    negatives = torch.log(torch.tensor([[[0.5]]]))
    loss = prefix_loss(target, negatives, torch.ones(1, 1, 1, dtype=torch.bool), rivals=torch.tensor([1.0]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert target.grad is not None and torch.isfinite(target.grad).all()


def test_gradients_flow_through_losses_and_not_through_weights() -> None:
    target = TARGET.clone().requires_grad_()
    prefix_loss(target).backward()
    losses = (-TARGET.cumsum(dim=1) / torch.tensor([1, 2])).numpy()
    weights = losses / losses.sum(axis=1, keepdims=True)
    expected = -(weights[0, 0] + weights[0, 1] / 2) / 2
    assert target.grad is not None
    assert float(target.grad[0, 0]) == pytest.approx(expected, rel=1e-5)


def test_negatives_need_their_company() -> None:
    with pytest.raises(InputError, match="pass all three"):
        prefix_loss(TARGET, TARGET[:, None])
