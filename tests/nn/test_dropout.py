"""Dropout keeps the mean, drops the right share, treats its gradient alike, and follows the seed."""

from __future__ import annotations

import pytest
import torch

from penchant.core.errors import InputError
from penchant.nn.dropout import Dropout, dropout


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("p", [0.01, 0.3, 0.9])
def test_share_and_scale(kind: torch.dtype, p: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(401, 501, dtype=kind)  # not a multiple of the four masks a random number gives
    out = dropout(x, p)
    assert out.dtype == kind
    assert float((out == 0).double().mean()) == pytest.approx(p, abs=0.004)
    assert set(out.unique().tolist()) == {0.0, float(torch.tensor(1 / (1 - round(p * 2**16) / 2**16), dtype=kind))}


def test_neighbours_are_independent() -> None:
    torch.manual_seed(0)
    kept = (dropout(torch.ones(200_000), 0.5) > 0).double() - 0.5
    for lag in (1, 2, 3, 4):
        assert abs(float((kept[lag:] * kept[:-lag]).mean())) < 0.003


def test_the_gradient_goes_where_the_value_went() -> None:
    x = torch.randn(50, requires_grad=True)
    out = dropout(x, 0.5)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient, torch.where(out == 0, 0.0, 2.0), rtol=1e-4, atol=0)


def test_same_seed_same_mask() -> None:
    outs = []
    for _ in range(2):
        torch.manual_seed(7)
        outs.append(dropout(torch.ones(99), 0.4))
    assert torch.equal(*outs)


def test_nothing_happens_in_evaluation_or_without_a_share() -> None:
    x = torch.randn(9)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


def test_dropping_everything_is_refused() -> None:
    with pytest.raises(InputError, match=r"dropout=1: .*; pass 0 <= dropout < 1"):
        Dropout(1.0)
