"""The causal transformer sees the past only, and padding does not matter."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from penchant.nn.transformer import TransformerBlock, attention, last_valid


def test_a_step_does_not_see_what_follows() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(16, 2).eval()
    x = torch.randn(3, 7, 16)
    changed = x.clone()
    changed[:, 5:] = torch.randn(3, 2, 16)
    torch.testing.assert_close(block(x)[:, :5], block(changed)[:, :5])
    assert not torch.allclose(block(x)[:, 5:], block(changed)[:, 5:])


def test_padding_on_the_right_changes_nothing() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(16, 4).eval()
    x = torch.randn(1, 4, 16)
    padded = torch.cat([x, torch.randn(1, 3, 16)], dim=1)
    torch.testing.assert_close(last_valid(block(x), torch.tensor([4])), last_valid(block(padded), torch.tensor([4])))


@pytest.mark.parametrize("causal", [True, False])
def test_attention_by_plain_products_equals_torchs(causal: bool) -> None:
    torch.manual_seed(0)
    queries, keys, values = torch.randn(3, 2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    mask = None if causal else torch.rand(2, 1, 1, 5).argsort(-1) < 3
    ours = attention(queries, keys, values, mask=mask, causal=causal)
    theirs = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal)
    torch.testing.assert_close(ours, theirs)
    toward = torch.randn_like(ours)
    wanted = torch.autograd.grad((theirs * toward).sum(), (queries, keys, values))
    for a, b in zip(torch.autograd.grad((ours * toward).sum(), (queries, keys, values)), wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_dropped_attention_keeps_its_mean_and_the_mask() -> None:
    torch.manual_seed(0)
    queries, keys, values = torch.randn(3, 1, 1, 4, 8).expand(3, 4000, 1, 4, 8).requires_grad_()
    kept = attention(queries, keys, values, causal=True)
    dropped = attention(queries, keys, values, causal=True, drop=0.5)
    assert not torch.allclose(kept, dropped)
    torch.testing.assert_close(dropped.mean(0), kept.mean(0), atol=0.15, rtol=0)
    first = dropped[:, 0, 0] / values[:, 0, 0]  # the first step sees itself alone: dropped, or twice its value
    assert set(first.round().flatten().tolist()) == {0.0, 2.0}
