"""The pool against a loop over steps."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from penchant.nn.pooling import CausalPool


@pytest.mark.parametrize("attentive", [True, False])
def test_equals_a_loop(attentive: bool) -> None:
    torch.manual_seed(0)
    pool, x = CausalPool(4, attentive=attentive), torch.randn(3, 6, 4)
    found = pool(x)
    for row in range(3):
        for step in range(6):
            before = x[row, : step + 1]
            weights = torch.ones(step + 1)
            if attentive:
                weights = torch.exp(pool.score(before)[:, 0] + F.softplus(pool.rate) * torch.arange(step + 1))
            torch.testing.assert_close(found[row, step], (weights[:, None] * before).sum(0) / weights.sum(), rtol=1e-4, atol=1e-5)


def test_a_steep_rate_leaves_the_newest_step() -> None:
    pool = CausalPool(4)
    with torch.no_grad():
        pool.score.weight.zero_()
        pool.rate.fill_(10)
    x = torch.randn(2, 400, 4, requires_grad=True)
    out = pool(x)
    out.sum().backward()
    assert torch.isfinite(x.grad).all()
    torch.testing.assert_close(out, x, rtol=1e-3, atol=1e-3)  # the newest counts e^10 times the one before
