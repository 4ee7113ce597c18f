"""Contrast of views: known values, gradients, and the cases in which nothing is left to contrast."""

from __future__ import annotations

import pytest
import torch

from penchant.objectives.views import margins, two_views


def slow(first: torch.Tensor, second: torch.Tensor, users: list[int]) -> float:
    """The definition, view by view."""
    views, count, total = torch.cat([first, second]), len(first), 0.0
    for i in range(2 * count):
        pair = (i + count) % (2 * count)
        others = [j for j in range(2 * count) if users[j % count] != users[i % count] or j == pair]
        scores = views[i] @ views[others].T
        total -= float(torch.log_softmax(scores, dim=0)[others.index(pair)])
    return total / (2 * count)


@pytest.mark.parametrize("users", [[1, 2, 3, 4], [1, 2, 1, 4], [5, 5, 5, 5]])
def test_it_is_the_mean_over_all_views(users: list[int]) -> None:
    torch.manual_seed(0)
    first, second = torch.randn(4, 3), torch.randn(4, 3)
    found = two_views(first, second, users=torch.tensor(users))
    assert float(found) == pytest.approx(slow(first, second, users), rel=1e-5)
    if len(set(users)) == 4:
        assert float(two_views(first, second)) == pytest.approx(float(found))


def test_alike_views_cost_less_than_strangers() -> None:
    torch.manual_seed(0)
    views = torch.randn(8, 16)
    assert two_views(views, views, cosine=True, temperature=0.1) < 0.1 < two_views(views, views.roll(1, 0), cosine=True, temperature=0.1)


def test_one_row_has_nothing_to_contrast() -> None:
    row = torch.randn(1, 4, requires_grad=True)
    total = two_views(row, row * 2) + margins(row, row * 2)
    total.backward()
    assert float(total.detach()) == 0.0 and row.grad is not None and not row.grad.any()


def test_margins_by_hand() -> None:
    first, second = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    # Scores of pairs 4, 3, 4, 3; of the hardest others 0: lo = 0, hi = 3.5.
    assert float(margins(first, second)) == pytest.approx(3.5 + 3.5)


def test_gradients() -> None:
    torch.manual_seed(1)
    first, second = (torch.randn(3, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(margins, (first, second))
    for view in (first, second):
        view.grad = None
    two_views(first, second).backward()
    step = 1e-4
    with torch.no_grad():
        shift = torch.zeros_like(first)
        shift[1, 0] = step
        slope = (float(two_views(first + shift, second)) - float(two_views(first - shift, second))) / (2 * step)
    assert first.grad is not None and float(first.grad[1, 0]) == pytest.approx(slope, abs=2e-3)
