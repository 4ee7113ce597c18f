"""The causal transformer sees the past only, and padding does not matter."""

from __future__ import annotations

import torch

from penchant.nn.transformer import TransformerBlock, last_valid


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
