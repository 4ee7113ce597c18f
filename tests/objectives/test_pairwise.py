"""BPR and its ridge against a numpy form written from the paper, gradients included."""

from __future__ import annotations

import numpy as np
import torch

from penchant.objectives.pairwise import bpr, ridge

RANDOM = np.random.default_rng(0)
USERS, ITEMS, OTHERS = RANDOM.normal(size=(10, 4)), RANDOM.normal(size=(10, 4)), RANDOM.normal(size=(10, 3, 4))


def numpy_gradients(l2: float) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Loss and gradients for p_u, q_i, q_j of 10 users with 3 negatives each."""
    loss, by_user, by_item, by_other = 0.0, np.zeros_like(USERS), np.zeros_like(ITEMS), np.zeros_like(OTHERS)
    for u in range(10):
        for m in range(3):
            gap = USERS[u] @ (ITEMS[u] - OTHERS[u, m])
            sigma = 1 / (1 + np.exp(-gap))
            loss -= np.log(sigma) / 30
            by_user[u] -= (1 - sigma) * (ITEMS[u] - OTHERS[u, m]) / 30
            by_item[u] -= (1 - sigma) * USERS[u] / 30
            by_other[u, m] += (1 - sigma) * USERS[u] / 30
    squares = (USERS**2).sum() + (ITEMS**2).sum() + (OTHERS**2).sum()
    return loss + l2 * squares / 20, by_user + l2 * USERS / 10, by_item + l2 * ITEMS / 10, by_other + l2 * OTHERS / 10


def test_value_and_gradients_equal_numpy() -> None:
    users, items, others = (torch.tensor(part, dtype=torch.float32, requires_grad=True) for part in (USERS, ITEMS, OTHERS))
    loss = bpr((users * items).sum(-1), (users[:, None] * others).sum(-1)) + 0.3 * ridge(users, items, others)
    expected, *gradients = numpy_gradients(0.3)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)
    for found, right in zip(torch.autograd.grad(loss, (users, items, others)), gradients, strict=True):
        np.testing.assert_allclose(found.numpy(), right, rtol=1e-4, atol=1e-6)


def test_large_gaps_stay_finite() -> None:
    assert bpr(torch.tensor([1e4]), torch.tensor([[-1e4]])) == 0
    assert torch.isclose(bpr(torch.tensor([-1e4]), torch.tensor([[1e4]])), torch.tensor(2e4))
