"""Masks decide what is seen; keys and values made once serve every query."""

from __future__ import annotations

import pytest
import torch

from penchant.core.errors import InputError
from penchant.nn.encoder_decoder import DecoderBlock, EncoderBlock, MemoryAttention


def test_only_what_the_mask_allows_is_seen() -> None:
    torch.manual_seed(0)
    block = EncoderBlock(8, 2).eval()
    x = torch.randn(1, 4, 8)
    mask = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]], dtype=torch.bool)
    other = x.clone()
    other[:, 2] += 1
    before, after = block(x, mask), block(other, mask)
    torch.testing.assert_close(before[:, [0, 1, 3]], after[:, [0, 1, 3]])
    assert not torch.allclose(before[:, 2], after[:, 2])


def test_groups_see_themselves_and_the_memory_and_nothing_of_each_other() -> None:
    torch.manual_seed(0)
    block = DecoderBlock(8, 2).eval()
    x, memory = torch.randn(2, 3, 4, 8), torch.randn(2, 5, 8)
    mask = torch.ones(12, 5, dtype=torch.bool)
    mask[4:8, 3:] = False  # the second group sees three steps of the memory
    out = block(x, block.remember(memory), mask)
    alone = block(x[:, 1:2], block.remember(memory[:, :3]), torch.ones(4, 3, dtype=torch.bool))
    torch.testing.assert_close(out[:, 1:2], alone)
    longer = block(x[:, :, :2], block.remember(memory), mask[[0, 1, 4, 5, 8, 9]])
    torch.testing.assert_close(out[:, :, :2], longer)  # later steps change nothing before them


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(0)
    block = DecoderBlock(8, 2, dropout=0.1).train()
    x, memory = torch.randn(1, 2, 3, 8), torch.randn(1, 5, 8, requires_grad=True)
    block(x, block.remember(memory), torch.ones(6, 5, dtype=torch.bool)).square().sum().backward()
    assert all(weight.grad is not None and bool(weight.grad.abs().sum() > 0) for weight in block.parameters())
    assert memory.grad is not None and bool(memory.grad.abs().sum() > 0)


def test_heads_share_the_width() -> None:
    with pytest.raises(InputError, match="heads=3"):
        MemoryAttention(8, 3, 0.0)
